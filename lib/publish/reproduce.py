"""Compute pages and their sweeps again, from nothing, in a folder of their own, and compare with what is stored.

The folder is a copy of the repository without outputs and results, and the commands `sweep` and `run` do the work
there, so what is interrupted goes on where it stopped. Nothing outside the folder is changed.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from lib.publish.key import Tree, page_cells, reach
from lib.publish.loaders import link_sets
from lib.publish.project import (
    PublishError,
    notebook_text,
    notebooks,
    read_notebook,
    slug,
    write_atomically,
)
from lib.publish.runs import differences, read_runs, setting_key
from lib.publish.stamp import problems, stamp_of, sweep_file
from lib.publish.sweep import Parts, at_once, settings, sweep_problems

LEFT_OUT = (".git", ".venv", "_site", "build", "__pycache__", ".quarto", "cache", "*.egg-info", ".pytest_cache")
PLAN = "reproduce.json"  # in the folder: the keys of what is computed there


def estimate(paths: list[Path], jobs: int, results: Path) -> str:
    """How long it took before: `14 pages 55 min, 1,827 runs of sweeps 7 h 40 min on 2 cores`."""
    pages = [stamp["seconds"] for p in paths if (stamp := stamp_of(read_notebook(p), p))]
    runs = [r["provenance"]["seconds"] for p in paths for r in read_runs(sweep_file(p, results))]
    text = f"{len(paths)} pages {duration(sum(pages))}"
    if len(pages) < len(paths):
        text += f" without {len(paths) - len(pages)} that never ran"
    if runs:
        cores = at_once(jobs)
        text += f", {len(runs):,} runs of sweeps {duration(sum(runs) / cores)} on {cores} cores"
    return text


def duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    if minutes < 1:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def reproduce(
    paths: list[Path],
    into: Path,
    root: Path,
    jobs: int = -1,
    cluster: str | None = None,
    say: Callable[[str], None] = print,
) -> int:
    """Compute these pages with their sweeps in the folder `into`; returns how many failed.

    Raises
    ------
    PublishError
        The folder holds something else, or what other code computed.
    """
    results = root / "data" / "results"
    say(f"To do: {estimate(paths, jobs, results)}, by what they took before.")
    prepare(paths, into, root)
    failed = []
    for path in paths:
        copy = into / path.relative_to(root)
        inside = copy.relative_to(into).as_posix()
        for command in commands(copy, inside, into, jobs, cluster):
            say(f"{inside}: {command[0]}")
            if _lib(command, into):
                failed.append(inside)
                break
    say("\n" + report([p for p in paths if p.relative_to(root).as_posix() not in failed], into, root))
    for inside in failed:
        say(f"{inside}: failed; call reproduce again to go on")
    return len(failed)


def commands(copy: Path, inside: str, into: Path, jobs: int, cluster: str | None) -> list[list[str]]:
    """What is left to do for a page: its sweep, itself."""
    results, tree = into / "data" / "results", Tree.at(into)
    left = []
    if sweep_problems(copy, results, tree):
        left.append(["sweep", inside, "--jobs", str(jobs), *(["--cluster", cluster] if cluster else [])])
    if left or problems(copy, into, results, tree):
        left.append(["run", inside])
    return left


def _lib(command: list[str], into: Path) -> int:
    environment = {**os.environ, "PYTHONPATH": str(into), "NOTES_CACHE": str(into / "data" / "cache")}
    if named := os.environ.get("NOTES_DATA"):
        environment["NOTES_DATA"] = str(Path(named).resolve())
    return subprocess.run([sys.executable, "-m", "lib", *command], cwd=into, env=environment).returncode


def prepare(paths: list[Path], into: Path, root: Path) -> None:
    """Make the folder, or see that it is one that an interrupted call left."""
    wanted = keys(paths, root)
    plan = into / PLAN
    if plan.is_file():
        found = json.loads(plan.read_text(encoding="utf-8"))
        if any(found.get(name, key) != key for name, key in wanted.items()):
            raise PublishError(f"{into}: what lies there was computed by other code; delete it or name another folder")
        if set(wanted) - set(found):
            write_atomically(plan, json.dumps({**found, **wanted}, indent=1) + "\n")
        return
    if into.exists() and any(into.iterdir()):
        raise PublishError(f"{into}: the folder holds something else; name an empty one or one that reproduce began")
    unfinished = into.with_name(f"{into.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.parent.mkdir(parents=True, exist_ok=True)
    shutil.copytree(root, unfinished, ignore=shutil.ignore_patterns(*LEFT_OUT), symlinks=True)
    results = unfinished / "data" / "results"
    shutil.rmtree(results, ignore_errors=True)
    results.mkdir(parents=True)
    for path in notebooks(unfinished):
        write_atomically(path, notebook_text(emptied(read_notebook(path))))
    link_sets(root / "data" / "cache", unfinished / "data" / "cache")
    write_atomically(unfinished / PLAN, json.dumps(wanted, indent=1) + "\n")
    if into.exists():
        into.rmdir()
    unfinished.rename(into)


def emptied(notebook: dict) -> dict:
    """The notebook without outputs and stamp."""
    cells = [
        {**c, "outputs": [], "execution_count": None} if c["cell_type"] == "code" else c for c in notebook["cells"]
    ]
    metadata = {k: v for k, v in notebook["metadata"].items() if k != "provenance"}
    return {**notebook, "cells": cells, "metadata": metadata}


def keys(paths: list[Path], root: Path) -> dict[str, str]:
    """The keys of pages and of the parts of their sweeps."""
    tree, found = Tree.at(root), {}
    for path in paths:
        notebook = read_notebook(path)
        name = path.relative_to(root).as_posix()
        found[name] = reach(page_cells(notebook), tree).key
        parts = Parts(notebook, {s["part"] for s in settings(notebook, path)}, tree=tree)
        found |= {f"{name} {part}": key for part, key in parts.keys.items()}
    return found


def judged(stored: dict, now: dict) -> dict[str, list[str]]:
    """The names of metrics that came out equal, within the stored interval, or different."""
    found: dict[str, list[str]] = {"equal": [], "within the interval": [], "different": []}
    for name in sorted({*stored, *now}):
        a, b = stored.get(name), now.get(name)
        if a is None or b is None:
            found["different"].append(name)
        elif a["value"] == b["value"]:
            found["equal"].append(name)
        elif a["low"] is not None and a["low"] <= b["value"] <= a["high"]:
            found["within the interval"].append(name)
        else:
            found["different"].append(name)
    return found


def report(paths: list[Path], into: Path, root: Path) -> str:
    """A table, one line a page: how its figures and runs compare with the stored ones, seconds and memory of both."""
    head = ["page", "equal", "within", "different", "runs equal", "seconds", "before", "MB", "before"]
    rows, details = [head], []
    for path in paths:
        name = f"{slug(path)}.json"
        old, new = (_recorded(base / "data" / "results" / name) for base in (root, into))
        found = judged(old["metrics"], new["metrics"])
        if found["different"]:
            details.append(f"{slug(path)}, different: {', '.join(found['different'])}")
        before, after = (
            {setting_key(r["setting"]): r["result"] for r in read_runs(sweep_file(path, base / "data" / "results"))}
            for base in (root, into)
        )
        same = sum(key in before and not differences(before[key], result) for key, result in after.items())
        stamps = [stamp_of(read_notebook(p), p) or {} for p in (into / path.relative_to(root), path)]
        seconds = [f"{s.get('seconds', 0):.0f}" for s in stamps]
        memory = [str(s.get("peak_memory_mb", "")) for s in stamps]
        counts = [str(len(names)) for names in found.values()]
        rows.append([slug(path), *counts, f"{same} of {len(after)}", *seconds, *memory])
    widths = [max(len(row[k]) for row in rows) for k in range(len(head))]
    lines = [
        "  ".join([row[0].ljust(widths[0]), *(v.rjust(w) for v, w in zip(row[1:], widths[1:], strict=True))])
        for row in rows
    ]
    return "\n".join([*lines, *details])


def _recorded(file: Path) -> dict:
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {"metrics": {}}
