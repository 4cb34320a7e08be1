"""A sweep runs what the notebook defines, goes on where it stopped, and knows when its runs are of other code."""

import json

import pytest

pytest.importorskip("joblib")

from lib.publish import cli
from lib.publish import sweep as sweeps
from lib.publish.project import PublishError
from lib.publish.runs import read_runs
from lib.publish.stamp import sweep_file

COMMON = "import os\n\ndef power(x, n):\n    return x**n"
SQUARE = "def run_square(setting):\n    return {'y': power(setting['x'], 2), 'process': os.getpid()}"
SETTINGS = "SWEEP = [{'part': 'square', 'x': x} for x in range(4)]"


@pytest.fixture
def notebook(tmp_path, monkeypatch):
    """Writes `notebooks/toy/toy.ipynb` from (source, tag) pairs; results go to a folder of the test."""
    monkeypatch.setattr(sweeps, "sweep_file", lambda path, results=tmp_path: sweep_file(path, tmp_path))
    path = tmp_path / "notebooks" / "toy" / "toy.ipynb"
    path.parent.mkdir(parents=True)

    def write(*cells):
        code = [
            {"cell_type": "code", "metadata": {"tags": [tag]}, "source": source, "outputs": [], "execution_count": None}
            for source, tag in cells or ((COMMON, "sweep"), (SQUARE, "sweep-square"), (SETTINGS, "sweep-settings"))
        ]
        path.write_text(json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": code}))
        return path

    return write


def quiet(path, **options):
    said = []
    failed = sweeps.sweep(path, jobs=1, say=said.append, **options)
    return failed, said, read_runs(sweeps.sweep_file(path))


def test_every_setting_is_run_and_kept_with_its_provenance(notebook):
    path = notebook()
    failed, _, runs = quiet(path)
    assert failed == 0
    assert [r["result"]["y"] for r in runs] == [0, 1, 4, 9]
    known = {"key", "data", "loaded", "versions", "device", "seconds", "peak_memory_mb", "date"}
    assert set(runs[0]["provenance"]) == known
    assert sweeps.sweep_problems(path) == []


def test_a_second_call_runs_nothing_and_an_interrupted_one_goes_on(notebook):
    path = notebook()
    _, _, first = quiet(path)
    assert "0 to do" in quiet(path)[1][0]
    file = sweeps.sweep_file(path)
    lines = file.read_text().splitlines(True)
    file.write_text("".join(lines[:2]) + lines[2][:30])  # killed while writing the third
    assert sweeps.sweep_problems(path) == ["2 of 4 runs of its sweep are missing"]
    _, said, runs = quiet(path)
    assert "2 of 4 runs are there, 2 to do" in said[0]
    assert runs[:2] == first[:2]
    assert [r["result"]["y"] for r in runs] == [0, 1, 4, 9]


def test_changed_code_makes_its_runs_stale_and_a_comment_does_not(notebook):
    path = notebook()
    quiet(path)
    notebook((COMMON + "  # a comment", "sweep"), (SQUARE, "sweep-square"), (SETTINGS, "sweep-settings"))
    assert sweeps.sweep_problems(path) == []
    notebook((COMMON, "sweep"), (SQUARE.replace("2", "3"), "sweep-square"), (SETTINGS, "sweep-settings"))
    assert sweeps.sweep_problems(path) == ["4 of 4 runs of its sweep: of other code"]
    assert [r["result"]["y"] for r in quiet(path)[2]] == [0, 1, 8, 27]


def test_the_command_keeps_a_copy_of_runs_that_changed_code_makes_it_drop(notebook, tmp_path, monkeypatch):
    path = notebook()
    _, _, before = quiet(path)
    notebook((COMMON, "sweep"), (SQUARE.replace("2", "3"), "sweep-square"), (SETTINGS, "sweep-settings"))
    monkeypatch.setattr(cli, "KEPT", tmp_path / "kept")
    assert cli.main(["sweep", str(path), "--jobs", "1"]) == 0
    assert read_runs(sweeps.sweep_file(path)) != before
    (copy,) = (tmp_path / "kept").iterdir()
    assert read_runs(copy) == before


def test_a_new_part_leaves_the_runs_of_the_others_alone(notebook):
    path = notebook()
    _, _, before = quiet(path)
    cube = "def run_cube(setting):\n    return {'y': power(setting['x'], 3)}"
    more = SETTINGS + "\nSWEEP.append({'part': 'cube', 'x': 5})"
    notebook((COMMON, "sweep"), (SQUARE, "sweep-square"), (cube, "sweep-cube"), (more, "sweep-settings"))
    _, said, runs = quiet(path)
    assert "4 of 5 runs are there" in said[0]
    assert runs[:4] == before
    assert runs[4]["result"] == {"y": 125}


def test_runs_on_other_data_are_told(notebook, monkeypatch):
    path = notebook()
    quiet(path)
    file = sweeps.sweep_file(path)
    file.write_text(file.read_text().replace('"data": {}', '"data": {"heart": "old"}'))
    monkeypatch.setattr("lib.publish.stamp.current_data_hash", lambda name: "new")
    assert sweeps.sweep_problems(path) == ["the data set heart differs from the one its sweep ran on"]


def test_a_failing_run_is_told_and_does_not_end_the_others(notebook):
    fragile = "def run_square(setting):\n    return {'y': 1 / (setting['x'] - 1)}"
    path = notebook((fragile, "sweep-square"), (SETTINGS, "sweep-settings"))
    failed, said, runs = quiet(path)
    assert failed == 1
    assert any("ZeroDivisionError" in line and '"x": 1' in line for line in said)
    assert len(runs) == 3


def test_only_some_settings_can_be_run(notebook):
    path = notebook()
    assert len(quiet(path, only='"x": 3')[2]) == 1


def test_runs_on_a_stand_in_are_refused(notebook):
    reads = "from lib.data import store\nstore.log_use('heart:synthetic', 'x')\n" + SQUARE.replace("power", "pow")
    path = notebook(("import os", "sweep"), (reads, "sweep-square"), (SETTINGS, "sweep-settings"))
    with pytest.raises(PublishError, match="stand-in"):
        quiet(path)


def test_a_part_without_its_function_and_a_notebook_without_a_sweep_are_told(notebook):
    path = notebook((COMMON, "sweep"), (SETTINGS, "sweep-settings"))
    with pytest.raises(PublishError, match="run_square"):
        quiet(path)
    with pytest.raises(PublishError, match="no sweep"):
        quiet(notebook((COMMON, "sweep")))
