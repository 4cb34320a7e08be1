"""What the post on vision models says of its small experiment, held against its recorded results."""

import json

import pytest

from lib.publish.project import RESULTS

METRICS = json.loads((RESULTS / "applying_vision_models_to_audio.json").read_text(encoding="utf-8"))["metrics"]


def value(name):
    return METRICS[name]["value"]


def test_the_network_learned_colours_and_next_to_nothing_about_shapes():
    assert METRICS["colour_right"]["low"] > 0.6 > value("colour_by_chance") == pytest.approx(1 / 4)
    assert METRICS["shape_right"]["high"] < 1.5 * value("shape_by_chance") == pytest.approx(1.5 / 6, abs=1e-5)


def test_summing_takes_more_from_it_than_from_a_network_that_knows_photographs():
    assert METRICS["grey_share"]["high"] < 1 / 3
    assert METRICS["grey_share"]["high"] < METRICS["grey_share_efficientnet"]["low"]


@pytest.mark.parametrize("gap", ["mean_minus_sum", "mean_minus_sum_same_scale"])
def test_the_mean_ends_above_the_sum_also_where_the_scale_is_the_same(gap):
    assert METRICS[gap]["low"] > 0


def holds_zero(name):
    return METRICS[name]["low"] <= 0 <= METRICS[name]["high"]


def test_a_fainter_input_alone_makes_no_measurable_difference_to_the_sum():
    assert holds_zero("sum_third_minus_sum")
    assert value("mean_minus_sum_same_scale") > 2 * value("sum_third_minus_sum")


def test_a_first_layer_at_random_is_not_measurably_apart_from_the_mean():
    assert holds_zero("random_minus_mean")
    assert value("auc_sum") < min(value("auc_random"), value("auc_mean"))


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


def test_learned_positions_are_of_use_while_neighbours_stay_neighbours():
    assert holds_zero("resampled_minus_cut")
    for gap in ("resampled_minus_numbered", "resampled_minus_random", "random_minus_numbered"):
        assert METRICS[gap]["low"] > 0, gap
        assert value(f"holm_p_{gap}") < 0.05, gap
    near = [value(f"holm_p_{gap}") for gap in ("resampled_minus_random", "random_minus_numbered")]
    assert min(near) > 0.03, "just below the limit"
