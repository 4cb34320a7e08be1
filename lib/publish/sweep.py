"""Run what a notebook defines for many settings, and keep every run with its provenance.

A notebook that reports many trainings sets the list `SWEEP` in a cell tagged `sweep-settings`: dicts, each with a
`part`. A run of part "x" executes the cells tagged `sweep` (imports, classes, data) and those tagged `sweep-x`, which
define `run_x(setting) -> dict`. `python -m lib sweep NOTEBOOK` does so in other processes, through joblib, so what
runs is what the reader sees on the page. It writes one line a run to `data/results/sweeps/<slug>.jsonl`: setting,
result, provenance. It goes on where it was interrupted; runs of changed cells are made again. The notebook reads the
file, and recomputes one run as a check.
"""

import contextlib
import datetime
import io
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from lib.publish import module_hashes, tracing
from lib.publish.definitions import digest
from lib.publish.key import Tree, part_cells, reach
from lib.publish.loaders import keep_calls, loader_problems
from lib.publish.project import RESULTS, ROOT, PublishError, has_tag, read_notebook
from lib.publish.runs import append_run, read_runs, setting_key, write_runs
from lib.publish.stamp import (
    INSTRUCTIONS,
    data_problems,
    installed_versions,
    machine,
    read_log,
    sweep_file,
)


def definitions(notebook: dict, part: str) -> str:
    """The source of the cells that define a part of the sweep, in order."""
    return "\n\n".join(part_cells(notebook, part))


def settings(notebook: dict, path: Path) -> list[dict]:
    """The list `SWEEP` of the cell tagged `sweep-settings`; empty without such a cell.

    Raises `PublishError` when a setting has no part, or no cell defines that part.
    """
    names: dict = {}
    for cell in notebook["cells"]:
        if has_tag(cell, "sweep-settings"):
            with contextlib.redirect_stdout(io.StringIO()):  # on the page the cell may say how many there are
                exec(compile(cell["source"], f"{path.name}, sweep-settings", "exec"), names)
    wanted = names.get("SWEEP", [])
    for part in {s.get("part") for s in wanted}:
        if f"def run_{part}(" not in definitions(notebook, part):
            raise PublishError(
                f"{path}: its sweep names the part {part!r}; tag the cell that has run_{part} sweep-{part}"
            )
    return wanted


class Parts:
    """What the parts of a sweep are today, to tell which stored runs are of today's code."""

    def __init__(self, notebook: dict, names: Iterable[str], results: Path = RESULTS, tree: Tree | None = None) -> None:
        self.tree, self.results = tree or Tree.at(), results
        self.sources = {part: definitions(notebook, part) for part in names}
        self.keys = {part: reach(part_cells(notebook, part), self.tree).key for part in self.sources}
        self._loaders: dict[str, list[str]] = {}
        self._code: dict[str, str] = {}
        self._holds = cache(lambda item: module_hashes.module_hash(item[0], ROOT) == item[1])

    def problems(self, run: dict) -> list[str]:
        """Why a stored run isn't one of today's code; empty when it is."""
        part, made = run["setting"]["part"], run["provenance"]
        if part not in self.keys:
            return ["not in its sweep"]
        if "key" not in made:  # a run from before there were keys
            if part not in self._code:
                self._code[part] = digest(module_hashes.essential(self.sources[part]))
            same = made["code"] == self._code[part] and all(map(self._holds, made["modules"].items()))
            return [] if same else ["of other code"]
        if made["key"] != self.keys[part]:
            return ["of other code"]
        calls = json.dumps(made["loaded"], sort_keys=True)
        if calls not in self._loaders:
            self._loaders[calls] = loader_problems(made["loaded"], self.results, self.tree)
        return self._loaders[calls]


def sweep_problems(path: Path, results: Path = RESULTS, tree: Tree | None = None) -> list[str]:
    """Why the stored runs do not belong to the code as it is now; empty when they do or the notebook has no sweep."""
    notebook = read_notebook(path)
    wanted = settings(notebook, path)
    try:
        runs = read_runs(sweep_file(path, results))
        parts = Parts(notebook, {s["part"] for s in wanted}, results, tree)
        faults = {setting_key(r["setting"]): parts.problems(r) for r in runs}
    except PublishError as error:
        return [str(error)]
    asked = {setting_key(s) for s in wanted}
    problems = []
    if missing := sum(key not in faults for key in asked):
        problems.append(f"{missing} of {len(asked)} runs of its sweep are missing")
    of_other_code = [reasons[0] for key, reasons in faults.items() if key in asked and reasons]
    for reason in sorted(set(of_other_code)):
        problems.append(f"{of_other_code.count(reason)} of {len(asked)} runs of its sweep: {reason}")
    if extra := sum(key not in asked for key in faults):
        problems.append(f"{extra} stored runs are not in its sweep")
    data = {name: known for run in runs for name, known in run["provenance"]["data"].items()}
    return problems + data_problems(data, "its sweep")


@cache
def _namespace(source: str, name: str) -> dict:
    """The names that the notebook's cells define, once a process; every data set they read goes to a log."""
    handle, log = tempfile.mkstemp(prefix="notes_sweep_", suffix=".log")
    os.close(handle)
    os.environ["NOTES_DATA_LOG"] = log
    names: dict = {"__name__": "notebook"}
    exec(compile(source, name, "exec"), names)
    return names


@cache
def _own_key(cells: tuple[str, ...]) -> str:
    return reach(cells).key


@dataclass(frozen=True)
class Job:
    """One run, as it is sent to another process or machine."""

    page: str
    cells: tuple[str, ...]
    key: str
    versions: tuple[tuple[str, str], ...]
    setting: dict


def _run(job: Job) -> tuple[dict, dict, dict | None, str]:
    """One run in this process: its setting, what it returned, and where it comes from; or None and the error."""
    if str(ROOT) not in sys.path:
        sys.path.insert(0, str(ROOT))
    tracing.trace(str(ROOT))
    os.environ.setdefault("ONEDNN_MAX_CPU_ISA", INSTRUCTIONS)
    began = time.perf_counter()
    try:
        if _own_key(job.cells) != job.key:
            raise PublishError(
                f"the worker on {platform.node()} has other code of lib; update its copy of the repository"
            )
        here = installed_versions()
        if differ := [f"{n} {here.get(n)} for {v}" for n, v in job.versions if here.get(n) != v]:
            raise PublishError(f"the worker on {platform.node()} has other packages: {', '.join(differ)}")
        names = _namespace("\n\n".join(job.cells), job.page)
        result = names[f"run_{job.setting['part']}"](dict(job.setting))
        text = json.dumps(result, allow_nan=False)  # as it will be stored
    except Exception as error:  # one failed run must not end the others
        return job.setting, {}, None, f"{type(error).__name__}: {error}"
    provenance = {
        "key": job.key,
        **read_log(Path(os.environ["NOTES_DATA_LOG"])),
        **machine(list(sys.modules)),
        "seconds": round(time.perf_counter() - began, 1),
        "date": datetime.date.today().isoformat(),
    }
    return job.setting, json.loads(text), provenance, ""


@contextlib.contextmanager
def _workers(cluster: str | None) -> Iterator[None]:
    """Where joblib runs: processes here, or the workers of the Dask scheduler at an address."""
    import joblib

    if cluster is None:
        yield
        return
    try:
        from distributed import Client
    except ImportError:
        raise PublishError("--cluster needs Dask; install it with: pip install -e '.[cluster]'") from None
    try:
        client = Client(cluster, timeout="10s")
    except (OSError, ValueError) as error:
        raise PublishError(
            f"no Dask scheduler answers at {cluster} ({error}); start one with: dask scheduler"
        ) from None
    from joblib._dask import DaskDistributedBackend

    class Cluster(DaskDistributedBackend):
        def effective_n_jobs(self, n_jobs: int) -> int:
            return max(2, super().effective_n_jobs(n_jobs))  # for one joblib runs here instead

    with client, joblib.parallel_config(backend=Cluster(wait_for_workers_timeout=30)):
        yield


def computed(
    path: Path, notebook: dict, todo: list[dict], jobs: int, cluster: str | None = None, say: Callable = print
) -> Iterator[dict]:
    """The runs of these settings, each as soon as it is done; what failed is said and left out.

    Parameters
    ----------
    jobs : processes at a time. `cluster` : the address of a Dask scheduler, whose workers then run them.

    Raises
    ------
    PublishError
        A run read a synthetic stand-in, or the cluster can't be reached.
    """
    import joblib

    os.environ.setdefault("ONEDNN_MAX_CPU_ISA", INSTRUCTIONS)  # before a worker imports torch
    cells = {part: tuple(part_cells(notebook, part)) for part in {s["part"] for s in todo}}
    keys = {part: reach(sources).key for part, sources in cells.items()}
    versions = tuple(installed_versions().items())
    work = [Job(path.name, cells[s["part"]], keys[s["part"]], versions, s) for s in todo]
    with _workers(cluster):
        parallel = joblib.Parallel(n_jobs=jobs, return_as="generator_unordered", batch_size=1)
        for setting, result, provenance, error in parallel(joblib.delayed(_run)(job) for job in work):
            if provenance is None:
                say(f"  failed {setting_key(setting)}: {error}")
                continue
            if any(name.endswith(":synthetic") for name in provenance["data"]):
                raise PublishError(f"{path}: a run of its sweep read a stand-in, which is never published")
            shown = {k: v for k, v in result.items() if isinstance(v, int | float)}
            say(f"  {provenance['seconds']:7.1f} s  {setting_key(setting)}  {setting_key(shown)}")
            yield {"setting": setting, "result": result, "provenance": provenance}


def sweep(
    path: Path,
    jobs: int,
    say: Callable[[str], None] = print,
    only: str = "",
    results: Path = RESULTS,
    cluster: str | None = None,
) -> int:
    """Run the settings that have no current run yet; returns how many failed.

    A run that is there stays until a new one of the same setting has been stored.

    Parameters
    ----------
    only : run only settings whose JSON holds this text. `results` : the folder in which the runs are kept.
    jobs, cluster : see `computed`.

    Raises
    ------
    PublishError
        The notebook has no sweep, the stored runs can't be read, and what `computed` raises.
    """
    path = path.resolve()
    notebook = read_notebook(path)
    wanted, file = settings(notebook, path), sweep_file(path, results)
    if not wanted:
        raise PublishError(f"{path}: it has no sweep (no cell tagged `sweep-settings`)")
    asked = {setting_key(s) for s in wanted}
    parts = Parts(notebook, {s["part"] for s in wanted}, results)
    kept = [r for r in read_runs(file) if setting_key(r["setting"]) in asked]
    done = {setting_key(r["setting"]) for r in kept if not parts.problems(r)}
    todo = [s for s in wanted if setting_key(s) not in done and only in setting_key(s)]
    write_runs(file, kept)
    say(f"{path.name}: {len(done)} of {len(wanted)} runs are there, {len(todo)} to do{estimate(kept, todo, jobs)}")
    stored = 0
    for run in computed(path, notebook, todo, jobs, cluster, say):
        append_run(file, run)
        keep_calls(run["provenance"]["loaded"], results, parts.tree)
        stored += 1
    write_runs(file, read_runs(file))
    return len(todo) - stored


def estimate(runs: list[dict], todo: list[dict], jobs: int) -> str:
    """How long it will take by what the same settings, or others of their part, took before; empty if none did."""
    took = {setting_key(r["setting"]): r["provenance"]["seconds"] for r in runs}
    of_part: dict[str, list[float]] = {}
    for run in runs:
        of_part.setdefault(run["setting"]["part"], []).append(run["provenance"]["seconds"])
    means = {part: sum(t) / len(t) for part, t in of_part.items()}
    seconds = [took.get(setting_key(s), means.get(s["part"])) for s in todo]
    if not seconds or None in seconds:
        return ""
    return f", about {sum(seconds) / min(at_once(jobs), len(seconds)) / 60:.0f} min"


def at_once(jobs: int) -> int:
    """How many processes joblib starts for this number of jobs."""
    return jobs if jobs > 0 else max(1, (os.cpu_count() or 1) + 1 + jobs)
