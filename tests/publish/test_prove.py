"""A proof carries outputs over a refactoring, and over nothing else."""

import json

import pytest

from lib.publish import prove as proofs
from lib.publish.difference import changed
from lib.publish.key import Tree, reach
from lib.publish.prove import sample
from lib.publish.runs import read_runs
from lib.publish.side_by_side import NotProven, compare_smoke, joined
from tests.publish import toy
from tests.publish.test_reproduce import command, done

pytestmark = pytest.mark.slow

REFACTORED = toy.TOOL.replace("    return float(x) ** n", "    base = float(x)\n    return base**n")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A repository whose sweep and page have run, committed."""
    root = tmp_path_factory.mktemp("proof") / "repository"
    page = toy.make(root)
    done(root, "sweep", str(page))
    done(root, "run", str(page))
    toy.commit(root, "the runs")
    return root, page


@pytest.fixture
def repository(finished):
    """The same, put back after each test."""
    root, page = finished
    yield root, page
    toy.git(root, "reset", "-q", "--hard")
    toy.git(root, "clean", "-qfdx", "-e", "__pycache__")


def change(root, new: str, old: str = toy.TOOL) -> None:
    tool = root / "lib" / "toy.py"
    assert old in tool.read_text()
    tool.write_text(tool.read_text().replace(old, new))


def prove(root, page) -> tuple[int, str]:
    process = command(root, "prove", str(page), "--jobs", "2")
    out, _ = process.communicate(timeout=300)
    return process.returncode, out


def is_current(root) -> bool:
    process = command(root, "status")
    out, _ = process.communicate(timeout=100)
    return any(line.startswith("notebooks/toy/toy.ipynb: up to date") for line in out.splitlines())


def stamp(page) -> dict:
    return json.loads(page.read_text())["metadata"]["provenance"]


def test_a_refactoring_is_carried_over_page_and_sweep_and_says_so(repository):
    root, page = repository
    before, runs = stamp(page), read_runs(root / "data/results/sweeps/toy.jsonl")
    assert is_current(root)
    change(root, REFACTORED)
    assert not is_current(root)
    code, out = prove(root, page)
    assert code == 0, out
    assert "4 of 8 runs computed again, equal bit for bit" in out
    assert is_current(root)
    now = stamp(page)
    assert now["key"] != before["key"]
    assert [c["key"] for c in now["carried"]] == [before["key"]]
    after = read_runs(root / "data/results/sweeps/toy.jsonl")
    assert [(r["setting"], r["result"]) for r in after] == [(r["setting"], r["result"]) for r in runs]
    assert {r["provenance"]["carried"][0]["runs"] for r in after} == {4}
    recorded = json.loads((root / "data/results/toy.json").read_text())
    assert recorded["provenance"] == now


def test_a_change_of_results_is_not_carried_over(repository):
    root, page = repository
    change(root, toy.TOOL.replace("float(x) ** n", "float(x) ** n + 1e-12"))
    kept = page.read_bytes(), (root / "data/results/sweeps/toy.jsonl").read_bytes()
    code, out = prove(root, page)
    assert code == 1
    assert "gives another y" in out
    assert "toy: not proven" in out
    assert kept == (page.read_bytes(), (root / "data/results/sweeps/toy.jsonl").read_bytes())


def test_a_change_that_no_proof_executes_is_not_carried_over(repository):
    root, page = repository
    change(root, toy.TOOL.replace("    return", "    if n > 5:\n        x = x + 1\n    return", 1))
    code, out = prove(root, page)
    assert code == 1
    assert out.count("changed but never executed: lib/toy.py:6") == 2, out
    assert not is_current(root)


def test_a_new_refusal_of_bad_input_is_carried_over(repository):
    """Had the `raise` run, there would be no result; its condition must have been looked at."""
    root, page = repository
    change(root, toy.TOOL.replace("    return", "    if n > 5:\n        raise ValueError(n)\n    return", 1))
    assert prove(root, page)[0] == 0


def test_a_state_that_was_never_committed_can_not_be_proven(repository):
    root, page = repository
    notebook = json.loads(page.read_text())
    notebook["metadata"]["provenance"]["key"] = "0" * 16
    page.write_text(json.dumps(notebook))
    code, out = prove(root, page)
    assert code == 1
    assert "no commit holds the code that its stamp names" in out


def test_after_five_carries_everything_is_computed_again(repository):
    root, page = repository
    notebook = json.loads(page.read_text())
    notebook["metadata"]["provenance"]["carried"] = [{"key": "0", "date": "2026-12-01"}] * 5
    page.write_text(json.dumps(notebook))
    change(root, REFACTORED)
    code, out = prove(root, page)
    assert code == 1
    assert "carried over 5 times; compute it again" in out


def test_no_flag_skips_the_proof():
    words = proofs.__doc__ + "".join(vars(proofs)["prove"].__code__.co_varnames)
    assert "force" not in words
    assert "skip" not in words


def run(setting: dict, seconds: float) -> dict:
    return {"setting": {"part": "p", **setting}, "result": {}, "provenance": {"seconds": seconds}}


def test_the_quickest_run_of_each_setting_apart_from_seeds_and_folds_is_taken_and_at_least_three():
    runs = [run({"rate": r, "seed": s, "fold": f}, 10 * r + s + f) for r in (1, 2) for s in (0, 1) for f in (0, 1)]
    chosen = [r["setting"] for r in sample(runs)]
    assert {"part": "p", "rate": 1, "seed": 0, "fold": 0} in chosen
    assert {"part": "p", "rate": 2, "seed": 0, "fold": 0} in chosen
    assert len(chosen) == 3
    assert len(sample(runs[:1])) == 1


def outputs(*texts: str, **metrics: float) -> tuple[list, dict]:
    made = [[json.dumps({"output_type": "stream", "name": "stdout", "text": t})] for t in texts]
    return made, {name: {"value": value} for name, value in metrics.items()}


def test_outputs_that_show_a_time_are_compared_in_words_and_all_others_exactly():
    old, again = outputs("loss 1.25", "took 3.1 s", a=1.0), outputs("loss 1.25", "took 3.2 s", a=1.0)
    compare_smoke(old, again, outputs("loss 1.25", "took 2.7 s", a=1.0))
    for new, why in (
        (outputs("loss 1.26", "took 2.7 s", a=1.0), "1th output differs"),
        (outputs("loss 1.25", "ran 2.7 s", a=1.0), "2th output differs"),
        (outputs("loss 1.25", a=1.0), "1 cells have outputs"),
        (outputs("loss 1.25", "took 3 s", a=2.0), "recorded otherwise"),
        (outputs("loss 1.25", "took 3 s", a=1.0, b=1.0), "recorded otherwise"),
    ):
        with pytest.raises(NotProven, match=why):
            compare_smoke(old, again, new)


def test_how_a_kernel_divides_a_stream_does_not_count():
    parts = [{"output_type": "stream", "name": "stdout", "text": t} for t in ("one\n", "two\n")]
    assert joined(parts) == joined([{**parts[0], "text": "one\ntwo\n"}])
    other = {"output_type": "stream", "name": "stderr", "text": "x"}
    assert joined([parts[0], other, parts[1]]) == [parts[0], other, parts[1]]


def test_a_table_of_times_is_compared_in_words_and_a_picture_of_times_not_at_all():
    def shown(html: str, picture: str) -> tuple[list, dict]:
        return [[json.dumps({"output_type": "display_data", "data": {"text/html": html, "image/png": picture}})]], {}

    old, again = shown("<td>fused</td><td>1.2</td>", "a"), shown("<td>fused</td><td>1.4</td>", "b")
    compare_smoke(old, again, shown("<td>fused</td><td>11.3</td>", "c"))
    with pytest.raises(NotProven):
        compare_smoke(old, again, shown("<td>native</td><td>1.3</td>", "c"))


def test_a_definition_that_moved_has_no_differences(tmp_path):
    old, new = tmp_path / "old", tmp_path / "new"
    body = "def f(x):\n    y = x\n    return y\n"
    for root, files in ((old, {"a.py": body}), (new, {"b.py": "# here now\n\n" + body, "a.py": ""})):
        (root / "lib").mkdir(parents=True)
        for name, text in {"__init__.py": "", **files}.items():
            (root / "lib" / name).write_text(text)
    a = reach(["from lib.a import f\nf(1)"], Tree.at(old))
    b = reach(["from lib.b import f\nf(1)"], Tree.at(new))
    assert a.key == b.key
    assert changed(a, b, old, new) == (set(), set())
    (new / "lib" / "b.py").write_text(body.replace("y = x", "y = x + 0"))
    assert changed(a, b, old, new) == ({("lib/a.py", 2, 2)}, {("lib/b.py", 2, 2)})
