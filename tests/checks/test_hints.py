"""Hints grow from a nudge to the solution, which comes from the authored notebook."""

import json

import pytest
from right_answers import LSTM

from lib.checks import CheckFailed, check, hint, hints
from lib.checks.core import Desk


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    monkeypatch.setattr(Desk, "last", None)
    monkeypatch.setattr(Desk, "shown", {})


@pytest.fixture
def course(tmp_path, monkeypatch):
    """A folder of notebooks with one authored and one student notebook."""

    def notebook(source: str) -> str:
        marks = {"grade_id": "lstm", "solution": True, "grade": False}
        cell = {"cell_type": "code", "metadata": {"nbgrader": marks}, "source": source.splitlines(True)}
        return json.dumps({"cells": [{"cell_type": "markdown", "metadata": {}, "source": []}, cell]})

    (tmp_path / "ecg").mkdir()
    solved = (
        "class LSTM:\n    def forward(self):\n        ### BEGIN SOLUTION\n        return 7\n        ### END SOLUTION\n"
    )
    (tmp_path / "ecg" / "ecg.ipynb").write_text(notebook(solved))
    (tmp_path / "ecg" / "ecg_student.ipynb").write_text(notebook("class LSTM:\n    pass"))
    monkeypatch.setattr(hints, "NOTEBOOKS", tmp_path)
    return tmp_path


def test_a_hint_is_for_the_task_last_checked(capsys):
    with pytest.raises(CheckFailed):
        check("conv_net", LSTM)
    hint(1)
    assert capsys.readouterr().out.startswith("Hint 1 for conv_net: ")


def test_a_hint_can_be_asked_for_any_task(capsys):
    hint(2, "random_chunk")
    assert capsys.readouterr().out.startswith("Hint 2 for random_chunk: ")


def test_before_any_check_a_hint_asks_for_which_task():
    with pytest.raises(CheckFailed, match="for which task"):
        hint(1)


@pytest.mark.parametrize("level", [0, 4, "1", None])
def test_there_are_three_hints(level):
    with pytest.raises(CheckFailed, match=r"hint\(3\)"):
        hint(level, "lstm")


def test_a_message_offers_the_first_hint_not_seen_yet():
    for level in (1, 2, 3, 3):
        with pytest.raises(CheckFailed, match=rf"hint\({level}\)"):
            check("lstm", None)
        hint(min(level, 2))


def test_the_third_hint_is_the_solution_of_the_authored_notebook(course, capsys):
    hint(3, "lstm")
    said = capsys.readouterr().out
    assert "    def forward(self):\n        return 7" in said
    assert "SOLUTION" not in said


def test_without_the_authored_notebook_the_third_hint_says_where_the_solution_is(course):
    with pytest.raises(CheckFailed, match="website"):
        hint(3, "conv_net")
