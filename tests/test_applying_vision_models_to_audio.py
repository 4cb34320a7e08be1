"""What the post on vision models says of its small experiment, held against its recorded results."""

import json

import pytest

from lib.publish.project import RESULTS

METRICS = json.loads((RESULTS / "applying_vision_models_to_audio.json").read_text(encoding="utf-8"))["metrics"]


def value(name):
    return METRICS[name]["value"]


def test_the_network_learned_colours_and_next_to_nothing_about_shapes():
    assert METRICS["colour_right"]["low"] > 0.6 > value("colour_by_chance") == pytest.approx(1 / 4)
    assert METRICS["shape_right"]["high"] < 1.5 * value("shape_by_chance") == pytest.approx(1.5 / 6)


def test_summing_takes_more_from_it_than_from_a_network_that_knows_photographs():
    assert METRICS["grey_share"]["high"] < 1 / 3
    assert METRICS["grey_share"]["high"] < METRICS["grey_share_efficientnet"]["low"]


@pytest.mark.parametrize("gap", ["mean_minus_sum", "sum_third_minus_sum", "mean_minus_sum_same_scale"])
def test_scale_of_input_and_steps_makes_a_difference(gap):
    assert METRICS[gap]["low"] > 0


def test_a_first_layer_at_random_does_no_worse_than_the_mean_or_the_sum():
    assert value("random_minus_mean") > 0
    assert value("auc_random") > value("auc_mean") > value("auc_sum")


def test_the_faster_first_layer_repeats_the_mean():
    assert value("auc_sum_faster") == pytest.approx(value("auc_mean"), abs=0.03)


def test_every_difference_of_positions_comes_with_a_corrected_p():
    gaps = {name.removeprefix("holm_p_") for name in METRICS if name.startswith("holm_p_")}
    assert gaps == {
        "resampled_minus_numbered",
        "resampled_minus_cut",
        "resampled_minus_random",
        "random_minus_numbered",
    }
    assert gaps <= METRICS.keys()
