"""A small repository with one page and its sweep, for the tests of keys, proofs and reproductions."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from lib.publish.project import ROOT

TOOL = """
import math

def power(x, n):
    return float(x) ** n

def unused(x):
    return math.sqrt(x)
"""
COMMON = "import time\nfrom lib.toy import power"
SQUARE = """
def run_square(setting):
    time.sleep(setting['pause'])
    return {'y': power(setting['x'], 2 + setting['seed']), 'train_seconds': time.perf_counter()}
"""
SETTINGS = """
SWEEP = [{'part': 'square', 'x': x, 'seed': s, 'pause': 0} for x in (2, 3, 5, 7) for s in (0, 1)]
print(len(SWEEP), "trainings")
"""
PAGE = """
import json, os
from pathlib import Path
from lib.publish.runs import read_runs
stored = read_runs(Path(os.environ["PYTHONPATH"].split(os.pathsep)[0]) / "data" / "results" / "sweeps" / "toy.jsonl")
entry = {"value": power(scale, 3), "low": None, "high": None, "n": len(stored), "seeds": None, "published": None,
         "kind": "exact"}
with open(os.path.join(os.environ["NOTES_RESULTS"], "toy.json"), "w") as file:
    json.dump({"slug": "toy", "provenance": None, "metrics": {"cube": entry}}, file)
print(entry["value"], time.perf_counter())
"""


def python(root: Path, *words: str) -> subprocess.Popen:
    """`python -m WORDS` in the repository at `root`, with its `lib`; `stdout` is all that it says."""
    return subprocess.Popen(
        [sys.executable, "-m", *words],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def git(root: Path, *words: str) -> None:
    command = ["git", "-C", str(root), "-c", "user.name=A", "-c", "user.email=a@b.c", *words]
    subprocess.run(command, check=True, capture_output=True)


def commit(root: Path, message: str = "a change") -> None:
    git(root, "add", "-A")
    git(root, "commit", "-qm", message, "--allow-empty")


def cell(source: str, *tags: str) -> dict:
    return {
        "cell_type": "code",
        "id": "a",
        "metadata": {"tags": [*tags]},
        "source": source,
        "outputs": [],
        "execution_count": None,
    }


def write_page(root: Path, pause: float = 0) -> Path:
    cells = [
        cell("scale = 2", "parameters"),
        cell(COMMON, "sweep"),
        cell(SQUARE, "sweep-square"),
        cell(SETTINGS.replace("'pause': 0", f"'pause': {pause}"), "sweep-settings"),
        cell(PAGE),
    ]
    for number, one in enumerate(cells):
        one["id"] = f"c{number}"
    metadata = {"kernelspec": {"name": "python3", "display_name": "p"}, "notes": {"smoke": {"scale": 3}}}
    path = root / "notebooks" / "toy" / "toy.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": metadata, "cells": cells}))
    return path


def make(root: Path, pause: float = 0) -> Path:
    """The repository at `root`, committed; returns its page."""
    shutil.copytree(ROOT / "lib", root / "lib", ignore=shutil.ignore_patterns("__pycache__"))
    (root / "lib" / "toy.py").write_text(TOOL)
    (root / "data" / "results").mkdir(parents=True)
    shutil.copy(ROOT / "data" / "registry.toml", root / "data")
    (root / ".gitignore").write_text("__pycache__/\n/data/cache/\n")
    page = write_page(root, pause)
    git(root, "init", "-q")
    commit(root, "the beginning")
    return page
