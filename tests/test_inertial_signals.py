"""What the unit on inertial signals stands by: nobody in two parts, its window rule, its sweep, its numbers."""

import json
from functools import partial

import numpy as np
import pytest
from sklearn.metrics import f1_score
from sweep_unit import defined, defined_on_real_data, with_settings

from lib.data.splits import check_disjoint
from lib.publish.project import RESULTS, ROOT, has_tag, read_notebook
from lib.publish.student import points, student_file
from lib.publish.sweep import read_runs, settings, sweep_file

NOTEBOOK = ROOT / "notebooks" / "inertial_signals" / "inertial_signals.ipynb"
METRICS = json.loads((RESULTS / "inertial_signals.json").read_text(encoding="utf-8"))["metrics"]
RUNS = read_runs(sweep_file(NOTEBOOK))
PARTS = ("boosting", "windows", "along", "semi", "control")
SHARES = (0.1, 0.25, 0.5, 1.0)


@pytest.fixture(scope="module")
def made_up():
    return defined(NOTEBOOK, PARTS, "synthetic")


@pytest.fixture(scope="module")
def unit():
    return defined_on_real_data(NOTEBOOK, PARTS)


runs_of = partial(with_settings, RUNS)


def nobody_is_divided(unit):
    _, labels, session = unit["windows"]()
    of = unit["person"]()[session]
    for seed in range(5):
        check_disjoint(unit["person"](), unit["folds"](seed))
        for fold in range(5):
            train, test = unit["parts"]({"seed": seed, "fold": fold})
            assert not set(of[train]) & set(of[test])
            assert sorted([*train, *test]) == np.flatnonzero(labels >= 0).tolist()


def test_nobody_of_the_stand_in_is_in_two_parts(made_up):
    nobody_is_divided(made_up)


@pytest.mark.real_data
def test_nobody_is_in_two_parts(unit):
    nobody_is_divided(unit)


def test_every_person_is_tested_once_by_the_learning_curves_and_never_learned_from_there(made_up):
    _, labels, session = made_up["windows"]()
    of, times = made_up["person"]()[session], np.zeros(len(labels), int)
    for seed in range(3):
        before = 0
        for share in SHARES:
            learned, others, tested = made_up["who_is_labelled"]({"seed": seed, "share": share})
            assert not set(of[tested]) & set(of[learned | others])
            assert not (learned & others).any()
            assert (labels[learned] >= 0).all()
            assert learned.sum() >= before, "the labelled people of a small share are among those of a larger"
            before = learned.sum()
        times += tested
    assert (times[labels >= 0] == 1).all()
    assert (times[labels < 0] == 0).all()


def test_a_window_has_the_class_of_more_than_half_of_its_samples(made_up):
    x, labels, session = made_up["windows"]()
    found = made_up["recordings"]()
    for i in (0, 3):
        starts = 64 * np.arange((session == i).sum())
        for start, window, label in zip(starts, x[session == i], labels[session == i], strict=True):
            assert np.array_equal(window, found.signals[i][start : start + 128])
            inside = found.labels[i][start : start + 128]
            most = np.bincount(inside[inside > 0], minlength=2).argmax() if (inside > 0).any() else 0
            assert label == (most - 1 if (inside == most).sum() > 64 else -1)


def test_the_scale_of_crops_comes_from_the_people_learned_from(made_up):
    sessions = np.array([0, 1, 2])
    crops = made_up["Crops"](sessions, turns=False)
    together = np.concatenate([made_up["recordings"]().signals[i] for i in sessions])
    assert np.allclose(crops.mean, together.mean(0), atol=1e-5)
    assert np.allclose(crops.sd, together.std(0), rtol=1e-3)


def test_crops_hold_a_stretch_of_one_session_with_its_labels(made_up):
    import torch

    torch.manual_seed(0)
    crops = made_up["Crops"](np.array([4]), turns=False)
    x, y = crops.__getitems__([0, 1])
    signal, labels = (getattr(made_up["recordings"](), name)[4] for name in ("signals", "labels"))
    for crop, said in zip(x, y, strict=True):
        back = (crop * crops.sd + crops.mean).numpy()
        start = next(a for a in range(len(signal)) if np.allclose(signal[a : a + 3], back[:3], atol=1e-4))
        expected = labels[start + 8 : start + 1024 : 16]
        assert np.array_equal(said, np.where(expected > 0, expected - 1, -1))


def test_turning_keeps_lengths_and_angles_between_acceleration_and_rotation(made_up):
    import torch

    torch.manual_seed(0)
    x = torch.randn(20, 7, 6)
    turned = made_up["turned"](x, degrees=60.0, size=0.0)
    for k in (0, 3):
        assert torch.allclose(x[:, :, k : k + 3].norm(dim=2), turned[:, :, k : k + 3].norm(dim=2), atol=1e-5)
    dots = [(v[:, :, :3] * v[:, :, 3:]).sum(2) for v in (x, turned)]
    assert torch.allclose(*dots, atol=1e-4)
    assert not torch.allclose(x, turned, atol=0.1)
    determinants = torch.linalg.det(turned[:, :3, :3]) / torch.linalg.det(x[:, :3, :3])
    assert torch.allclose(determinants, torch.ones(20), atol=1e-2), "a turn, not a mirror image"


def test_the_network_for_sessions_answers_every_sixteen_samples_and_hears_both_sides(made_up):
    import torch

    torch.manual_seed(0)
    network = made_up["Along"]().eval()
    x = torch.randn(1, 320, 6)
    with torch.no_grad():
        before = network(x)
        assert before.shape == (1, 12, 20)
        for place, at in ((0, 19), (319, 0)):
            other = x.clone()
            other[0, place] += 100
            assert not torch.equal(network(other)[0, :, at], before[0, :, at])


@pytest.mark.parametrize("method", ["supervised", "control", "autoencoder", "pi_model", "vat", "pseudo_labels"])
def test_each_method_trains_on_the_stand_in_and_gives_answers_for_all_tested_windows(made_up, method):
    setting = {"part": "semi", "epochs": 1, "seed": 0, "share": 0.25, "method": method}
    made_up["precision"] = "no"
    result = made_up["run_control" if method == "control" else "run_semi"](setting)
    tested = made_up["who_is_labelled"](setting)[2]
    assert len(result["twelve"]) == len(result["six"]) == tested.sum()
    assert set(result["twelve"]) <= set(range(12))
    assert set(result["six"]) <= set(range(6))


def test_every_run_of_the_sweep_is_stored_once():
    wanted = [json.dumps(s, sort_keys=True) for s in settings(read_notebook(NOTEBOOK), NOTEBOOK)]
    assert sorted(json.dumps(r["setting"], sort_keys=True) for r in RUNS) == sorted(wanted)


def said(unit, runs, how):
    """Seed → (windows with a class,) answers, each by the one training that never met the person."""
    _, labels, _ = unit["windows"]()
    made = {}
    for run in runs:
        setting, result = run["setting"], run["result"]
        if "share" in setting:
            rows, seed = np.flatnonzero(unit["who_is_labelled"](setting)[2]), "all"
        else:
            rows, seed = unit["parts"](setting)[1], setting["seed"]
        if "said" in result:
            kinds = 12 if how == "twelve" else 6
            values = np.array(result["said"])[:, :kinds].argmax(1).tolist()
        else:
            values = result[how]
        made.setdefault(seed, {}).update(zip(rows.tolist(), values, strict=True))
    wanted = np.flatnonzero(labels >= 0).tolist()
    assert all(sorted(answers) == wanted for answers in made.values())
    return {seed: np.array([answers[i] for i in wanted]) for seed, answers in made.items()}


def macro_f1(unit, given, how):
    labels = unit["windows"]()[1]
    truth = labels[labels >= 0]
    rows = truth < (6 if how == "six" else 12)
    return np.mean([f1_score(truth[rows], answers[rows], average="macro") for answers in given.values()])


MODELS = {
    "boosting_single_windows": {"part": "boosting", "neighbours": 0},
    "boosting_with_neighbours": {"part": "boosting", "neighbours": 1},
    "spectrogram_cnn": {"part": "windows", "network": "spectrogram"},
    "raw_cnn": {"part": "windows", "network": "cnn"},
    "raw_cnn_and_gru": {"part": "windows", "network": "gru"},
    "whole_session": {"part": "along", "turns": True},
    "whole_session_no_turning": {"part": "along", "turns": False},
}


@pytest.mark.real_data
@pytest.mark.parametrize("model", MODELS)
def test_a_recorded_macro_f1_is_that_of_the_stored_answers(unit, model):
    for how in ("six", "twelve"):
        given, entry = said(unit, runs_of(**MODELS[model]), how), METRICS[f"macro_f1_{how}_{model}"]
        assert sorted(given) == entry["seeds"]
        assert entry["n"] == 30
        assert entry["value"] == pytest.approx(macro_f1(unit, given, how), abs=1e-5)
        assert entry["low"] <= entry["value"] <= entry["high"]


@pytest.mark.real_data
def test_the_recorded_f1_of_the_networks_together_is_that_of_their_mean_probabilities(unit):
    _, labels, _ = unit["windows"]()
    total, times = np.zeros((len(labels), 12)), np.zeros(len(labels), int)
    for run in runs_of(part="along", turns=True):
        rows = unit["parts"](run["setting"])[1]
        total[rows] += run["result"]["said"]
        times[rows] += 1
    assert set(times[labels >= 0]) == {5}
    for how, kinds in (("six", 6), ("twelve", 12)):
        given = {0: total[labels >= 0][:, :kinds].argmax(1)}
        entry = METRICS[f"macro_f1_{how}_whole_session_five_together"]
        assert entry["value"] == pytest.approx(macro_f1(unit, given, how), abs=1e-5)


METHODS = ("supervised", "control", "autoencoder", "pi_model", "vat", "pseudo_labels")


def by_draw(unit, method, share):
    """Macro-F1 of twelve classes of the three draws, each on the people it tests."""
    labels, found = unit["windows"]()[1], []
    for run in sorted(runs_of(method=method, share=share), key=lambda r: r["setting"]["seed"]):
        truth = labels[unit["who_is_labelled"](run["setting"])[2]]
        found.append(f1_score(truth, run["result"]["twelve"], average="macro"))
    assert len(found) == 3
    return np.array(found)


@pytest.mark.real_data
@pytest.mark.parametrize("method", METHODS)
def test_the_recorded_learning_curves_are_those_of_the_stored_answers(unit, method):
    for share in SHARES:
        name, values = f"{method}_{100 * share:.0f}_percent", by_draw(unit, method, share)
        assert METRICS[f"macro_f1_twelve_{name}"]["value"] == pytest.approx(values.mean(), abs=1e-5)
        if method != "supervised":
            gap = (values - by_draw(unit, "supervised", share)).mean()
            assert METRICS[f"gap_{name}"]["value"] == pytest.approx(gap, abs=1e-5)


@pytest.mark.real_data
def test_the_smallest_share_is_two_people_and_the_pi_model_was_ahead_in_each_of_their_three_draws(unit):
    of = unit["person"]()[unit["windows"]()[2]]
    draws = [set(of[unit["who_is_labelled"]({"seed": seed, "share": 0.1})[0]].tolist()) for seed in range(3)]
    assert [len(people) for people in draws] == [2, 2, 2]
    pi_model, supervised, control = (by_draw(unit, m, 0.1) for m in ("pi_model", "supervised", "control"))
    assert (pi_model > supervised).all()
    assert (pi_model > control).all()
    # the page's interval is Student's t over the three draws: two degrees of freedom
    ahead = pi_model - control
    reach = 4.302653 * ahead.std(ddof=1) / 3**0.5
    entry = METRICS["gap_pi_model_over_control_10_percent"]
    assert (entry["low"], entry["high"]) == pytest.approx((ahead.mean() - reach, ahead.mean() + reach), abs=1e-5)


def holds_zero(name):
    return METRICS[name]["low"] <= 0 <= METRICS[name]["high"]


def test_no_method_is_said_to_beat_the_control_and_none_does_for_certain():
    for method in METHODS[2:]:
        for share in SHARES:
            assert holds_zero(f"gap_{method}_over_control_{100 * share:.0f}_percent")
    assert METRICS["gap_pi_model_10_percent"]["low"] > 0
    assert holds_zero("gap_control_10_percent")
    assert METRICS["gap_control_25_percent"]["low"] > 0
    assert METRICS["semi_differences"]["value"] == 36
    assert METRICS["semi_smallest_p_corrected"]["value"] > 0.05


def test_what_the_comparisons_say_is_what_their_intervals_hold():
    for name in (
        "gap_twelve_cnn_and_gru_over_cnn",
        "gap_twelve_raw_cnn_over_boosting",
        "gap_six_raw_cnn_over_spectrogram",
        "gap_twelve_turning_the_crops",
        "gap_twelve_five_together_over_one",
        "half_gap_six_whole_session",
        "half_gap_twelve_whole_session",
    ):
        assert holds_zero(name), name
    for name in (
        "gap_transitions_raw_cnn_over_spectrogram",
        "gap_undirected_transitions_raw_cnn_over_spectrogram",
        "gap_of_direction_raw_cnn_over_spectrogram",
        "gap_twelve_neighbours_for_boosting",
        "gap_twelve_session_over_boosting_with_neighbours",
    ):
        assert METRICS[name]["low"] > 0, name


@pytest.mark.real_data
def test_merging_each_transition_with_its_reverse_narrows_the_gap_to_the_spectrogram(unit):
    labels = unit["windows"]()[1]
    truth, merged = labels[labels >= 0], np.array([*range(6), 6, 6, 7, 7, 8, 8])
    found = {}
    for name in ("cnn", "spectrogram"):
        given = said(unit, runs_of(part="windows", network=name), "twelve").values()
        f1 = [f1_score(merged[truth], merged[answers], average=None)[6:].mean() for answers in given]
        found[name] = np.mean(f1)
    gap = METRICS["gap_undirected_transitions_raw_cnn_over_spectrogram"]
    assert gap["value"] == pytest.approx(found["cnn"] - found["spectrogram"], abs=1e-5)
    assert gap["value"] < METRICS["gap_transitions_raw_cnn_over_spectrogram"]["value"]


@pytest.mark.real_data
def test_what_the_page_says_of_the_recordings_is_so(unit):
    _, labels, _ = unit["windows"]()
    counts = np.bincount(labels[labels >= 0])
    entry = METRICS["accuracy_always_the_most_frequent"]
    assert entry["value"] == pytest.approx(counts.max() / counts.sum(), abs=1e-5)
    assert (counts.max(), counts.sum()) == (2158, 12731)
    found = unit["recordings"]()
    lengths = np.array([len(y) / 50 / 60 for y in found.labels])
    assert round(np.median(lengths)) == round(lengths.mean()) == 6
    times = np.unique(unit["person"](), return_counts=True)[1]
    assert sorted(times)[:-1] == [2] * 29
    assert max(times) == 3
    pure = np.concatenate(
        [[len(set(y[a : a + 128].tolist())) == 1 for a in range(0, len(y) - 127, 64)] for y in found.labels]
    )
    assert pure[labels >= 6].mean() == pytest.approx(1 / 3, abs=0.03), "a third of a transition's windows are pure"


def test_the_aims_are_met_with_their_whole_intervals():
    assert METRICS["macro_f1_six_whole_session"]["low"] >= 0.96
    assert METRICS["macro_f1_twelve_whole_session"]["low"] >= 0.80


def test_the_points_add_up_and_the_student_has_a_version():
    assert sum(points(read_notebook(NOTEBOOK)).values()) == 30
    assert student_file(NOTEBOOK).is_file()
    assert any(has_tag(cell, "authored_only") for cell in read_notebook(NOTEBOOK)["cells"])
