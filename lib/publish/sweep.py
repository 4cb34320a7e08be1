"""Run what a notebook defines for many settings, and keep every run with its provenance.

A notebook that reports many trainings sets the list `SWEEP` in a cell tagged `sweep-settings`: dicts, each with a
`part`. A run of part "x" executes the cells tagged `sweep` (imports, classes, data) and those tagged `sweep-x`, which
define `run_x(setting) -> dict`. `python -m lib sweep NOTEBOOK` does so in other processes, through joblib, so what
runs is what the reader sees on the page. It writes one line a run to `data/results/sweeps/<slug>.jsonl`: setting,
result, provenance. It goes on where it was interrupted; runs of changed cells are made again. The notebook reads the
file, and recomputes one run as a check.
"""

import datetime
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path

from lib.publish.project import RESULTS, ROOT, PublishError, has_tag, read_notebook, write_atomically
from lib.publish.stamp import current_data_hash, digest, essential, machine, sweep_file


def definitions(notebook: dict, part: str) -> str:
    """The source of the cells that define a part of the sweep, in order."""
    tags = ("sweep", f"sweep-{part}")
    return "\n\n".join(c["source"] for c in notebook["cells"] if any(has_tag(c, tag) for tag in tags))


def part_hash(notebook: dict, part: str) -> str:
    """The hash of what the runs of a part execute, comments and docstrings apart."""
    return digest(essential(definitions(notebook, part)))


def settings(notebook: dict, path: Path) -> list[dict]:
    """The list `SWEEP` of the cell tagged `sweep-settings`; empty without such a cell.

    Raises `PublishError` when a setting has no part, or no cell defines that part.
    """
    names: dict = {}
    for cell in notebook["cells"]:
        if has_tag(cell, "sweep-settings"):
            exec(compile(cell["source"], f"{path.name}, sweep-settings", "exec"), names)
    wanted = names.get("SWEEP", [])
    for part in {s.get("part") for s in wanted}:
        if f"def run_{part}(" not in definitions(notebook, part):
            raise PublishError(
                f"{path}: its sweep names the part {part!r}; tag the cell that has run_{part} sweep-{part}"
            )
    return wanted


def read_runs(file: Path) -> list[dict]:
    """The stored runs; a last line that was cut off by an interruption is left out."""
    runs = []
    for line in file.read_text(encoding="utf-8").splitlines() if file.is_file() else []:
        try:
            runs.append(json.loads(line))
        except ValueError:
            break
    return runs


def sweep_problems(path: Path, results: Path = RESULTS) -> list[str]:
    """Why the stored runs do not belong to the notebook's cells; empty when they do or it has no sweep."""
    notebook = read_notebook(path)
    wanted, runs = settings(notebook, path), read_runs(sweep_file(path, results))
    codes = {part: part_hash(notebook, part) for part in {s["part"] for s in wanted}}
    current = {_key(r["setting"]) for r in runs if r["provenance"]["code"] == codes.get(r["setting"]["part"])}
    problems = []
    if missing := sum(_key(setting) not in current for setting in wanted):
        problems.append(f"{missing} runs of its sweep are missing or of other code")
    if extra := len(runs) - len(wanted):
        problems += [f"{extra} stored runs are not in its sweep"] if extra > 0 else []
    for name, known in {pair for run in runs for pair in run["provenance"]["data"].items()}:
        if (now := current_data_hash(name)) is not None and now != known:
            problems.append(f"the data set {name} differs from the one its sweep ran on")
    return problems


def _key(setting: dict) -> str:
    return json.dumps(setting, sort_keys=True)


@cache
def _namespace(source: str, name: str) -> dict:
    """The names that the notebook's cells define, once a process; every data set they read goes to a log."""
    handle, log = tempfile.mkstemp(prefix="notes_sweep_", suffix=".log")
    os.close(handle)
    os.environ["NOTES_DATA_LOG"] = log
    names: dict = {"__name__": "notebook"}
    exec(compile(source, name, "exec"), names)
    return names


def _run(source: str, name: str, setting: dict) -> tuple[dict, dict, dict | None, str]:
    """One run in this process: its setting, what it returned, and where it comes from; or None and the error."""
    if str(ROOT) not in sys.path:
        sys.path.insert(0, str(ROOT))
    began = time.perf_counter()
    try:
        names = _namespace(source, name)
        result = names[f"run_{setting['part']}"](dict(setting))
    except Exception as error:  # one failed run must not end the others
        return setting, {}, None, f"{type(error).__name__}: {error}"
    log = Path(os.environ["NOTES_DATA_LOG"]).read_text(encoding="utf-8").splitlines()
    provenance = {
        **machine(list(sys.modules)),
        "data": {entry["name"]: entry["hash"] for entry in map(json.loads, log)},
        "seconds": round(time.perf_counter() - began, 1),
        "date": datetime.date.today().isoformat(),
    }
    return setting, result, provenance, ""


def sweep(path: Path, jobs: int, say: Callable[[str], None] = print, only: str = "") -> int:
    """Run the settings that have no current run yet; returns how many failed.

    Parameters
    ----------
    jobs : processes at a time. `only` : run only settings whose JSON holds this text.

    Raises
    ------
    PublishError
        The notebook has no sweep, or a run read a synthetic stand-in.
    """
    import joblib

    path = path.resolve()
    notebook = read_notebook(path)
    wanted, file = settings(notebook, path), sweep_file(path)
    if not wanted:
        raise PublishError(f"{path}: it has no sweep (no cell tagged `sweep-settings`)")
    codes = {part: part_hash(notebook, part) for part in {s["part"] for s in wanted}}
    keys = {_key(s) for s in wanted}
    kept = [r for r in read_runs(file) if _key(r["setting"]) in keys]
    kept = [r for r in kept if r["provenance"]["code"] == codes[r["setting"]["part"]]]
    write_atomically(file, "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in kept))
    done = {_key(r["setting"]) for r in kept}
    todo = [s for s in wanted if _key(s) not in done and only in _key(s)]
    say(f"{path.name}: {len(done)} of {len(wanted)} runs are there, {len(todo)} to do")
    # Anything that `joblib.parallel_config` names runs them: Dask or Ray on a cluster, processes by default.
    parallel = joblib.Parallel(n_jobs=jobs, return_as="generator_unordered", batch_size=1)
    sources = {part: definitions(notebook, part) for part in codes}
    failed = 0
    for setting, result, provenance, error in parallel(
        joblib.delayed(_run)(sources[setting["part"]], path.name, setting) for setting in todo
    ):
        if provenance is None:
            failed += 1
            say(f"  failed {_key(setting)}: {error}")
            continue
        if any(name.endswith(":synthetic") for name in provenance["data"]):
            raise PublishError(f"{path}: a run of its sweep read a stand-in, which is never published")
        line = {"setting": setting, "result": result, "provenance": {"code": codes[setting["part"]]} | provenance}
        with file.open("a", encoding="utf-8") as out:
            out.write(json.dumps(line, ensure_ascii=False, allow_nan=False) + "\n")
            out.flush()
            os.fsync(out.fileno())
        shown = {k: v for k, v in result.items() if isinstance(v, int | float)}
        say(f"  {provenance['seconds']:7.1f} s  {_key(setting)}  {_key(shown)}")
    return failed
