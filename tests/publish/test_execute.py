"""A run stores everything or nothing."""

import json

import pytest

from lib.publish import execute
from lib.publish.execute import run
from lib.publish.project import PublishError
from lib.publish.stamp import problems

pytestmark = pytest.mark.slow

RECORD = """
import json, os
entry = {"value": factor * 0.25, "low": None, "high": None, "n": 4, "seeds": None, "published": None}
folder = os.environ["NOTES_RESULTS"]
with open(os.path.join(folder, "report.json"), "w") as file:
    json.dump({"slug": "report", "provenance": None, "metrics": {"a": entry}}, file)
with open(os.environ["NOTES_DATA_LOG"], "a") as file:
    file.write(json.dumps({"name": name, "hash": "d1"}) + "\\n")
"""


@pytest.fixture
def make(tmp_path, monkeypatch):
    """Writes a notebook into a tree of its own; the recorded results go there, too."""
    results = tmp_path / "data" / "results"
    monkeypatch.setattr(execute, "RESULTS", results)

    def write(*sources: str, notes: dict | None = None):
        cells = [{"cell_type": "markdown", "id": "m", "metadata": {}, "source": "# A section"}]
        for k, source in enumerate(sources):
            tags = {"tags": ["parameters"]} if source.startswith("factor") else {}
            cells.append(
                {
                    "cell_type": "code",
                    "id": f"c{k}",
                    "metadata": tags,
                    "execution_count": None,
                    "outputs": [],
                    "source": source,
                }
            )
        path = tmp_path / "projects" / "report.ipynb"
        path.parent.mkdir(exist_ok=True)
        metadata = {"notes": notes or {"smoke": {"factor": 3}}}
        path.write_text(json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": metadata, "cells": cells}))
        return path

    write.results = results
    return write


PARAMETERS = 'factor = 2\nname = "heart"'
SHOWN = '"<span data-metric=\\"report.a\\">0.00</span>"'


def test_a_run_stores_outputs_stamp_and_results_together(make, monkeypatch):
    path = make(PARAMETERS, RECORD, "print(factor)")
    said = []
    stamp = run(path, "cpu", said.append)
    stored = json.loads(path.read_text())
    recorded = json.loads((make.results / "report.json").read_text())
    assert len(stored["cells"]) == 4, "the probe is not stored"
    assert stored["cells"][3]["outputs"][0]["text"] == ["2\n"]
    assert stored["metadata"]["provenance"] == recorded["provenance"] == stamp
    assert recorded["metrics"]["a"]["value"] == 0.5
    assert stamp["data"] == {"heart": "d1"}
    assert len(stamp["key"]) == 16
    assert stamp["scale"] == "cpu"
    assert stamp["peak_memory_mb"] > 0
    assert any("cell 4 of 4" in line and "A section" in line for line in said)
    monkeypatch.setattr("lib.publish.stamp.current_data_hash", lambda name: "d1")
    assert problems(path, results=make.results) == []


def test_two_runs_give_the_same_numbers(make):
    path = make(PARAMETERS, RECORD, "print(hash('text'), sorted({'a', 'b', 'c'}, key=hash))")
    run(path, "cpu", lambda line: None)
    first = path.read_text()
    run(path, "cpu", lambda line: None)
    cells = [json.loads(text)["cells"] for text in (first, path.read_text())]
    assert cells[0] == cells[1]


def test_a_failing_cell_leaves_everything_as_it_was(make):
    path = make(PARAMETERS, RECORD, "1 / 0")
    before = path.read_text()
    with pytest.raises(PublishError, match=r"(?s)A section.*nothing was stored.*ZeroDivisionError"):
        run(path, "cpu", lambda line: None)
    assert path.read_text() == before
    assert not make.results.exists()


def test_a_kernel_that_dies_leaves_everything_as_it_was(make):
    path = make(PARAMETERS, "import os; os._exit(9)")
    before = path.read_text()
    with pytest.raises(PublishError, match="nothing was stored"):
        run(path, "cpu", lambda line: None)
    assert path.read_text() == before


def test_a_smoke_run_overrides_parameters_and_stores_nothing(make):
    path = make(PARAMETERS, "assert factor == 3")
    before = path.read_text()
    assert run(path, "smoke", lambda line: None)["parameters"] == {"factor": 3}
    assert path.read_text() == before


def test_a_run_on_a_stand_in_is_not_published(make):
    path = make('factor = 2\nname = "heart:synthetic"', RECORD)
    before = path.read_text()
    with pytest.raises(PublishError, match="never published"):
        run(path, "cpu", lambda line: None)
    assert path.read_text() == before


def test_a_scale_the_notebook_does_not_have_is_refused(make):
    with pytest.raises(PublishError, match="no gpu scale"):
        run(make(PARAMETERS), "gpu", lambda line: None)
    with pytest.raises(PublishError, match="choose one of smoke, cpu, gpu"):
        run(make(PARAMETERS), "huge", lambda line: None)


@pytest.mark.parametrize("text", ["", "{}", '{"nbformat": 3}', "not json"])
def test_a_file_that_is_no_notebook_is_refused_by_name(make, text):
    path = make(PARAMETERS)
    path.write_text(text)
    with pytest.raises(PublishError, match=r"report\.ipynb"):
        run(path, "cpu", lambda line: None)
