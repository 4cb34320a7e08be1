"""Numbers in prose follow the results file."""

import json

import pytest

from lib.publish.numbers import UnknownMetric, refresh, replace_numbers, shown_as


@pytest.fixture
def results(tmp_path):
    folder = tmp_path / "results"
    folder.mkdir()
    entry = {"value": 0.7527, "low": 0.698, "high": 0.8, "n": 1275, "seeds": [0], "published": None}
    tiny = {**dict.fromkeys(entry), "value": 3.21e-38}
    (folder / "report.json").write_text(json.dumps({"metrics": {"accuracy": entry, "p": tiny}}))
    return folder


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('<span data-metric="report.accuracy">0.1</span>', "0.8"),
        ('<span data-metric="report.accuracy">0.000</span>', "0.753"),
        ('<span data-metric="report.accuracy" data-unit="%">70</span>', "75"),
        ('<span data-metric="report.accuracy.low">0.00</span>', "0.70"),
        ('<span data-metric="report.accuracy.n">1,000</span>', "1,275"),
        ('<span data-metric="report.accuracy.n">1</span>', "1275"),
        ('<span data-metric="report.p">1.0e-9</span>', "3.2e-38"),
    ],
)
def test_a_number_is_shown_with_as_many_decimals_as_it_had(text, shown, results):
    assert f">{shown}<" in replace_numbers(text, results)


def test_a_negative_number_has_a_true_minus():
    assert shown_as(-0.25, "0.0", percent=False) == "−0.2"


@pytest.mark.parametrize(
    "metric", ["nothing.accuracy", "report.nothing", "report.accuracy.published", "report.accuracy.x"]
)
def test_a_number_nobody_recorded_is_refused(metric, results):
    with pytest.raises(UnknownMetric, match=metric.split(".")[-1]):
        replace_numbers(f'<span data-metric="{metric}">1</span>', results)


def test_refreshing_a_notebook_changes_its_prose_only(tmp_path, results):
    span = '<span data-metric="report.accuracy">0.00</span>'
    cells = [
        {"cell_type": "markdown", "id": "a", "metadata": {}, "source": [f"It is {span}.\n", "Indeed."]},
        {
            "cell_type": "code",
            "id": "b",
            "metadata": {},
            "execution_count": 1,
            "outputs": [],
            "source": [f"# {span}"],
        },
    ]
    path = tmp_path / "report.ipynb"
    path.write_text(json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}))
    assert refresh(path, results)
    after = json.loads(path.read_text())["cells"]
    assert after[0]["source"] == ['It is <span data-metric="report.accuracy">0.75</span>.\n', "Indeed."]
    assert after[1] == cells[1]
    assert not refresh(path, results), "a second time there is nothing to do"


def test_a_page_that_quotes_an_unknown_number_is_left_as_it_was(tmp_path, results):
    path = tmp_path / "page.qmd"
    text = '<span data-metric="report.accuracy">0</span> <span data-metric="report.gone">1</span>'
    path.write_text(text)
    with pytest.raises(UnknownMetric):
        refresh(path, results)
    assert path.read_text() == text
