"""Stamps notice what can change a result, and nothing else."""

import copy
import json

import pytest

from lib.publish import stamp
from lib.publish.key import Tree, reach
from lib.publish.loaders import keep_calls
from lib.publish.stamp import problems


def code(source: str, **more) -> dict:
    cell = {
        "cell_type": "code",
        "source": source,
        "execution_count": 1,
        "metadata": {},
        "outputs": [],
        "id": "a",
    }
    return cell | more


def notebook(*cells: dict, **metadata) -> dict:
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": metadata, "cells": list(cells)}


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """A repository with one module, one notebook stamped as run, and its results."""
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "tool.py").write_text("x = 1\n")
    (tmp_path / "lib" / "__init__.py").write_text("")
    (tmp_path / "data" / "results").mkdir(parents=True)
    metrics = {"a": {"value": 1.0, "low": None, "high": None, "n": None, "seeds": None, "published": None}}
    (tmp_path / "data" / "results" / "report.json").write_text(json.dumps({"metrics": metrics}))
    monkeypatch.setattr(stamp, "current_data_hash", lambda name: "d1")
    cell = "from lib.tool import x\nprint(x)"
    book = notebook(code(cell))
    book["metadata"]["provenance"] = {
        "key": reach([cell], Tree.at(tmp_path)).key,
        "data": {"heart": "d1"},
        "results": stamp.digest(json.dumps(metrics, sort_keys=True)),
    }
    path = tmp_path / "projects" / "report.ipynb"
    path.parent.mkdir()

    def check(book: dict = book) -> list[str]:
        path.write_text(json.dumps(book))
        return problems(path, tmp_path, tmp_path / "data" / "results")

    check.book, check.root = book, tmp_path
    return check


def test_a_notebook_as_its_run_left_it_is_up_to_date(tree):
    assert tree() == []


def test_a_notebook_without_a_stamp_was_never_run(tree):
    book = copy.deepcopy(tree.book)
    del book["metadata"]["provenance"]
    assert tree(book) == ["never run: it has no provenance stamp"]


OF_OTHER_CODE = ["its code changed, in its cells or in what they reach of lib"]


def test_changed_code_is_told(tree):
    book = copy.deepcopy(tree.book)
    book["cells"][0]["source"] += "\nprint(2)"
    assert tree(book) == OF_OTHER_CODE


def test_changed_or_missing_code_of_lib_is_told(tree):
    tool = tree.root / "lib" / "tool.py"
    tool.write_text('"""Only words."""\nx = 1\n')
    assert tree() == []
    tool.write_text("x = 2\n")
    assert tree() == OF_OTHER_CODE
    tool.unlink()
    assert tree() == ["there is no module lib.tool, which something that a page reaches imports"]


def test_a_loader_that_returns_something_else_or_has_other_code_is_told(tree, monkeypatch):
    home = tree.root / "lib" / "data"
    home.mkdir()
    (home / "__init__.py").write_text("_HOME = {'load_it': 'it'}\n")
    (home / "it.py").write_text("def load_it():\n    return 1\n")
    book = copy.deepcopy(tree.book)
    book["metadata"]["provenance"]["loaded"] = {"load_it()": "aa"}
    results = tree.root / "data" / "results"
    keep_calls({"load_it()": "aa"}, results, Tree.at(tree.root))
    assert tree(book) == []
    (home / "it.py").write_text("def load_it():\n    return 2 - 1\n")
    assert tree(book) == ["the code of load_it() changed (`python -m lib prove` compares what it returns)"]
    keep_calls({"load_it()": "bb"}, results, Tree.at(tree.root))
    assert tree(book) == ["load_it() returns something else than it did"]
    (results.parent / "loaded.json").write_text("{")
    assert "loaded.json: no JSON" in tree(book)[0]


@pytest.mark.parametrize("stamp", ["text", {}, {"key": 7}, {"code": "0", "modules": {}}])
def test_a_stamp_that_can_not_be_read_is_told(tree, stamp):
    book = copy.deepcopy(tree.book)
    book["metadata"]["provenance"] = stamp
    assert "its provenance stamp can't be read" in tree(book)[0]


def test_other_data_is_named_and_absent_data_is_no_fault(tree, monkeypatch):
    monkeypatch.setattr(stamp, "current_data_hash", lambda name: "d2")
    assert tree() == ["the data set heart differs from the one it ran on"]
    monkeypatch.setattr(stamp, "current_data_hash", lambda name: None)
    assert tree() == []


def test_results_that_do_not_belong_to_the_run_are_named(tree):
    file = tree.root / "data" / "results" / "report.json"
    recorded = json.loads(file.read_text())
    recorded["metrics"]["a"]["value"] = 2.0
    file.write_text(json.dumps(recorded))
    assert tree() == ["data/results/report.json is not what this run recorded"]
    file.unlink()
    assert tree() == ["report.json is missing from data/results"]


def test_missing_and_failed_outputs_are_named(tree):
    book = copy.deepcopy(tree.book)
    book["cells"][0]["execution_count"] = None
    book["cells"][0]["outputs"] = [{"output_type": "error", "ename": "E", "evalue": "", "traceback": []}]
    assert tree(book) == ["a cell was never executed", "a stored output is an error"]
