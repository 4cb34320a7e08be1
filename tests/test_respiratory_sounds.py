"""What the unit on respiratory sounds stands by: no patient in two parts, its sweep, its numbers."""

import json
import re
from collections import defaultdict
from functools import partial

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score
from sweep_unit import defined, defined_on_real_data, with_settings

from lib.data.splits import check_disjoint
from lib.publish.project import RESULTS, ROOT, has_tag, read_notebook
from lib.publish.student import points, student_file
from lib.publish.sweep import read_runs, settings, sweep_file

NOTEBOOK = ROOT / "notebooks" / "respiratory_sounds" / "respiratory_sounds.ipynb"
METRICS = json.loads((RESULTS / "respiratory_sounds.json").read_text(encoding="utf-8"))["metrics"]
RUNS = read_runs(sweep_file(NOTEBOOK))
PARTS = ("forest", "chosen", "kauh", "ssl")
METHODS = ("autoencoder", "pi_model", "vat", "pseudo")


@pytest.fixture(scope="module")
def made_up():
    return defined(NOTEBOOK, PARTS, "synthetic")


@pytest.fixture(scope="module")
def unit():
    return defined_on_real_data(NOTEBOOK, PARTS)


runs_of = partial(with_settings, RUNS)


def said(unit, **wanted):
    """Seed → (n,), worked out the long way, each cycle by the one model that never met its patient."""
    by_seed = defaultdict(dict)
    for run in runs_of(**wanted):
        setting, answers = run["setting"], run["result"]["said"]
        rows = range(len(answers))
        if "fold" in setting:
            rows = np.flatnonzero(unit["folds"]("patients", setting["seed"]) == setting["fold"]).tolist()
        by_seed[setting["seed"]].update(zip(rows, answers, strict=True))
    n = len(unit["labels"]())
    assert by_seed
    assert all(sorted(answers) == list(range(n)) for answers in by_seed.values())
    return {seed: np.array([answers[i] for i in range(n)]) for seed, answers in by_seed.items()}


def no_patient_is_in_two_parts(unit):
    for seed in range(5):
        check_disjoint(unit["patients"](), unit["folds"]("patients", seed))
        for fold in range(5):
            parts = unit["three_parts"]({"seed": seed, "fold": fold, "step": "patients"})
            assert sorted(np.concatenate(parts)) == list(range(len(unit["labels"]())))
            which = np.empty(len(unit["labels"]()), int)
            for number, rows in enumerate(parts):
                which[rows] = number
            check_disjoint(unit["patients"](), which)


def test_no_patient_of_the_stand_in_is_in_two_parts(made_up):
    no_patient_is_in_two_parts(made_up)


@pytest.mark.real_data
def test_no_patient_is_in_two_parts(unit):
    no_patient_is_in_two_parts(unit)


def test_every_run_of_the_sweep_is_stored_once():
    wanted = [json.dumps(s, sort_keys=True) for s in settings(read_notebook(NOTEBOOK), NOTEBOOK)]
    assert sorted(json.dumps(r["setting"], sort_keys=True) for r in RUNS) == sorted(wanted)


def test_before_the_last_mend_validation_shares_patients_with_training(made_up):
    train, validation, _ = made_up["three_parts"]({"seed": 0, "fold": 0, "step": "logarithm"})
    people = made_up["patients"]()
    assert set(people[train]) & set(people[validation])


@pytest.mark.parametrize("alike", ["cycles", "patients", "devices"])
def test_weights_make_alike_what_they_say(made_up, alike):
    rows = np.arange(len(made_up["labels"]()))
    weight, table = made_up["weights"](rows, alike), made_up["cycles"]().table.assign(one=1)
    table["weight"] = weight
    of_class = table.groupby("abnormal")["weight"].sum()
    assert of_class[True] == pytest.approx(of_class[False])
    if alike == "cycles":
        assert (table.groupby("abnormal")["weight"].nunique() == 1).all()
    if alike == "patients":
        whole = table.groupby("patient")["abnormal"].agg(["min", "max"])
        sole = whole.index[(whole["min"] == whole["max"]) & ~whole["max"]]
        assert table[table["patient"].isin(sole)].groupby("patient")["weight"].sum().std() == pytest.approx(0, abs=1e-9)
    if alike == "devices":
        cells = table.groupby(["device", "abnormal"])["weight"].sum()
        assert cells.max() == pytest.approx(cells.min())


def test_the_choice_within_a_fold_never_sees_its_test_patients(made_up, monkeypatch):
    setting = {"seed": 0}
    before = made_up["run_chosen"](setting)
    tested = made_up["folds"]("patients", 0) == 0
    others = made_up["labels"]().copy()
    others[tested] = 1 - others[tested]
    fold = made_up["folds"]("patients", 0)
    monkeypatch.setitem(made_up, "folds", lambda split, seed: fold)
    monkeypatch.setitem(made_up, "labels", lambda: others)
    after = made_up["run_chosen"](setting)
    assert after["chosen"][0] == before["chosen"][0]
    assert np.array(after["said"])[tested].tolist() == np.array(before["said"])[tested].tolist()


def test_labels_are_drawn_by_patients_and_hold_both_classes(made_up):
    rows = np.arange(len(made_up["labels"]()))
    for share in (0.05, 0.25, 1.0):
        known = made_up["labelled_rows"](rows, share, 0)
        people = made_up["patients"]()
        assert set(people[known]).isdisjoint(people[np.setdiff1d(rows, known)])
        assert set(made_up["labels"]()[known]) == {0, 1}


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("metric", "which"),
    [
        ("icbhi_auc_cycles_random", {"part": "forest", "split": "cycles"}),
        ("icbhi_auc_recordings", {"part": "forest", "split": "recordings"}),
        ("icbhi_auc_levels", {"part": "forest", "split": "patients", "features": "levels"}),
        ("icbhi_auc_beside_recording", {"part": "forest", "features": "beside", "alike": "patients"}),
        ("icbhi_auc_devices_alike", {"part": "forest", "features": "beside", "alike": "devices"}),
        ("icbhi_auc_patient_disjoint", {"part": "chosen"}),
        ("icbhi_auc_simple_cnn", {"part": "cnn", "network": "SimpleCNN", "step": "patients"}),
        ("icbhi_auc_cnn_gru", {"part": "cnn", "network": "CNNGRU"}),
        ("icbhi_auc_from_kauh", {"part": "kauh", "way": "kauh_to_icbhi"}),
        *((f"auc_{m}_50", {"part": "ssl", "reads": "numbers", "method": m, "share": 0.5}) for m in METHODS),
        *((f"auc_{m}_10_pictures", {"part": "ssl", "reads": "pictures", "method": m, "share": 0.1}) for m in METHODS),
    ],
)
def test_a_recorded_area_is_that_of_the_stored_answers(unit, metric, which):
    found = said(unit, **which)
    assert sorted(found) == METRICS[metric]["seeds"]
    areas = [roc_auc_score(unit["labels"](), answers) for answers in found.values()]
    assert METRICS[metric]["value"] == pytest.approx(np.mean(areas), abs=1e-5)
    assert METRICS[metric]["low"] < np.mean(areas) < METRICS[metric]["high"]


@pytest.mark.real_data
@pytest.mark.parametrize(("metric", "way"), [("kauh_auc", "within_kauh"), ("kauh_auc_from_icbhi", "icbhi_to_kauh")])
def test_the_foreign_hospital_s_areas_are_those_of_the_stored_answers(unit, metric, way):
    y = unit["foreign"]().table["abnormal"].to_numpy(int)
    areas = [roc_auc_score(y, run["result"]["said"]) for run in runs_of(part="kauh", way=way)]
    assert METRICS[metric]["value"] == pytest.approx(np.mean(areas), abs=1e-5)


@pytest.mark.real_data
def test_the_score_of_what_was_chosen_is_the_mean_of_sensitivity_and_specificity(unit):
    sick, scores = unit["labels"]() == 1, []
    for run in runs_of(part="chosen"):
        called = np.array(run["result"]["called"]) == 1
        scores.append((called[sick].mean() + (~called[~sick]).mean()) / 2)
    assert METRICS["icbhi_score_patient_disjoint"]["value"] == pytest.approx(np.mean(scores), abs=1e-5)
    both = [METRICS[f"{name}_patient_disjoint"]["value"] for name in ("sensitivity", "specificity")]
    assert np.mean(both) == pytest.approx(np.mean(scores), abs=1e-5)


@pytest.mark.real_data
def test_a_difference_is_that_of_the_two_recorded_areas():
    for method in METHODS:
        gap = METRICS[f"auc_{method}_25"]["value"] - METRICS["auc_supervised_25"]["value"]
        assert METRICS[f"gap_{method}_25"]["value"] == pytest.approx(gap, abs=2e-5)


@pytest.mark.real_data
def test_where_one_has_fewer_seeds_a_difference_is_over_those_that_both_have(unit):
    forest, network = said(unit, part="chosen"), said(unit, part="cnn", network="SimpleCNN", step="patients")
    area = partial(roc_auc_score, unit["labels"]())
    gaps = [area(forest[seed]) - area(network[seed]) for seed in sorted(forest.keys() & network.keys())]
    assert METRICS["gap_patient_disjoint_over_simple_cnn"]["seeds"] == list(range(len(gaps)))
    assert METRICS["gap_patient_disjoint_over_simple_cnn"]["value"] == pytest.approx(np.mean(gaps), abs=1e-5)


def inside(metric, value):
    return METRICS[metric]["low"] <= value <= METRICS[metric]["high"]


@pytest.mark.parametrize(
    "metric", ["icbhi_auc_simple_cnn", "auc_within_akgc417l", "auc_within_litt3200", "auc_supervised_100_pictures"]
    + ["icbhi_auc_from_kauh"]
    + [f"icbhi_auc_official_{part}" for part in ("split", "devices_met", "devices_not_met")],
)  # fmt: skip
def test_what_is_said_not_to_be_above_chance_has_chance_in_its_interval(metric):
    assert inside(metric, 0.5)


@pytest.mark.parametrize(
    "gap",
    ["recordings_over_patients", "only_beside_over_all_features", "patient_disjoint_over_beside_recording",
     "devices_alike_over_not", "cnn_gru_over_simple_cnn", "mended_over_published", "kauh_from_icbhi_over_age"],
)  # fmt: skip
def test_a_difference_that_may_be_nothing_has_zero_in_its_interval(gap):
    assert inside(f"gap_{gap}", 0)


def test_the_split_by_cycles_gains_from_other_cycles_of_the_same_recording():
    assert METRICS["gap_cycles_over_recordings"]["low"] > 0.1
    assert METRICS["patient_from_other_recordings"]["high"] < METRICS["patient_from_levels"]["low"]


@pytest.mark.real_data
def test_in_the_official_split_the_devices_are_dealt_as_the_page_says(unit):
    by_part = unit["cycles"]().table.groupby(["split", "device"])["abnormal"].agg(["size", "mean"])
    assert "Litt3200" not in by_part.loc["train"].index
    tested = by_part.loc["test"]["size"]
    assert 0.4 < tested["Litt3200"] / tested.sum() < 0.5
    assert by_part.loc["train", "AKGC417L"]["mean"] > 0.5
    assert by_part.loc["test", "AKGC417L"]["mean"] == pytest.approx(0.25, abs=0.05)


def test_within_a_device_the_forest_does_about_what_it_does_over_all():
    over_all = METRICS["icbhi_auc_beside_recording"]["value"]
    assert METRICS["auc_same_device"]["value"] == pytest.approx(over_all, abs=0.02)


def test_no_step_of_correction_stands_among_the_four():
    steps = [name for name in METRICS if name.startswith("holm_p_") and name.endswith("_over_published")]
    assert len(steps) == 4
    assert min(METRICS[name]["value"] for name in steps) > 0.05
    gaps = {name: METRICS[name.replace("holm_p", "gap")]["value"] for name in steps}
    assert max(gaps, key=gaps.get) == "holm_p_logarithm_over_published"


def test_with_validating_patients_the_epoch_kept_is_the_first_in_most_folds():
    kept = [run["result"]["best"] for run in runs_of(part="cnn", network="SimpleCNN", step="patients", seed=0)]
    assert len(kept) == 5
    assert sum(best == 1 for best in kept) > 2.5


def test_without_labels_all_that_leaves_out_zero_is_a_loss_and_none_stands_after_correction():
    names = [f"gap_{m}_{s}" for m in METHODS for s in (5, 10, 25, 50, 100)]
    names += [f"gap_{m}_{s}_pictures" for m in METHODS for s in (10, 50, 100)]
    assert len(names) == METRICS["ssl_comparisons"]["value"]
    beyond = [name for name in names if not inside(name, 0)]
    assert len(beyond) == METRICS["ssl_beyond_zero"]["value"]
    assert all(METRICS[name]["high"] < 0 for name in beyond)
    worst = sorted(names, key=lambda name: METRICS[name]["value"])[:2]
    assert worst == ["gap_autoencoder_100", "gap_pi_model_100"]
    assert METRICS["ssl_smallest_holm_p"]["value"] > 0.05


def test_on_the_hand_trained_network_the_temperature_made_calibration_worse():
    texts = ["".join(o.get("text", "")) for c in read_notebook(NOTEBOOK)["cells"] for o in c.get("outputs", [])]
    (text,) = [t for t in texts if "calibration error" in t]
    assert float(re.search(r"temperature ([\d.]+), fitted", text)[1]) < 1
    as_it_is, with_temperature = (float(x) for x in re.findall(r"calibration error ([\d.]+)", text))
    assert with_temperature > as_it_is


def test_each_method_helps_on_the_moons():
    for method in METHODS:
        assert METRICS[f"moons_accuracy_{method}"]["value"] > METRICS["moons_accuracy_supervised"]["value"]


def test_on_the_moons_two_gains_stand_the_pi_model_s_is_on_the_border_and_the_auto_encoder_s_may_be_none():
    for method in ("vat", "pseudo"):
        assert METRICS[f"moons_gain_{method}"]["low"] > 0
        assert METRICS[f"moons_holm_p_{method}"]["value"] < 0.05
    assert METRICS["moons_gain_pi_model"]["low"] > 0
    assert round(METRICS["moons_holm_p_pi_model"]["value"], 3) == 0.05
    assert inside("moons_gain_autoencoder", 0)


def test_the_student_s_version_asks_for_everything_and_answers_nothing():
    notebook = read_notebook(student_file(NOTEBOOK))
    assert not any("BEGIN SOLUTION" in cell["source"] or has_tag(cell, "authored_only") for cell in notebook["cells"])
    assert sum(points(notebook).values()) == sum(points(read_notebook(NOTEBOOK)).values()) == 45
