"""nbgrader gives the solution all points that a program can give, and the untouched student version none.

Each authored notebook is reduced to what its checks need: the cells with nbgrader's metadata, and before them the
cells that define a name which those use, and so on; the set-up cell, which fetches the course, is left out. Nothing
is trained and no data is read, so it takes seconds. The release is nbgrader's own, generated from the authored
notebook; what the untouched student hands in is ours.
"""

import json
import os
import shutil
import sys
from pathlib import Path

import pytest
from small_unit import write_unit

from lib.publish.project import ROOT, read_notebook
from lib.publish.student import authored, marks, names, points, student_version

pytestmark = pytest.mark.slow

AUTHORED = authored()


def reduced(notebook: dict) -> dict:
    """The notebook with its first cell, its nbgrader cells, and the code cells that define what those use."""
    cells = notebook["cells"]
    code = {n: c["source"] for n, c in enumerate(cells) if c["cell_type"] == "code" and '"git"' not in c["source"]}
    kept = {n for n, c in enumerate(cells) if marks(c)}
    wanted = [n for n in kept if n in code]
    while wanted:
        at = wanted.pop()
        for name in names([code[at]], stored=False) - names([code[at]], stored=True):
            home = next((n for n in sorted(code) if n < at and name in names([code[n]], stored=True)), None)
            if home is not None and home not in kept:
                kept.add(home)
                wanted.append(home)
    return {**notebook, "cells": [cells[n] for n in sorted(kept | {0})]}


@pytest.fixture(scope="module", params=AUTHORED or [None], ids=lambda p: p.stem if p else "small")
def course(request, tmp_path_factory):
    """A course folder: the reduced notebook as source, its release, and what two students handed in."""
    from nbgrader.apps import NbGraderAPI
    from traitlets.config import Config

    folder = tmp_path_factory.mktemp("course")
    path = write_unit(folder)
    if request.param:
        path.write_text(json.dumps(reduced(read_notebook(request.param))), encoding="utf-8")
    for place in ("source/unit", "submitted/solved/unit", "submitted/untouched/unit"):
        (folder / place).mkdir(parents=True)
    shutil.copy(path, folder / "source/unit/unit.ipynb")
    shutil.copy(path, folder / "submitted/solved/unit/unit.ipynb")
    (folder / "submitted/untouched/unit/unit.ipynb").write_text(student_version(path), encoding="utf-8")
    config = Config()
    config.CourseDirectory.root = str(folder)
    config.CourseDirectory.db_url = f"sqlite:///{folder}/gradebook.db"
    config.ExecutePreprocessor.timeout = 300
    config.Execute.timeout = 300
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT))  # in place of the set-up cell, which would fetch the course
        own_programs = str(Path(sys.executable).parent)  # nbgrader calls `alembic`
        patch.setenv("PATH", os.pathsep.join([own_programs, os.environ.get("PATH", "")]))
        api = NbGraderAPI(config=config)
        made = api.generate_assignment("unit")
        assert made["success"], made
        for student in ("solved", "untouched"):
            graded = api.autograde("unit", student)
            assert graded["success"], graded
        yield folder, api, points(read_notebook(path))


def scores(api: object, student: str) -> dict[str, tuple]:
    """grade_id → points given, most points, whether a person has to grade it."""
    with api.gradebook as book:
        grades = book.find_submission_notebook("unit", "unit", student).grades
        return {g.name: (g.auto_score, g.max_score, g.needs_manual_grade) for g in grades}


def test_the_solution_gets_every_point_that_a_program_can_give(course):
    _, api, worth = course
    given = scores(api, "solved")
    assert {name: most for name, (_, most, _) in given.items()} == worth
    for name, (score, most, by_hand) in given.items():
        if name.endswith("_check"):
            assert (score, by_hand) == (most, False), name
        else:
            assert (score, by_hand) == (None, True), f"{name} is for a person to grade"
    if "lstm_check" in worth:
        assert sum(most for _, most, _ in given.values()) == 31
        assert sum(score or 0 for score, _, _ in given.values()) == 10


def test_the_untouched_student_version_gets_no_point_and_no_work_for_the_grader(course):
    _, api, worth = course
    given = scores(api, "untouched")
    assert set(given) == set(worth)
    assert {(score, by_hand) for score, _, by_hand in given.values()} == {(0.0, False)}


def test_a_stub_fails_with_a_friendly_line(course):
    folder, _, worth = course
    cells = read_notebook(folder / "autograded/untouched/unit/unit.ipynb")["cells"]
    for cell in cells:
        name = marks(cell).get("grade_id", "")
        errors = [o for o in cell.get("outputs", []) if o["output_type"] == "error"]
        if name in worth and name.endswith("_check"):
            (error,) = errors
            assert error["ename"] == "CheckFailed"
            assert "nothing here yet" in error["evalue"]
            assert "Traceback" not in "\n".join(error["traceback"])
        else:
            assert errors == [], "the stub cells themselves run"


def test_validate_accepts_the_solution(course):
    from nbgrader.validator import Validator

    folder, _, _ = course
    assert Validator().validate(str(folder / "source/unit/unit.ipynb")) == {}
