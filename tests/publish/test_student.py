"""The student version is made from the authored notebook, says nothing it should not, and is current."""

import json
import subprocess
import sys

import pytest
from small_unit import cell, marks, small_cells, write_unit

from lib.publish.execute import execute
from lib.publish.project import ROOT, PublishError, notebooks, read_notebook
from lib.publish.student import authored, points, stale, student_file, student_version, tree_of, write_students

AUTHORED = authored()


@pytest.fixture
def unit(tmp_path):
    return write_unit(tmp_path)


def made(path) -> dict[str, dict]:
    """The cells of the student version by their ids."""
    cells = json.loads(student_version(path))["cells"]
    return {c["id"]: c | {"source": "".join(c["source"])} for c in cells}


def test_the_student_versions_in_the_tree_are_current():
    assert stale() == [], "run `python -m lib student`"


@pytest.mark.parametrize("path", AUTHORED, ids=lambda p: p.stem)
def test_a_unit_asks_for_as_many_points_as_it_says(path):
    graded = points(read_notebook(path))
    assert graded == points(json.loads(student_version(path)))
    if path.stem == "ecg_lstm":
        assert sum(graded.values()) == 31, "as in the source document"
        code = {name: n for name, n in graded.items() if name.endswith("_check") and n}
        assert code == {"lstm_check": 5, "conv_net_check": 1, "lstm_net_check": 2, "torch_lstm_net_check": 2}


@pytest.mark.parametrize("path", AUTHORED, ids=lambda p: p.stem)
def test_no_line_of_a_solution_is_left_in_a_units_student_version(path):
    student = {name: c["source"] for name, c in made(path).items()}
    for solved in read_notebook(path)["cells"]:
        given = solved["metadata"].get("nbgrader", {})
        if not given.get("solution"):
            continue
        kept = student[solved["id"]]
        inside = solved["source"]
        if solved["cell_type"] == "code":
            assert "YOUR CODE HERE" in kept
            inside = "\n".join(p.split("### END SOLUTION")[0] for p in inside.split("### BEGIN SOLUTION")[1:])
            public = "\n".join(p.split("### END SOLUTION")[-1] for p in solved["source"].split("### BEGIN SOLUTION"))
        else:
            assert kept == "YOUR ANSWER HERE"
            public = ""
        hidden = {x.strip() for x in inside.splitlines() if len(x.strip()) > 12} - {
            x.strip() for x in public.splitlines()
        }
        assert hidden, "a solution cell holds a solution"
        assert not [x for x in hidden if x in kept]


@pytest.mark.slow
@pytest.mark.parametrize("path", AUTHORED, ids=lambda p: p.stem)
def test_a_solved_student_version_runs_from_top_to_bottom(path, tmp_path, monkeypatch):
    """At the smoke scale, on a stand-in, as a student has it who wrote what the author wrote."""
    monkeypatch.delenv("NOTES_DATA", raising=False)
    monkeypatch.setenv("NOTES_CACHE", str(tmp_path / "cache"))
    source = read_notebook(path)
    solutions = {c["id"]: c["source"] for c in source["cells"] if c["metadata"].get("nbgrader", {}).get("solution")}
    student = json.loads(student_version(path))
    for c in student["cells"]:
        c["source"] = solutions.get(c["id"], "".join(c["source"]))
    done, _ = execute(student, path, source["metadata"]["notes"]["smoke"], tmp_path, lambda line: None)
    for c in done.cells:
        if c.metadata.get("nbgrader", {}).get("grade_id", "").endswith("_check"):
            assert c.outputs[0].text.startswith("✓ ")


def test_a_solution_becomes_a_stub_that_still_runs(unit):
    source = made(unit)["solution"]["source"]
    assert source.startswith("def random_chunk(samples, chunk_size):")
    assert "# YOUR CODE HERE\n    raise NotImplementedError" in source
    assert "randint" not in source
    assert "SOLUTION" not in source
    exec(compile(tree_of(source), "cell", "exec"), {})


def test_a_model_answer_becomes_an_empty_one_with_its_points(unit):
    answer = made(unit)["answer"]
    assert answer["source"] == "YOUR ANSWER HERE"
    assert answer["metadata"]["nbgrader"]["points"] == 3


def test_check_cells_stay_and_are_locked(unit):
    check = made(unit)["check"]
    assert check["source"] == 'check("random_chunk", random_chunk)'
    assert check["metadata"]["editable"] is False
    assert check["metadata"]["nbgrader"]["checksum"]


def test_what_is_for_the_author_alone_is_left_out(unit):
    assert not {"extra", "told"} & set(made(unit))
    assert "secret" not in student_version(unit)


def test_outputs_and_provenance_are_left_out(unit):
    text = student_version(unit)
    for gone in ("a result", "provenance", "smoke", "sweep"):
        assert gone not in text
    assert made(unit)["use"] | {"outputs": [], "execution_count": None} == made(unit)["use"]


def test_the_parameters_are_still_tagged(unit):
    assert made(unit)["parameters"]["metadata"]["tags"] == ["parameters"]


def test_the_front_matter_becomes_a_title_that_says_where_the_solutions_are(unit):
    title = made(unit)["front"]
    assert title["cell_type"] == "markdown"
    assert title["source"].startswith("# Small unit\n")
    assert "student version" in title["source"]
    assert "/notebooks/small/small.html>" in title["source"]


def test_a_single_link_to_colab_is_left_and_opens_the_student_version(unit):
    badge = made(unit)["badge"]["source"]
    assert badge.count("<a ") == 1
    assert '/blob/main/notebooks/small/small_student.ipynb">Run</a></p>' in badge


def test_prose_reads_well_without_quarto(unit):
    prose = made(unit)["prose"]["source"]
    assert prose.startswith("## Chunks\n")
    assert ":::" not in prose
    assert "{" not in prose
    assert "/notebooks/data/data.html#n)" in prose
    assert "https://" in prose.split("![A](")[1]


def test_code_that_the_page_folds_is_folded_in_colab_and_jupyter(unit):
    setup = made(unit)["setup"]
    assert setup["source"].startswith("# @title Get ready\nimport torch")
    assert setup["metadata"] == {"cellView": "form", "jupyter": {"source_hidden": True}}
    assert made(unit)["use"]["source"] == "print(chunk_size)"


def test_the_student_version_is_a_valid_notebook_and_the_same_each_time(unit):
    import nbformat

    first = student_version(unit)
    nbformat.validate(nbformat.reads(first, as_version=4))
    assert student_version(unit) == first
    assert first.endswith("}\n")


def changed(name: str, source: str, **metadata: object) -> list[dict]:
    """The small unit with the source or the metadata of a cell replaced."""
    cells = small_cells()
    for c in cells:
        if c["id"] == name:
            c["source"] = source.splitlines(True) or c["source"]
            c["metadata"] = {**c["metadata"], **metadata}
    return cells


def with_cells(*more: dict) -> list[dict]:
    return [*small_cells(), *more]


WHOLE_METHOD = """class Thing:
    ### BEGIN SOLUTION
    def helper(self):
        return 1
    ### END SOLUTION

    def forward(self):
        ### BEGIN SOLUTION
        return self.helper()
        ### END SOLUTION"""


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        (changed("solution", "def f():\n    return 1"), "no ### BEGIN SOLUTION"),
        (changed("solution", "### BEGIN SOLUTION\nx = 1\n### END SOLUTION"), "inside a function or class"),
        (changed("solution", "def f():\n    ### BEGIN SOLUTION\n    x = 1"), "no end solution"),
        (changed("use", "### BEGIN SOLUTION\nx = 1\n### END SOLUTION"), "non-solution cell"),
        (changed("use", "print(secret)"), "`secret` is used in the student version"),
        (changed("check", "pass"), 'does not call check("random_chunk"'),
        (changed("check", "", **marks("other", True, False, 2)), "named after its solution cell"),
        (changed("check", "", **marks("why_random", True, False, 2)), "Duplicate grade id"),
        (changed("answer", "", **marks("why_random", False, True)), "not marked as a grade cell"),
        (changed("front", "no front matter"), "no front matter"),
        ([c for c in small_cells() if "nbgrader" not in c["metadata"]], "no solution cells"),
    ],
)
def test_an_author_hears_what_to_mend(tmp_path, cells, said):
    path = write_unit(tmp_path, cells)
    with pytest.raises(PublishError, match="(?i)" + said.replace("(", r"\(")):
        student_version(path)


def test_a_method_that_is_solution_as_a_whole_leaves_a_class_that_can_be_defined(tmp_path):
    path = write_unit(tmp_path, changed("solution", WHOLE_METHOD))
    source = made(path)["solution"]["source"]
    assert source.count("YOUR CODE HERE") == 2
    assert source.count("NotImplementedError") == 1
    exec(compile(tree_of(source), "cell", "exec"), {})


def test_an_ungraded_exercise_has_a_check_without_points(tmp_path):
    task = "def f():\n    ### BEGIN SOLUTION\n    return 1\n    ### END SOLUTION"
    path = write_unit(
        tmp_path,
        with_cells(
            cell("code", task, "s2", **marks("f", False, True)),
            cell("code", 'check("f", f)', "c2", **marks("f_check", False, False)),
        ),
    )
    assert points(json.loads(student_version(path))) == {"random_chunk_check": 2, "why_random": 3}
    assert made(path)["c2"]["metadata"]["editable"] is False


def test_writing_brings_what_is_missing_or_old_up_to_date_and_nothing_else(tmp_path):
    path = write_unit(tmp_path)
    assert stale(tmp_path) == ["small_student.ipynb is missing"]
    assert write_students(tmp_path) == [student_file(path)]
    assert stale(tmp_path) == []
    assert write_students(tmp_path) == []
    write_unit(tmp_path, changed("use", "print(2 * chunk_size)"))
    assert stale(tmp_path) == ["small_student.ipynb is not what small.ipynb gives"]
    path.unlink()
    assert stale(tmp_path) == ["small_student.ipynb has no authored notebook with solutions"]


def test_a_student_version_is_no_page_of_the_site(tmp_path):
    path = write_unit(tmp_path)
    write_students(tmp_path)
    assert notebooks(tmp_path) == [path]


def test_the_command_says_that_all_is_current():
    done = subprocess.run([sys.executable, "-m", "lib", "student", "--check"], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
