"""Stamps notice what can change a result, and nothing else."""

import copy
import json

import pytest

from lib.publish import stamp
from lib.publish.stamp import code_hash, essential, module_hashes, problems


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


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("x = 1", "x = 1  # the first number"),
        ("x = 1\ny = 2", "x = 1\n\n# and\n\ny = 2"),
        ("def f():\n    return 1", 'def f():\n    """One."""\n    return 1'),
        ("x = 1", "#| fig-cap: a caption\nx = 1"),
        ("!ls\nx = 1", "!ls\nx = 1  # listed"),
    ],
)
def test_explanations_do_not_count(before, after):
    assert essential(before) == essential(after)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("x = 1", "x = 2"),
        ("x = '# one'", "x = '# two'"),
        ('x = """a"""', 'x = """b"""'),
        ("!pip install a", "!pip install b"),
        ("if a:\n    b()\nc()", "if a:\n    b()\n    c()"),
        ("not python at all (", "not python at all ["),
    ],
)
def test_code_counts(before, after):
    assert essential(before) != essential(after)


def test_prose_and_injected_parameters_do_not_change_the_code_hash():
    plain = notebook(code("x = 1"))
    text = {"cell_type": "markdown", "source": "Words", "metadata": {}}
    injected = code("x = 3", metadata={"tags": ["injected-parameters"]})
    assert code_hash(plain) == code_hash(notebook(text, code("x = 1"), injected))
    assert code_hash(plain) != code_hash(notebook(code("x = 2")))


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """A repository with one module, one notebook stamped as run, and its results."""
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "tool.py").write_text("x = 1\n")
    (tmp_path / "data" / "results").mkdir(parents=True)
    metrics = {"a": {"value": 1.0, "low": None, "high": None, "n": None, "seeds": None, "published": None}}
    (tmp_path / "data" / "results" / "report.json").write_text(json.dumps({"metrics": metrics}))
    monkeypatch.setattr(stamp, "current_data_hash", lambda name: "d1")
    book = notebook(code("x = 1"))
    book["metadata"]["provenance"] = {
        "code": code_hash(book),
        "modules": module_hashes(["lib.tool"], tmp_path),
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


def test_changed_code_is_named(tree):
    book = copy.deepcopy(tree.book)
    book["cells"][0]["source"] = "x = 2"
    assert tree(book) == ["its code cells changed"]


def test_a_changed_or_missing_module_is_named(tree):
    tool = tree.root / "lib" / "tool.py"
    tool.write_text('"""Only words."""\nx = 1\n')
    assert tree() == []
    tool.write_text("x = 2\n")
    assert tree() == ["lib.tool changed"]
    tool.unlink()
    assert tree() == ["lib.tool is gone"]


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


def test_the_plumbing_of_downloads_does_not_make_results_stale():
    assert "lib.data.download" not in module_hashes(["lib.data.download", "lib.publish.stamp"])
    assert "lib.publish.stamp" in module_hashes(["lib.data.download", "lib.publish.stamp"])
