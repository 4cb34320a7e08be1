"""The provenance stamp of a notebook: what its stored outputs were computed from, and whether that still holds.

A stamp lies in the notebook's metadata under `provenance`. It holds a hash of the code cells, one of each module
of `lib` that the run loaded, and one of each data set it read; comments, docstrings and blank lines do not count,
so a better explanation never forces a re-run. It also says how the run was made: scale, device, package versions,
seconds, peak memory, date.
"""

import ast
import hashlib
import io
import json
import platform
import re
import resource
import sys
import tokenize
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

from lib.publish.project import RESULTS, ROOT, has_tag, read_notebook, slug

# What these modules deliver is pinned by the hash of the data itself, so a change in them is no reason to run again.
PINNED_BY_DATA = (
    "lib.data",
    "lib.data.registry",
    "lib.data.archive",
    "lib.data.commands",
    "lib.data.download",
    "lib.data.errors",
    "lib.data.kept",
    "lib.data.mirrors",
    "lib.data.progress",
    "lib.data.store",
)
# Packages whose versions a stamp tells, by the name they are installed and the one they are imported under.
PACKAGES = {
    "numpy": "numpy",
    "pandas": "pandas",
    "scipy": "scipy",
    "scikit-learn": "sklearn",
    "matplotlib": "matplotlib",
    "seaborn": "seaborn",
    "torch": "torch",
    "torchaudio": "torchaudio",
    "accelerate": "accelerate",
    "librosa": "librosa",
    "sleepecg": "sleepecg",
}
MAGIC = re.compile(r"^(\s*)([!%].*)$", re.M)


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def metrics_hash(recorded: dict) -> str:
    """The hash of what a results file holds, apart from where it came from."""
    return digest(json.dumps(recorded["metrics"], sort_keys=True))


def essential(source: str) -> str:
    """Python source without comments, docstrings and blank lines; IPython's `!` and `%` lines are kept as text.

    Source that is no valid Python comes back as it is, stripped.
    """
    plain = MAGIC.sub(lambda m: f"{m[1]}_magic({m[2]!r})", source)
    try:
        tree = ast.parse(plain)
        tokens = list(tokenize.generate_tokens(io.StringIO(plain).readline))
    except (SyntaxError, tokenize.TokenError):
        return source.strip()
    lines = plain.splitlines()
    for token in tokens:
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column]
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(getattr(first.value, "value", None), str):
                for row in range(first.lineno - 1, first.end_lineno):
                    lines[row] = ""
    return "\n".join(line.rstrip() for line in lines if line.strip())


def code_hash(notebook: dict) -> str:
    """The hash of the notebook's code cells, apart from parameters that a run injected."""
    cells = (
        c["source"] for c in notebook["cells"] if c["cell_type"] == "code" and not has_tag(c, "injected-parameters")
    )
    return digest("\n\n".join(e for e in map(essential, cells) if e))


def module_file(module: str, root: Path = ROOT) -> Path:
    base = root.joinpath(*module.split("."))
    return base / "__init__.py" if base.is_dir() else base.with_suffix(".py")


def module_hash(module: str, root: Path = ROOT) -> str | None:
    """The hash of a module of `lib`, or None when there is no such module any more."""
    file = module_file(module, root)
    return digest(essential(file.read_text(encoding="utf-8"))) if file.is_file() else None


def module_hashes(loaded: Iterable[str], root: Path = ROOT) -> dict[str, str]:
    """Module → hash for the modules of `lib` that a run loaded and that can change its outputs.

    The checks are left out: what they say to a right answer is one line, and their own tests guard it.
    """
    ours = (m for m in loaded if m == "lib" or m.startswith("lib."))
    kept = sorted(m for m in ours if m not in PINNED_BY_DATA and not m.startswith("lib.checks"))
    return {m: h for m in kept if (h := module_hash(m, root))}


def machine(loaded: list[str]) -> dict:
    """What this process knows of its run: hashes of the loaded modules of lib, package versions, device, peak memory.

    `loaded` are the names of the modules that the run itself imported.
    """
    device = "cpu"
    if "torch" in loaded and sys.modules["torch"].cuda.is_available():
        device = sys.modules["torch"].cuda.get_device_name(0)
    return {
        "modules": module_hashes(loaded),
        "versions": {"python": platform.python_version()}
        | {name: metadata.version(name) for name, module in PACKAGES.items() if module in loaded},
        "device": device,
        "peak_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def current_data_hash(name: str) -> str | None:
    """The hash of a data set as it lies on this machine; None when it is not here or is a synthetic stand-in."""
    if name.endswith(":synthetic"):
        return None
    from lib.data import content_hash, locate

    return content_hash(name) if locate(name) else None


def sweep_file(path: Path, results: Path = RESULTS) -> Path:
    """Where the runs of a notebook's sweep are kept (see lib/publish/sweep.py)."""
    return results / "sweeps" / f"{slug(path)}.jsonl"


def sweep_hash(path: Path, results: Path = RESULTS) -> str | None:
    """The hash of the stored runs that a notebook draws, or None when it has no sweep."""
    file = sweep_file(path, results)
    return digest(file.read_text(encoding="utf-8")) if file.is_file() else None


def problems(path: Path, root: Path = ROOT, results: Path = RESULTS) -> list[str]:
    """Why a notebook's stored outputs are not to be trusted; an empty list when they are up to date."""
    notebook = read_notebook(path)
    code_cells = [c for c in notebook["cells"] if c["cell_type"] == "code" and c["source"].strip()]
    stamp = notebook.get("metadata", {}).get("provenance")
    if not stamp:
        return ["never run: it has no provenance stamp"]
    found = []
    if stamp["code"] != code_hash(notebook):
        found.append("its code cells changed")
    for module, known in stamp["modules"].items():
        now = module_hash(module, root)
        if now is None:
            found.append(f"{module} is gone")
        elif now != known:
            found.append(f"{module} changed")
    for name, known in stamp["data"].items():
        now = current_data_hash(name)
        if now is not None and now != known:
            found.append(f"the data set {name} differs from the one it ran on")
    if any(c.get("execution_count") is None for c in code_cells):
        found.append("a cell was never executed")
    if any(o.get("output_type") == "error" for c in code_cells for o in c.get("outputs", [])):
        found.append("a stored output is an error")
    if stamp.get("sweep") != sweep_hash(path, results):
        found.append("its sweep has other runs than those it drew")
    found += result_problems(stamp, results / f"{slug(path)}.json")
    return found


def result_problems(stamp: dict, file: Path) -> list[str]:
    """Why the recorded results do not belong to the stored outputs."""
    if not stamp.get("results"):
        return []
    if not file.is_file():
        return [f"{file.name} is missing from data/results"]
    recorded = json.loads(file.read_text(encoding="utf-8"))
    if metrics_hash(recorded) != stamp["results"]:
        return [f"data/results/{file.name} is not what this run recorded"]
    return []
