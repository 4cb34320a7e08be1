"""What the post on variable length stands by: its samplers drift or do not, and its numbers agree with its text."""

import json

import numpy as np
import pytest
import torch
from transformers.trainer_pt_utils import LengthGroupedSampler

from lib.batching import LengthBatches
from lib.publish.project import RESULTS


@pytest.fixture(scope="module")
def recorded():
    file = RESULTS / "training_with_variable_length_data.json"
    return json.loads(file.read_text(encoding="utf-8"))["metrics"]


def speech_like():
    seconds = np.random.default_rng(0).lognormal(np.log(5), 0.4, 20_000)
    return seconds[(seconds >= 2.75) & (seconds <= 11)][:5000]


def drift(lengths, epochs):
    """How much longer the last tenth of the batches is than the first, over some epochs."""
    first, last = [], []
    for batches in epochs:
        means = np.array([lengths[batch].mean() for batch in batches])
        tenths = np.array_split(means, 10)
        first.append(tenths[0].mean())
        last.append(tenths[-1].mean())
    return np.mean(last) / np.mean(first) - 1


def grouped(lengths, size, seed):
    generator = torch.Generator().manual_seed(seed)
    items = np.array(list(LengthGroupedSampler(size, lengths=lengths.tolist(), generator=generator)))
    return np.split(items, range(size, len(items), size))


def test_the_sampler_of_transformers_ends_each_epoch_on_short_items(recorded):
    lengths = speech_like()
    epochs = [grouped(lengths, 64, 1000 + seed) for seed in range(20)]
    assert drift(lengths, epochs) == pytest.approx(recorded["speech_drift_grouped"]["value"], abs=0.02)
    for batches in epochs:
        assert lengths[batches[-1]].mean() < np.quantile(lengths, 0.25)


def test_batches_sorted_and_spread_do_not_drift(recorded):
    lengths = speech_like()
    sampler = LengthBatches(lengths, 64, seed=1)
    assert abs(drift(lengths, [sampler.batches(epoch) for epoch in range(200)])) < 0.05
    for data in ("toy", "speech"):
        entry = recorded[f"{data}_drift_ours"]
        assert entry["low"] < 0 < entry["high"]


def test_a_run_of_the_sampler_of_transformers_is_as_long_as_the_text_says():
    """Nineteen batches for five thousand items, three for a thousand: within a run lengths only fall."""
    lengths = speech_like()
    for n, batches_in_a_run in ((5000, 19), (1000, 3)):
        means = [lengths[:n][batch].mean() for batch in grouped(lengths[:n], 64, 0)]
        rises = np.flatnonzero(np.diff(means) > 0) + 1
        assert rises[0] == batches_in_a_run
        assert set(np.diff(rises)) == {batches_in_a_run}


def test_both_drifting_samplers_leave_the_model_leaning_and_only_where_length_tells_of_the_class(recorded):
    for name in ("original", "grouped"):
        assert recorded[f"speech_drift_{name}"]["high"] < 0
        assert recorded[f"end_error_{name}"]["low"] > recorded[f"end_error_unlinked_{name}"]["high"]
        assert recorded[f"end_error_unlinked_{name}"]["low"] < 0 < recorded[f"end_error_unlinked_{name}"]["high"]
        assert 0 < recorded[f"loss_above_{name}"]["low"] < recorded[f"loss_above_{name}"]["high"] < 0.02
        for other in ("proportion", "ours"):
            assert abs(recorded[f"end_error_{other}"]["value"]) < 0.5 * recorded[f"end_error_{name}"]["value"]


def test_padding_and_time_are_ordered_as_the_text_says(recorded):
    for data in ("toy", "speech"):
        shares = [recorded[f"{data}_padding_{name}"] for name in ("longest", "random", "buckets", "grouped", "ours")]
        assert all(one["low"] > shares[-1]["high"] for one in shares[:-1])
        assert shares[0]["value"] > shares[1]["value"] > max(shares[2]["value"], shares[3]["value"])
    times = [recorded[f"time_{name}"]["value"] for name in ("longest", "random", "grouped", "buckets")]
    assert times == sorted(times, reverse=True)
    assert all(recorded[f"time_{name}"]["low"] > 1 for name in ("longest", "random", "grouped"))
    assert recorded["time_buckets"]["low"] < 1 < recorded["time_buckets"]["high"], "may be no difference"


def test_without_masks_predictions_change_and_with_masks_after_each_layer_they_do_not(recorded):
    assert recorded["mask_all_largest_change"]["value"] == 0
    assert recorded["mask_none_largest_change"]["low"] > recorded["mask_mean_largest_change"]["high"] > 0
