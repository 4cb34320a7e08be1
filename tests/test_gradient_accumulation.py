"""What the post on gradient accumulation stands by: its numbers agree with each other and with what its text says."""

import json

import pytest

from lib.publish.project import RESULTS, ROOT, read_notebook

NOTEBOOK = ROOT / "blog" / "gradient_accumulation.ipynb"
KINDS = ("uneven", "class", "batch_norm")


@pytest.fixture(scope="module")
def recorded():
    return json.loads((RESULTS / "gradient_accumulation.json").read_text(encoding="utf-8"))["metrics"]


def apart(a, b):
    return a["high"] < b["low"] or b["high"] < a["low"]


def test_the_answer_says_that_the_miss_depends_on_how_long_the_network_has_trained():
    texts = [c["source"] for c in read_notebook(NOTEBOOK)["cells"] if c["cell_type"] == "markdown"]
    answer = next(text for text in texts if "**Answer.**" in text)
    assert "depends on how long the network has trained" in answer
    for kind in ("uneven", "class"):
        for when in ("untrained", "late"):
            assert f"gradient_accumulation.{kind}_error_{when}" in answer


def test_each_miss_changes_along_the_training_as_the_text_says(recorded):
    uneven, classes, norm = (
        {when: recorded[f"{kind}_error_{when}"] for when in ("untrained", "early", "late")} for kind in KINDS
    )
    assert apart(uneven["untrained"], uneven["late"])
    assert uneven["untrained"]["value"] > uneven["early"]["value"] > uneven["late"]["value"]
    assert classes["early"]["value"] > max(classes["untrained"]["value"], classes["late"]["value"])
    assert apart(classes["early"], classes["late"])
    assert norm["late"]["value"] > norm["untrained"]["value"]
    assert apart(norm["late"], norm["untrained"])
    assert min(entry["low"] for kind in (uneven, classes, norm) for entry in kind.values()) > 0.05, "none near zero"


def test_the_five_followed_networks_agree_with_the_one_of_the_other_parts(recorded):
    for kind, single in (("uneven", "uneven_error_one"), ("class", "class_error")):
        along = [recorded[f"{kind}_error_{when}"]["value"] for when in ("untrained", "early", "late")]
        assert min(along) < recorded[single]["value"] < max(along), "after 200 steps, between the ends"


def test_the_rare_class_loses_its_say_and_sorted_pieces_miss_by_more(recorded):
    assert recorded["rare_say_pieces"]["high"] < recorded["rare_say_whole"]["low"]
    assert recorded["token_error_sorted_more"]["low"] > 0
    more = recorded["token_error_sorted"]["value"] - recorded["token_error_random"]["value"]
    assert recorded["token_error_sorted_more"]["value"] == pytest.approx(more, abs=1e-6)


def test_what_the_trainer_gathers_is_the_whole_batch_but_for_rounding(recorded):
    assert recorded["trainer_apart"]["high"] < 1e-5 < 0.02 < recorded["usual_apart"]["low"]
