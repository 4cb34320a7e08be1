"""The provenance stamp of a notebook: what its stored outputs were computed from, and whether that still holds.

A stamp lies in the notebook's metadata under `provenance`. It holds the key of the code (see `key.py`), a hash of each
data set that the run read and of what each loader returned, and says how the run was made: scale, device, package
versions, seconds, peak memory, date. A better explanation never forces a re-run, nor does code that is only moved.
"""

import contextlib
import json
import os
import platform
import resource
import sys
from collections.abc import Iterable
from functools import cache
from importlib import metadata
from pathlib import Path

from lib.publish.definitions import digest
from lib.publish.key import Tree, page_cells, reach
from lib.publish.loaders import loader_problems
from lib.publish.project import RESULTS, ROOT, PublishError, read_notebook, slug
from lib.publish.runs import read_runs

# The newest instructions that oneDNN, PyTorch's library for CPUs, may use in a run. With AMX, which is newer, trainings
# in bfloat16 round otherwise: 36 of 4,215 answers of a network differed. Older processors take what they have.
INSTRUCTIONS = "AVX512_CORE_BF16"
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


def metrics_hash(recorded: dict) -> str:
    """The hash of what a results file holds, apart from where it came from."""
    return digest(json.dumps(recorded["metrics"], sort_keys=True))


def installed_versions(names: Iterable[str] = PACKAGES) -> dict[str, str]:
    """Python's version and those of the packages that are installed here."""
    versions = {"python": platform.python_version()}
    for name in names:
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[name] = metadata.version(name)
    return versions


def machine(loaded: list[str]) -> dict:
    """What this process knows of its run: package versions, device, peak memory.

    `loaded` are the names of the modules that the run itself imported.
    """
    device = "cpu"
    if "torch" in loaded and sys.modules["torch"].cuda.is_available():
        device = sys.modules["torch"].cuda.get_device_name(0)
    return {
        "versions": installed_versions([name for name, module in PACKAGES.items() if module in loaded]),
        "device": device,
        "peak_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def read_log(file: Path) -> dict[str, dict[str, str]]:
    """What a run wrote to its `$NOTES_DATA_LOG`: under `data` the hash of each set, under `loaded` of each call."""
    lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
    entries = [json.loads(line) for line in lines]
    return {
        "data": {e["name"]: e["hash"] for e in entries if "name" in e},
        "loaded": {e["call"]: e["returned"] for e in entries if "call" in e},
    }


def current_data_hash(name: str) -> str | None:
    """The hash of a data set as it lies on this machine; None when it is not here or is a synthetic stand-in."""
    if name.endswith(":synthetic"):
        return None
    return _content_hash(name, os.environ.get("NOTES_DATA"), os.environ.get("NOTES_CACHE"))


@cache
def _content_hash(name: str, user: str | None, cache_folder: str | None) -> str | None:
    from lib.data import content_hash, locate

    return content_hash(name) if locate(name) else None


def data_problems(data: dict[str, str], whose: str) -> list[str]:
    """Which data sets on this machine are not the ones of a run; a set that is not here is no problem."""
    current = {name: current_data_hash(name) for name in data}
    differ = [name for name, known in data.items() if current[name] is not None and current[name] != known]
    return [f"the data set {name} differs from the one {whose} ran on" for name in differ]


def sweep_file(path: Path, results: Path = RESULTS) -> Path:
    """Where the runs of a notebook's sweep are kept (see lib/publish/sweep.py)."""
    return results / "sweeps" / f"{slug(path)}.jsonl"


def sweep_hash(path: Path, results: Path = RESULTS) -> str | None:
    """The hash of the settings and results of the stored runs that a notebook draws, or None when it has no sweep."""
    file = sweep_file(path, results)
    if not file.is_file():
        return None
    return digest("\n".join(sorted(json.dumps([r["setting"], r["result"]], sort_keys=True) for r in read_runs(file))))


def stamp_of(notebook: dict, path: Path) -> dict | None:
    """The stamp of a notebook, or None.

    Raises
    ------
    PublishError
        It is not what a run leaves.
    """
    stamp = notebook.get("metadata", {}).get("provenance")
    if stamp is None:
        return None
    if not isinstance(stamp, dict) or not isinstance(stamp.get("key"), str):
        raise PublishError(f"{path}: its provenance stamp can't be read; run the notebook again, or take the file back")
    return stamp


def problems(path: Path, root: Path = ROOT, results: Path = RESULTS, tree: Tree | None = None) -> list[str]:
    """Why a notebook's stored outputs are not to be trusted; an empty list when they are up to date."""
    tree = tree or Tree.at(root)
    notebook = read_notebook(path)
    code_cells = [c for c in notebook["cells"] if c["cell_type"] == "code" and c["source"].strip()]
    try:
        stamp = stamp_of(notebook, path)
        if not stamp:
            return ["never run: it has no provenance stamp"]
        found = []
        if stamp["key"] != reach(page_cells(notebook), tree).key:
            found.append("its code changed, in its cells or in what they reach of lib")
        found += loader_problems(stamp.get("loaded", {}), results, tree)
    except PublishError as error:
        return [str(error)]
    found += data_problems(stamp["data"], "it")
    if any(c.get("execution_count") is None for c in code_cells):
        found.append("a cell was never executed")
    if any(o.get("output_type") == "error" for c in code_cells for o in c.get("outputs", [])):
        found.append("a stored output is an error")
    if stamp.get("sweep") != sweep_hash(path, results):
        found.append("its sweep has other runs than those it drew")
    return found + result_problems(stamp, results / f"{slug(path)}.json")


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
