"""Execute a notebook at one of its scales, and keep what came out only if every cell ran.

The cells' parameters are the production values in plain view in the cell tagged `parameters`. Another scale
overrides some of them; the overrides lie in the notebook's metadata under `notes`, as
`{"smoke": {"data": "synthetic"}, "gpu": {"epochs": 50}}`. A smoke run never stores anything.
"""

import datetime
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from lib.publish import numbers, tracing
from lib.publish.key import page_cells, reach
from lib.publish.loaders import keep_calls
from lib.publish.project import RESULTS, ROOT, SCALES, PublishError, has_tag, read_notebook, slug, write_atomically
from lib.publish.runs import MEASURED
from lib.publish.stamp import INSTRUCTIONS, metrics_hash, read_log, sweep_hash

# Runs as the last cell, in the notebook's own kernel, and tells what only that process knows; never stored.
PROBE = """
import json as _json, sys as _sys
_loaded = list(_sys.modules)
from lib.publish.stamp import machine as _machine
print(_json.dumps(_machine(_loaded)))
"""


def scale_parameters(notebook: dict, scale: str, path: Path) -> dict:
    """The parameter overrides of a scale; production (`cpu`) needs none."""
    if scale not in SCALES:
        raise PublishError(f"unknown scale {scale!r}: choose one of {', '.join(SCALES)}")
    overrides = notebook.get("metadata", {}).get("notes", {}).get(scale)
    if overrides is None and scale != "cpu":
        raise PublishError(f'{path}: it has no {scale} scale; add {{"{scale}": {{…}}}} to its metadata under "notes"')
    if overrides and not any(has_tag(c, "parameters") for c in notebook["cells"]):
        raise PublishError(f"{path}: no cell is tagged `parameters`, so the {scale} scale can't override any")
    return overrides or {}


def heading_of(cell: dict, last: str) -> str:
    """The section a cell stands in, for the progress lines."""
    if cell["cell_type"] != "markdown":
        return last
    headings = [line.lstrip("# ").strip() for line in cell["source"].splitlines() if line.startswith("#")]
    return headings[-1] if headings else last


def with_parameters(node: dict, parameters: dict) -> dict:
    """The notebook with a cell after the parameters that overrides some of them, without papermill's own records."""
    from papermill.parameterize import parameterize_notebook

    for cell in node.cells:  # papermill looks for the tag in every cell
        cell.metadata.setdefault("tags", [])
    node.metadata.setdefault("papermill", {})
    node = parameterize_notebook(node, parameters, kernel_name="python3", language="python")
    for cell in node.cells:
        if not cell.metadata["tags"]:
            del cell.metadata["tags"]
    del node.metadata["papermill"]
    return node


def execute(
    notebook: dict,
    path: Path,
    parameters: dict,
    results: Path,
    say: Callable[[str], None],
    root: Path = ROOT,
    trace: Path | None = None,
) -> tuple[dict, dict]:
    """Run every cell in a fresh kernel; the notebook with its outputs, and what the probe told.

    Parameters
    ----------
    results : the folder into which the notebook's `Results.save()` writes.
    root : where its `lib` lies. `trace` : begins the names of files for the lines it executes (`difference.py`).

    Raises
    ------
    PublishError
        When a cell fails; the message holds the cell's section and the end of its traceback.
    """
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, DeadKernelError

    node = nbformat.from_dict(notebook)
    node = nbformat.v4.upgrade(node) if node.nbformat_minor < 5 else node
    if parameters:
        node = with_parameters(node, parameters)
    node.cells.append(nbformat.v4.new_code_cell(PROBE))
    last_cell = len(node.cells) - 2
    if trace:
        node.cells.insert(0, nbformat.v4.new_code_cell(tracing.start(root)))
    section, began = "", 0.0

    def on_start(cell: dict, cell_index: int) -> None:
        nonlocal section, began
        section, began = heading_of(cell, section), time.perf_counter()

    def on_done(cell: dict, cell_index: int, execute_reply: dict) -> None:
        seconds = time.perf_counter() - began
        if cell_index <= last_cell:
            say(f"  cell {cell_index + 1} of {last_cell + 1}  {seconds:7.1f} s  {section}")

    data_log = results / "data.log"
    client = NotebookClient(
        node,
        timeout=None,
        kernel_name="python3",
        resources={"metadata": {"path": str(path.parent)}},
        on_cell_start=on_start,
        on_cell_executed=on_done,
        extra_arguments=["--IPKernelApp.log_level=ERROR"],
    )
    own_python = str(Path(sys.executable).parent)
    client_env = {
        **os.environ,
        "NOTES_RESULTS": str(results),
        "NOTES_DATA_LOG": str(data_log),
        "PYTHONHASHSEED": "0",
        "ONEDNN_MAX_CPU_ISA": os.environ.get("ONEDNN_MAX_CPU_ISA", INSTRUCTIONS),
        "PYTHONPATH": os.pathsep.join(filter(None, [str(root), os.environ.get("PYTHONPATH", "")])),
        "PATH": os.pathsep.join([own_python, os.environ.get("PATH", "")]),
    }
    if os.environ.get("NOTES_DATA"):  # the kernel runs in another folder
        client_env["NOTES_DATA"] = str(Path(os.environ["NOTES_DATA"]).resolve())
    if trace:
        client_env[tracing.TRACE] = str(trace)
    try:
        client.execute(env=client_env)
    except (CellExecutionError, DeadKernelError) as error:
        tail = "\n".join(str(error).strip().splitlines()[-12:])
        raise PublishError(f"{path}: a cell failed in section “{section}”; nothing was stored\n{tail}") from None
    probe = json.loads("".join(o["text"] for o in node.cells.pop().outputs if o.get("name") == "stdout"))
    if trace:
        node.cells.pop(0)
    for cell in node.cells:
        cell.metadata.pop("execution", None)  # times of day
    return node, {**probe, **read_log(data_log)}


def run(path: Path, scale: str = "cpu", say: Callable[[str], None] = print) -> dict:
    """Execute a notebook and, unless the scale is smoke, store outputs, stamp and results.

    Returns the stamp. Nothing on disk changes before every cell has run, so a failed or interrupted run leaves the
    old outputs and results as they were.

    Raises
    ------
    PublishError
        When a cell fails, or a run that is to be stored read a synthetic stand-in.
    """
    path = path.resolve()
    notebook = read_notebook(path)
    notebook["cells"] = [c for c in notebook["cells"] if not has_tag(c, "injected-parameters")]
    parameters = scale_parameters(notebook, scale, path)
    key = reach(page_cells(notebook)).key  # of the code that is about to run
    scratch = Path(tempfile.mkdtemp(prefix="notes_run_"))
    say(f"{path.name}: {scale} run, {len(notebook['cells'])} cells")
    began = time.perf_counter()
    try:
        done, probe = execute(notebook, path, parameters, scratch, say)
        seconds = round(time.perf_counter() - began, 1)
        recorded_file = scratch / f"{slug(path)}.json"
        recorded = json.loads(recorded_file.read_text()) if recorded_file.is_file() else None
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    stamp = {
        "scale": scale,
        "parameters": parameters,
        "key": key,
        "data": probe["data"],
        "loaded": probe["loaded"],
        "results": metrics_hash(recorded if scale != "smoke" else steady(recorded)) if recorded else None,
        **({"sweep": drawn} if (drawn := sweep_hash(path)) else {}),
        "device": probe["device"],
        "versions": probe["versions"],
        "seconds": seconds,
        "peak_memory_mb": probe["peak_memory_mb"],
        "date": datetime.date.today().isoformat(),
    }
    if scale != "smoke":
        store(path, done, recorded, stamp)
    say(f"{path.name}: done in {seconds} s, peak memory {probe['peak_memory_mb']} MB")
    return stamp


def steady(recorded: dict) -> dict:
    """What was recorded, without what was measured of the machine: the same in each run of the same code."""
    measured = [name for name in recorded["metrics"] if MEASURED.search(name) or name.startswith("speed_ratio_")]
    return {"metrics": {name: m for name, m in recorded["metrics"].items() if name not in measured}}


def store(path: Path, done: dict, recorded: dict | None, stamp: dict) -> None:
    """Put outputs, stamp and results in their places, each atomically, and bring the quoted numbers up to date."""
    import nbformat

    synthetic = [name for name in stamp["data"] if name.endswith(":synthetic")]
    if synthetic:
        raise PublishError(f"{path}: it ran on the stand-in {', '.join(synthetic)}, which is never published")
    keep_calls(stamp["loaded"], RESULTS)
    done.metadata["provenance"] = stamp
    if recorded:
        recorded["provenance"] = stamp
        text = json.dumps(recorded, indent=1, ensure_ascii=False) + "\n"
        write_atomically(RESULTS / f"{slug(path)}.json", text)
    write_atomically(path, nbformat.writes(done) + "\n")
    if recorded:
        numbers.refresh(path, RESULTS)
