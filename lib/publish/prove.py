"""Carry stored outputs over a refactoring, by proof: what old and new code compute is equal, bit for bit.

Of a page whose key changed, the code of its stamp and the code of today run side by side at the smoke scale. Of each
part of a sweep whose runs are of other code, the quickest run of every distinct setting is computed again on the real
data. Every statement that differs between the two codes must have been executed in that. Only if all is equal are stamp
and runs carried over, five times at most; anything else stays out of date. There is no way around it.
"""

import datetime
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from lib.publish import difference, module_hashes, tracing
from lib.publish.definitions import digest
from lib.publish.history import as_of, newest
from lib.publish.key import Tree, page_cells, part_cells, reach
from lib.publish.loaders import keep_calls, link_sets, prove_loaders
from lib.publish.project import RESULTS, ROOT, PublishError, notebook_text, read_notebook, slug, write_atomically
from lib.publish.runs import append_run, differences, read_runs, setting_key, write_runs
from lib.publish.side_by_side import NotProven, compare_smoke, smoke_run, some
from lib.publish.stamp import stamp_of, sweep_file
from lib.publish.sweep import Parts, computed, settings

MOST_CARRIES = 5
LEAST_RUNS = 3
APART = ("seed", "fold")  # settings that differ in these alone are one


def prove(
    paths: list[Path], jobs: int = -1, say: Callable[[str], None] = print, root: Path = ROOT, results: Path = RESULTS
) -> int:
    """Carry over what can be proven equal of these pages and their sweeps; returns how much can't."""
    failed = prove_loaders(say, results)
    for path in paths:
        steps = {path.stem: partial(prove_page, path, say, root, results)}
        for part in stale_parts(path, results):
            steps[f"{path.stem}, part {part} of its sweep"] = partial(prove_part, path, part, jobs, say, root, results)
        for what, step in steps.items():
            try:
                if done := step():
                    say(f"{what}: {done}")
            except (NotProven, PublishError) as reason:
                say(f"{what}: not proven, {reason}")
                failed += 1
    return failed


# --------------------------------------------------------------------------------------------------- pages


def prove_page(path: Path, say: Callable[[str], None], root: Path = ROOT, results: Path = RESULTS) -> str:
    """Carry a page's stamp over; returns what was done, empty if nothing was to do.

    Raises
    ------
    NotProven
        Something differs, was not executed, or the code of the stamp is not in the history.
    """
    notebook = read_notebook(path)
    stamp = stamp_of(notebook, path)
    if stamp is None:
        raise NotProven("it was never run")
    new = reach(page_cells(notebook), Tree.at(root))
    if new.key == stamp["key"]:
        return ""
    carried = carries(stamp)
    inside = path.resolve().relative_to(root).as_posix()
    commit = newest(["lib", inside], lambda folder: _has_key(folder, inside, page_cells, stamp["key"]), root)
    if commit is None:
        raise NotProven("no commit holds the code that its stamp names; run it again")
    with as_of(commit, root) as old_root, traced() as old_trace, traced() as new_trace:
        old_notebook = read_notebook(old_root / inside)
        old = reach(page_cells(old_notebook), Tree.at(old_root))
        say(f"{path.stem}: its code as of {commit[:9]} and as it is now, at the smoke scale")
        twice = [smoke_run(old_notebook, old_root / inside, old_root, trace) for trace in (old_trace, None)]
        now = smoke_run(notebook, path, root, new_trace)
        compare_smoke(twice[0], twice[1], now)
        gone, come = difference.changed(old, new, old_root, root)
        idle = difference.untouched(gone, tracing.executed(old_trace), old_root)
        idle += difference.untouched(come, tracing.executed(new_trace), root)
    if idle:
        raise NotProven(f"changed but never executed: {some(idle)}")
    stamp["carried"] = [*carried, {"key": stamp["key"], "date": today(), "commit": commit}]
    stamp["key"] = new.key
    recorded_file = results / f"{slug(path)}.json"
    if recorded_file.is_file():
        recorded = json.loads(recorded_file.read_text(encoding="utf-8"))
        recorded["provenance"] = stamp
        write_atomically(recorded_file, json.dumps(recorded, indent=1, ensure_ascii=False) + "\n")
    write_atomically(path, notebook_text(notebook))
    return f"same outputs as {commit[:9]} at the smoke scale, {len(come)} changed statements executed; carried over"


def _has_key(folder: Path, inside: str, cells_of: Callable[[dict], list[str]], key: str) -> bool:
    """Whether some cells of a notebook have this key in the repository in a folder."""
    try:
        return reach(cells_of(read_notebook(folder / inside)), Tree.at(folder)).key == key
    except PublishError:
        return False


# -------------------------------------------------------------------------------------------------- sweeps


def stale_parts(path: Path, results: Path = RESULTS) -> list[str]:
    """The parts of a page's sweep that have runs of other code."""
    notebook = read_notebook(path)
    wanted = settings(notebook, path)
    parts = Parts(notebook, {s["part"] for s in wanted}, results)
    runs = read_runs(sweep_file(path, results))
    return sorted({r["setting"]["part"] for r in runs if parts.problems(r) == ["of other code"]})


def sample(runs: list[dict]) -> list[dict]:
    """Of each distinct setting, apart from seeds and folds, the quickest run; at least three."""
    quickest: dict[str, dict] = {}
    ordered = sorted(runs, key=lambda r: (r["provenance"]["seconds"], setting_key(r["setting"])))
    for run in ordered:
        quickest.setdefault(setting_key({k: v for k, v in run["setting"].items() if k not in APART}), run)
    chosen = list(quickest.values())
    rest = [r for r in ordered if not any(r is c for c in chosen)]
    return [*chosen, *rest[: max(0, LEAST_RUNS - len(chosen))]]


def prove_part(
    path: Path, part: str, jobs: int, say: Callable[[str], None], root: Path = ROOT, results: Path = RESULTS
) -> str:
    """Carry over the runs of a part that are of other code; returns what was done.

    Raises
    ------
    NotProven
        A run came out otherwise, or something that changed was not executed.
    """
    notebook = read_notebook(path)
    parts = Parts(notebook, [part], results)
    file = sweep_file(path, results)
    asked = {setting_key(s) for s in settings(notebook, path)}
    mine = [r for r in read_runs(file) if r["setting"]["part"] == part and setting_key(r["setting"]) in asked]
    stale = [r for r in mine if parts.problems(r)]
    carried = {setting_key(r["setting"]): carries(r["provenance"]) for r in stale}
    chosen = sample(stale)
    inside = path.resolve().relative_to(root).as_posix()
    states = states_of(stale, inside, part, root)  # before hours of computing: without them nothing can be proven
    with empty_cache():  # what is kept there was not executed now
        again = recomputed(path, notebook, [r["setting"] for r in chosen], parts.keys[part], jobs, say)
    for run in chosen:
        now = again.get(setting_key(run["setting"]))
        if now is None:
            raise NotProven(f"{setting_key(run['setting'])} can't be computed")
        if differ := differences(run["result"], now["result"]):
            raise NotProven(f"{setting_key(run['setting'])} gives another {some(differ)}")
    lines = tracing.executed(proofs(path, parts.keys[part]).with_suffix(".lines"))
    idle = unexecuted(part_cells(notebook, part), inside, part, states, lines, root)
    if idle:
        raise NotProven(f"changed but never executed: {some(idle)}")
    loaded = next(iter(again.values()))["provenance"]["loaded"]
    keep_calls(loaded, results)
    kept = {setting_key(r["setting"]): r for r in read_runs(file)}
    for run in stale:
        made = run["provenance"]
        proof = {"key": made.get("key", made.get("code")), "date": today(), "runs": len(chosen)}
        before = carried[setting_key(run["setting"])]
        rest = {k: v for k, v in made.items() if k not in ("code", "modules")}
        new = {**rest, "key": parts.keys[part], "loaded": loaded, "carried": [*before, proof]}
        kept[setting_key(run["setting"])] = {**run, "provenance": new}
    write_runs(file, kept.values())
    return f"{len(chosen)} of {len(stale)} runs computed again, equal bit for bit; carried over"


def proofs(path: Path, key: str) -> Path:
    """Where the runs of a proof that isn't finished lie; beside it the lines that they executed."""
    return ROOT / "data" / "cache" / "proofs" / f"{slug(path)}.{key}.jsonl"


def recomputed(
    path: Path, notebook: dict, wanted: list[dict], key: str, jobs: int, say: Callable[[str], None]
) -> dict[str, dict]:
    """Setting → its run by today's code; those that an interrupted proof left are not made again."""
    from joblib.externals.loky import get_reusable_executor

    file = proofs(path, key)
    file.parent.mkdir(parents=True, exist_ok=True)
    done = {setting_key(r["setting"]): r for r in read_runs(file)}
    todo = [s for s in wanted if setting_key(s) not in done]
    say(f"{path.stem}: {len(wanted)} runs to compute again, {len(done)} are there")
    get_reusable_executor().shutdown(wait=True)  # new workers, which see this
    os.environ[tracing.TRACE] = str(file.with_suffix(".lines"))
    try:
        for run in computed(path, notebook, todo, jobs, say=say):
            append_run(file, run)
            done[setting_key(run["setting"])] = run
    finally:
        del os.environ[tracing.TRACE]
        get_reusable_executor().shutdown(wait=True)
    return done


def states_of(stale: list[dict], inside: str, part: str, root: Path) -> set[str]:
    """The commits that hold the codes by which runs were made.

    Raises
    ------
    NotProven
        There is none for some run.
    """
    found = set()
    for run in {json.dumps(_state(r["provenance"]), sort_keys=True): r for r in stale}.values():
        made = run["provenance"]
        commit = newest(["lib", inside], lambda folder, made=made: _holds(folder, inside, part, made), root)
        if commit is None:
            raise NotProven(f"no commit holds the code of {setting_key(run['setting'])}; run it again")
        found.add(commit)
    return found


def unexecuted(
    cells: list[str], inside: str, part: str, commits: set[str], lines: set[tuple[str, int]], root: Path
) -> list[str]:
    """Statements of today's code that one of these commits hasn't, and that are not among the executed lines."""
    new = reach(cells, Tree.at(root))
    missing: set[str] = set()
    for commit in sorted(commits):
        with as_of(commit, root) as old_root:
            old = reach(part_cells(read_notebook(old_root / inside), part), Tree.at(old_root))
            _, come = difference.changed(old, new, old_root, root)
            missing |= set(difference.untouched(come, lines, root))
    return sorted(missing)


def _state(made: dict) -> object:
    return made.get("key") or [made["code"], made["modules"]]


def _holds(folder: Path, inside: str, part: str, made: dict) -> bool:
    """Whether the repository in a folder is the code that a run was made by."""
    if "key" in made:
        return _has_key(folder, inside, lambda notebook: part_cells(notebook, part), made["key"])
    if not (folder / inside).is_file():
        return False
    cells = part_cells(read_notebook(folder / inside), part)
    if digest(module_hashes.essential("\n\n".join(cells))) != made["code"]:
        return False
    modules = {m: h for m, h in made["modules"].items() if not m.startswith(("lib.publish", "lib.checks"))}
    return all(module_hashes.module_hash(m, folder) == h for m, h in modules.items())


# ------------------------------------------------------------------------------------------------- helpers


@contextmanager
def empty_cache() -> Iterator[None]:
    """A cache that holds the downloaded data sets and nothing made of them."""
    before = os.environ.get("NOTES_CACHE")
    with tempfile.TemporaryDirectory(prefix="notes_cache_", ignore_cleanup_errors=True) as folder:
        link_sets(Path(before) if before else ROOT / "data" / "cache", Path(folder))
        os.environ["NOTES_CACHE"] = folder
        try:
            yield
        finally:
            del os.environ["NOTES_CACHE"]
            if before:
                os.environ["NOTES_CACHE"] = before


@contextmanager
def traced() -> Iterator[Path]:
    """The beginning of the names of files into which processes write the lines they execute."""
    with tempfile.TemporaryDirectory(prefix="notes_trace_", ignore_cleanup_errors=True) as folder:
        yield Path(folder) / "lines"


def carries(stamp: dict) -> list[dict]:
    """How often a stamp was carried over before.

    Raises
    ------
    NotProven
        As often as may be.
    """
    before = stamp.get("carried", [])
    if len(before) >= MOST_CARRIES:
        raise NotProven(f"it was carried over {MOST_CARRIES} times; compute it again")
    return before


def today() -> str:
    return datetime.date.today().isoformat()
