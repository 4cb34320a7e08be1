"""Metrics and schedules against values worked out in another way."""

import math

import numpy as np
import pytest
import small
import torch
from sklearn import metrics

from lib.training import Callback, Training
from lib.training.metrics import NAMES, classification_metrics
from lib.training.schedules import factor


def scores(n: int, seed: int, levels: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Logits that tell something of the labels; with `levels` many are equal."""
    rng = np.random.default_rng(seed)
    labels = (rng.random(n) < 0.3).astype(int)
    logits = rng.normal(labels - 0.5, 1.5)
    return (logits if levels is None else np.round(logits * levels) / levels)[:, None], labels


@pytest.mark.parametrize("levels", [None, 2])
@pytest.mark.parametrize("seed", range(5))
def test_the_best_f1_and_its_threshold_are_those_of_brute_force(seed, levels):
    logits, labels = scores(60, seed, levels)
    got = classification_metrics(logits, labels)
    probability = 1 / (1 + np.exp(-logits[:, 0]))
    every = [metrics.f1_score(labels, probability >= t, zero_division=0) for t in probability]
    assert got["f1"] == pytest.approx(max(every), abs=1e-12)
    flagged = probability >= got["threshold"]
    assert metrics.f1_score(labels, flagged) == pytest.approx(got["f1"], abs=1e-12)
    assert metrics.precision_score(labels, flagged) == pytest.approx(got["precision"], abs=1e-12)
    assert metrics.recall_score(labels, flagged) == pytest.approx(got["recall"], abs=1e-12)


def test_two_class_metrics_equal_those_of_scikit_learn():
    logits, labels = scores(200, 1)
    got = classification_metrics(logits, labels)
    assert got["auroc"] == pytest.approx(metrics.roc_auc_score(labels, logits[:, 0]))
    assert got["accuracy"] == pytest.approx(metrics.accuracy_score(labels, logits[:, 0] > 0))
    assert got["balanced_accuracy"] == pytest.approx(metrics.balanced_accuracy_score(labels, logits[:, 0] > 0))


def test_metrics_of_several_classes_equal_those_of_scikit_learn():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, 200)
    logits = rng.normal(size=(200, 4)) + np.eye(4)[labels]
    got, said = classification_metrics(logits, labels), logits.argmax(1)
    share = torch.tensor(logits).softmax(1).numpy()
    assert got["auroc"] == pytest.approx(metrics.roc_auc_score(labels, share, multi_class="ovr"))
    assert got["f1"] == pytest.approx(metrics.f1_score(labels, said, average="macro"))
    assert got["precision"] == pytest.approx(metrics.precision_score(labels, said, average="macro"))
    assert got["recall"] == pytest.approx(metrics.recall_score(labels, said, average="macro"))
    assert got["balanced_accuracy"] == pytest.approx(metrics.balanced_accuracy_score(labels, said))
    assert math.isnan(got["threshold"])


def test_a_class_without_a_sample_is_left_out_of_the_means():
    rng = np.random.default_rng(0)
    labels = rng.choice([0, 2], 100)
    logits = rng.normal(size=(100, 3)) + 2 * np.eye(3)[labels]
    got = classification_metrics(logits, labels)
    assert all(math.isfinite(got[name]) for name in NAMES if name != "threshold")
    assert got["balanced_accuracy"] == pytest.approx(
        metrics.recall_score(labels, logits.argmax(1), labels=[0, 2], average="macro")
    )


@pytest.mark.parametrize("columns", [1, 3])
def test_with_one_class_only_what_is_not_defined_is_nan(columns):
    got = classification_metrics(np.ones((5, columns)), np.zeros(5, int))
    assert math.isfinite(got.pop("accuracy"))
    assert all(math.isnan(value) for value in got.values())
    assert all(math.isnan(v) for v in classification_metrics(np.ones((5, columns)), None).values())


def test_extreme_logits_are_no_trouble():
    got = classification_metrics(np.array([[-1e30], [1e30], [800.0], [-800.0]]), np.array([0, 1, 1, 0]))
    assert (got["f1"], got["auroc"]) == (1.0, 1.0)


def test_schedules_have_the_right_values_at_known_steps():
    steps = 101
    assert [factor("constant", s, steps) for s in (0, 50, 100)] == [1, 1, 1]
    assert [factor("exponential", s, steps) for s in (0, 50, 100)] == pytest.approx([1, 0.1, 0.01])
    assert [factor("cosine", s, steps) for s in (0, 50, 100)] == pytest.approx([1, 0.505, 0.01])
    assert factor("cosine", 25, steps) == pytest.approx(0.01 + 0.99 * (1 + math.sqrt(0.5)) / 2)
    assert factor("exponential", 100, steps, final_factor=0.5) == pytest.approx(0.5)


@pytest.mark.parametrize("schedule", ["constant", "exponential", "cosine"])
def test_the_warm_up_grows_in_equal_parts_and_the_schedule_starts_after_it(schedule):
    warm = [factor(schedule, s, 50, warmup=0.2) for s in range(10)]
    assert warm == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0])
    assert factor(schedule, 10, 50, warmup=0.2) == pytest.approx(1.0)
    assert factor(schedule, 49, 50, warmup=0.2) == pytest.approx(1.0 if schedule == "constant" else 0.01)


def test_a_schedule_of_one_step_and_of_another_name():
    assert factor("cosine", 0, 1) == 1.0
    with pytest.raises(ValueError, match="unknown schedule"):
        factor("linear", 0, 1)


class Rates(Callback):
    """The rates of all parameter groups at each step."""

    def __init__(self):
        self.rates = []

    def after_step(self, training):
        self.rates.append([group["lr"] for group in training.optimizer.param_groups])


def test_each_step_takes_the_rate_of_its_place_in_its_phase():
    seen = Rates()
    changes = {"schedule": "cosine", "warmup": 0.25, "head": "5", "head_epochs": 1, "callbacks": [seen]}
    run = Training(small.config(**changes)).run()
    expected = [factor("cosine", s, 7, 0.25) for s in range(7)] + [factor("cosine", s, 28, 0.25) for s in range(28)]
    np.testing.assert_allclose([rates[0] for rates in seen.rates], 0.01 * np.array(expected))
    assert [row["learning_rate"] for row in run.history] == [seen.rates[7 * n + 6][0] for n in range(5)]


def test_groups_of_an_optimiser_of_ones_own_keep_their_proportion():
    seen = Rates()

    def optimizer(parameters):
        return torch.optim.SGD([{"params": parameters[:2], "lr": 0.1}, {"params": parameters[2:], "lr": 0.4}])

    Training(small.config(schedule="exponential", optimizer=optimizer, callbacks=[seen])).run()
    np.testing.assert_allclose([b / a for a, b in seen.rates], 4)
    np.testing.assert_allclose([seen.rates[0], seen.rates[-1]], [[0.1, 0.4], [0.001, 0.004]])


def test_accumulated_steps_take_the_rate_of_their_last_batch():
    seen = Rates()
    Training(small.config(schedule="exponential", accumulate_to=48, epochs=1, callbacks=[seen])).run()
    np.testing.assert_allclose([r[0] for r in seen.rates], [0.01 * factor("exponential", s, 7) for s in (2, 5, 6)])
