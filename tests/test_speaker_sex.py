"""What the unit on speaker sex stands by: nobody in two parts, its sweep, its numbers."""

import json
import os

import numpy as np
import pytest
from sweep_unit import defined

from lib.data.splits import check_disjoint
from lib.publish.project import RESULTS, ROOT, has_tag, read_notebook
from lib.publish.runs import read_runs
from lib.publish.stamp import sweep_file
from lib.publish.student import points, student_file
from lib.publish.sweep import definitions, settings

NOTEBOOK = ROOT / "notebooks" / "speaker_sex" / "speaker_sex.ipynb"
METRICS = json.loads((RESULTS / "speaker_sex.json").read_text(encoding="utf-8"))["metrics"]
RUNS = read_runs(sweep_file(NOTEBOOK))
PARTS = ("network", "halves", "final")
FIELDS = ("channel", "power", "corruptions", "masks", "mix_up", "denoising")
HARDENED = {"channel": 1.0, "corruptions": True}


@pytest.fixture(scope="module")
def made_up():
    return defined(NOTEBOOK, PARTS, "synthetic")


@pytest.fixture(scope="module")
def unit():
    if not os.environ.get("NOTES_DATA"):
        pytest.skip("needs the real data (NOTES_DATA)")
    return defined(NOTEBOOK, PARTS, "real")


def trainings(network="conv1d", **recipe):
    wanted = {"channel": 0.5} | recipe
    return [
        r
        for r in RUNS
        if r["setting"]["part"] == "network"
        and r["setting"].get("network") == network
        and all(r["setting"].get(f) == wanted.get(f) for f in FIELDS)
    ]


def accuracy(unit, runs, condition=None):
    """The mean over seeds of the balanced accuracy over all speakers, worked out the long way."""
    sex = unit["is_male"](unit["speech"]().table)
    by_seed = {}
    for run in runs:
        rows = unit["parts"](run["setting"]["fold"], run["setting"]["seed"])["test"]
        result = run["result"]
        said = (
            [score > 0 for score in result["test_clean"]]
            if condition is None
            else [bit == "1" for bit in result["test_spoiled"][condition]]
        )
        by_seed.setdefault(run["setting"]["seed"], {}).update(zip(rows.tolist(), said, strict=True))
    found = []
    for answers in by_seed.values():
        assert sorted(answers) == list(range(len(sex)))
        right = np.array([answers[i] == bool(sex[i]) for i in range(len(sex))])
        found.append((right[sex == 0].mean() + right[sex == 1].mean()) / 2)
    return np.mean(found)


def nobody_is_in_two_parts(unit):
    speakers = unit["speech"]().table["speaker"].to_numpy()
    for fold in range(5):
        for seed in range(5):
            rows = unit["parts"](fold, seed)
            everyone = np.concatenate(list(rows.values()))
            assert sorted(everyone) == list(range(len(speakers)))
            check_disjoint(speakers[everyone], np.repeat(list(rows), [len(r) for r in rows.values()]))
            for part in rows.values():
                assert len(set(unit["is_male"](unit["speech"]().table)[part])) == 2


def test_no_speaker_of_the_stand_in_is_in_two_parts(made_up):
    nobody_is_in_two_parts(made_up)


@pytest.mark.real_data
def test_no_speaker_is_in_two_parts(unit):
    nobody_is_in_two_parts(unit)


def test_babble_is_made_of_voices_of_the_same_fold_only(made_up, monkeypatch):
    batches = []
    monkeypatch.setitem(made_up, "corrupt", lambda batch, *_: batches.append(batch) or batch)
    exec("found = spoiled({'babble': 5})", made_up)
    assert len(made_up["found"]) == len(made_up["folds"]())
    assert [len(b) for b in batches] == np.bincount(made_up["folds"]()).tolist()


def test_every_run_of_the_sweep_is_stored_once():
    wanted = [json.dumps(s, sort_keys=True) for s in settings(read_notebook(NOTEBOOK), NOTEBOOK)]
    assert sorted(json.dumps(r["setting"], sort_keys=True) for r in RUNS) == sorted(wanted)


def test_nothing_was_trained_on_the_foreign_corpus_but_the_measure_of_the_leak():
    for run in RUNS:
        if run["setting"]["part"] in ("network", "halves", "final"):
            assert "librispeech_sex" in run["provenance"]["data"]
    code = definitions(read_notebook(NOTEBOOK), "network")
    trained_on = [line for line in code.splitlines() if "train=" in line]
    assert trained_on
    assert not any("foreign" in line for line in trained_on)


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("metric", "network", "recipe"),
    [
        ("test_conv1d", "conv1d", {}),
        ("test_conv1d_power_in_place_of_db", "conv1d", {"power": True}),
        ("test_conv2d", "conv2d", {}),
        ("test_efficientnet_imagenet_weights", "photographs, pre-trained", {}),
        ("recovery_conv1d_corruptions_clean", "conv1d", HARDENED),
        ("recovery_residual_corruptions_clean", "residual", HARDENED),
    ],
)
def test_a_recorded_accuracy_is_that_of_the_stored_scores(unit, metric, network, recipe):
    entry, runs = METRICS[metric], trainings(network, **recipe)
    assert len(runs) == 5 * len(entry["seeds"])
    assert entry["n"] == 251
    assert entry["value"] == pytest.approx(accuracy(unit, runs), abs=1e-5)
    assert entry["low"] <= entry["value"] <= entry["high"]


@pytest.mark.real_data
def test_the_means_over_kinds_are_those_of_the_stored_answers(unit):
    for group, kinds in (("seen", unit["TRAINING_KINDS"]), ("unseen", unit["UNSEEN_KINDS"])):
        means = [accuracy(unit, trainings(**HARDENED), unit["MIDDLE"][kind]) for kind in kinds]
        assert METRICS[f"recovery_conv1d_corruptions_{group}"]["value"] == pytest.approx(np.mean(means), abs=1e-5)


@pytest.mark.real_data
def test_a_fall_is_the_clean_score_less_the_mean_over_five_strengths(unit):
    runs = trainings()
    for kind in ("white_noise", "telephone", "tempo"):
        names = [f"{kind}@{strength:g}" for strength in unit["CORRUPTIONS"][kind].strengths]
        fall = accuracy(unit, runs) - np.mean([accuracy(unit, runs, name) for name in names])
        assert METRICS[f"fall_{kind}"]["value"] == pytest.approx(fall, abs=1e-5)


CHOSEN = "white_noise@10 + reverberation@0.8 + clipping@10"
PLAIN = {"channel": 1.0}


def of_each_seed(unit, runs, condition=None):
    seeds = sorted({r["setting"]["seed"] for r in runs})
    return [accuracy(unit, [r for r in runs if r["setting"]["seed"] == seed], condition) for seed in seeds]


@pytest.mark.real_data
def test_the_gain_of_the_recipe_is_that_of_its_two_steps(unit):
    scores = [accuracy(unit, trainings(**recipe), CHOSEN) for recipe in ({}, PLAIN, HARDENED)]
    recorded = [METRICS[f"pair_{step}_spoiled"]["value"] for step in ("band_means_off", "then_corruptions_60_epochs")]
    assert recorded == pytest.approx(np.diff(scores), abs=1e-5)
    assert METRICS["gain_spoiled"]["value"] == pytest.approx(sum(recorded), abs=1e-5)
    assert all(METRICS[f"pair_{s}_spoiled"]["low"] > 0 for s in ("band_means_off", "then_corruptions_60_epochs"))


def test_the_second_step_of_the_recipe_changes_the_epochs_too_as_the_page_says():
    def epochs(**recipe):
        return {r["setting"]["epochs"] for r in trainings(**recipe)}

    assert epochs() == epochs(**PLAIN) == {30}
    assert epochs(**HARDENED) == epochs(**PLAIN, masks=True) == epochs(**PLAIN, mix_up=True) == {60}


@pytest.mark.real_data
def test_one_of_the_five_networks_is_just_under_the_limit_of_the_task(unit):
    scores = of_each_seed(unit, trainings(), CHOSEN)
    assert len(scores) == 5
    assert [round(s, 2) for s in scores if s < 0.7] == [0.69]


@pytest.mark.real_data
def test_five_trainings_lie_far_apart_under_filters_and_pink_noise(unit):
    for condition in ("pink_noise@5", "low_pass@2000", "high_pass@400", "telephone@3400", CHOSEN):
        assert np.ptp(of_each_seed(unit, trainings(), condition)) > 0.1


@pytest.mark.real_data
def test_eight_recordings_carry_most_errors_and_two_men_are_wrong_with_every_seed(unit):
    male = unit["is_male"](unit["speech"]().table) == 1
    wrong = np.zeros(len(male))
    for run in trainings():
        rows = unit["parts"](run["setting"]["fold"], run["setting"]["seed"])["test"]
        wrong[rows] += (np.array(run["result"]["test_clean"]) > 0) != male[rows]
    assert np.sort(wrong)[-8:].sum() > 0.7 * wrong.sum()
    assert (wrong == 5).sum() == 2
    assert male[wrong == 5].all()
    from lib.audio.signals import as_float
    from lib.audio.statistics import VOICED, pitch

    for row in np.flatnonzero(wrong == 5):
        hertz, strength = pitch(as_float(unit["speech"]().signals[row]))
        assert np.median(hertz[strength > VOICED]) > 200


def foreign_errors(unit, part="final"):
    """(n,) bool and the mean scores of the networks with corruptions."""
    runs = [r for r in RUNS if r["setting"]["part"] == part]
    assert len(runs) == 25
    scores = np.mean([r["result"]["foreign"] for r in runs], 0)
    return (scores > 0) != (unit["is_male"](unit["foreign"]().table) == 1), scores


@pytest.mark.real_data
def test_abroad_the_ensemble_calls_women_male_and_one_of_them_eight_times(unit):
    table = unit["foreign"]().table
    wrong, scores = foreign_errors(unit)
    assert set(table["sex"][wrong]) == {"F"}
    counts = table["speaker"][wrong].value_counts()
    assert counts.iloc[0] == 8
    assert counts.iloc[1] < 4
    male = unit["is_male"](table) == 1
    assert METRICS["foreign_women_right"]["value"] == pytest.approx(1 - wrong[~male].mean(), abs=1e-5)
    best = max((np.mean(scores[male] > edge) + np.mean(scores[~male] <= edge)) / 2 for edge in scores)
    assert METRICS["foreign_best_threshold"]["value"] == pytest.approx(best, abs=1e-5)
    means = table.assign(score=scores, male=male).groupby("speaker")[["score", "male"]].mean()
    assert ((means["score"] > 0) == (means["male"] == 1)).all()


@pytest.mark.real_data
def test_the_woman_missed_most_has_a_higher_pitch_than_every_man(unit):
    from lib.audio.signals import as_float
    from lib.audio.statistics import VOICED, pitch

    table = unit["foreign"]().table
    missed = table["speaker"][foreign_errors(unit)[0]].value_counts().index[0]
    f0 = {}
    for row, (speaker, sex) in enumerate(zip(table["speaker"], table["sex"], strict=True)):
        if sex == "M" or speaker == missed:
            hertz, strength = pitch(as_float(unit["foreign"]().signals[row]))
            f0.setdefault(speaker, []).append(np.median(hertz[strength > VOICED]))
    hers = f0.pop(missed)
    assert METRICS["foreign_most_missed_f0"]["value"] == pytest.approx(np.mean(hers), abs=1e-2)
    assert max(np.median(his) for his in f0.values()) < np.median(hers) - 50


@pytest.mark.real_data
def test_the_best_ensemble_is_wrong_five_times_and_the_others_seven(unit):
    male = unit["is_male"](unit["speech"]().table) == 1
    final = [r for r in RUNS if r["setting"]["part"] == "final"]
    wrong = []
    for runs in (trainings(), trainings(**HARDENED), final):
        total = np.zeros(len(male))
        for run in runs:
            rows = unit["parts"](run["setting"]["fold"], run["setting"]["seed"])["test"]
            total[rows] += run["result"]["test_clean"]
        wrong.append(int(((total > 0) != male).sum()))
    assert wrong == [7, 5, 7]


def clear(name):
    """-1 or 1 when the interval lies below or above zero, else 0."""
    return (METRICS[name]["low"] > 0) - (METRICS[name]["high"] < 0)


@pytest.mark.parametrize(
    ("metric", "side"),
    [
        ("difference_statistics", 0),
        ("difference_conv1d_every_band_s_mean_off", 0),
        ("difference_conv1d_only_the_level_off", 0),
        ("difference_conv1d_without_dropout", 0),
        ("difference_conv1d_without_batch_norm", 0),
        ("difference_conv1d_without_both", 0),
        ("difference_conv1d_power_in_place_of_db", -1),
        ("difference_conv2d", -1),
        ("foreign_difference_conv1d_f0", -1),
        ("leak_251_speakers_difference", 1),
        ("leak_16_foreign_speakers_difference", 0),
        ("gain_clean", 0),
        ("pair_band_means_off_unseen", 1),
        ("pair_band_means_off_voice", 1),
        ("pair_then_corruptions_60_epochs_unseen", 1),
        ("pair_then_corruptions_60_epochs_voice", 0),
        ("pair_or_masks_60_epochs_unseen", 1),
        ("pair_or_masks_60_epochs_spoiled", 0),
        ("pair_or_mix_up_60_epochs_unseen", 0),
        ("pair_or_mix_up_60_epochs_spoiled", 0),
        ("pair_all_three_less_corruptions_clean", -1),
        ("pair_all_three_less_corruptions_foreign", 0),
        ("difference_residual", 0),
        ("gain_spoiled", 1),
        ("pair_conv2d_less_conv1d_voice", 1),
        ("pair_conv2d_less_conv1d_clean", -1),
        ("pair_conv2d_less_conv1d_unseen", -1),
        ("pair_all_speakers_less_fewer_clean", 0),
        ("pair_all_speakers_less_fewer_spoiled", 0),
    ],
)
def test_a_difference_is_clear_of_zero_where_the_page_says_so_and_only_there(metric, side):
    assert clear(metric) == side


def test_of_the_twelve_comparisons_those_called_worse_hold_after_holm():
    p = {name: METRICS[f"p_{name}"]["value"] for name in ("conv2d", "residual", "conv1d_power_in_place_of_db")}
    assert p["conv2d"] < 0.05
    assert p["conv1d_power_in_place_of_db"] < 0.05
    assert p["residual"] > 0.05
    assert sum(name.startswith("p_") for name in METRICS) == 12


def test_other_networks_and_the_denoiser_gain_nothing_under_the_combination_or_on_unseen_kinds():
    for step in ("denoiser_less_none", "residual_less_conv1d", "conv2d_less_conv1d"):
        for condition in ("spoiled", "unseen"):
            assert clear(f"pair_{step}_{condition}") <= 0
            assert METRICS[f"pair_{step}_{condition}"]["value"] < 0


def test_the_five_kinds_that_hurt_most_and_the_four_that_hardly_do_are_those_of_the_answer():
    falls = {name: m["value"] for name, m in METRICS.items() if name.startswith("fall_")}
    ranking = sorted(falls, key=falls.get, reverse=True)
    assert ranking[:5] == [f"fall_{kind}" for kind in ("telephone", "band_mask", "pitch", "high_pass", "speed")]
    assert set(ranking[-4:]) == {f"fall_{kind}" for kind in ("gain", "tempo", "reverberation", "clipping")}


def test_the_kinds_of_the_test_are_not_those_of_training(made_up):
    training = set(made_up["TRAINING_KINDS"])
    assert not training & (set(made_up["UNSEEN_KINDS"]) | set(made_up["VOICE_KINDS"]))
    assert training | set(made_up["UNSEEN_KINDS"]) | set(made_up["VOICE_KINDS"]) == set(made_up["CORRUPTIONS"])


def test_the_combination_keeps_the_limit_of_the_task():
    assert METRICS["combination_validation"]["low"] >= 0.7
    assert METRICS["recovery_conv1d_clean_spoiled"]["value"] >= 0.7


def test_the_networks_have_the_sizes_of_the_document(made_up):
    sizes = {name: sum(p.numel() for p in made_up[name]().parameters()) for name in ("Conv1DNet", "Conv2DNet")}
    assert sizes["Conv2DNet"] == 81_378
    assert trainings("conv2d")[0]["result"]["parameters"] == 81_378
    assert trainings("conv1d")[0]["result"]["parameters"] == sizes["Conv1DNet"]


def test_the_points_are_those_of_the_homework():
    cells = read_notebook(NOTEBOOK)["cells"]
    earned, task = {}, None
    for cell in cells:
        if cell["cell_type"] == "markdown" and "\n## Task " in "\n" + cell["source"]:
            task = int(cell["source"].split("## Task ", 1)[1][0])
        if not cell["metadata"].get("nbgrader", {}).get("grade"):
            continue
        # The split by speaker comes before the heading of the first task that it belongs to.
        earned[task or 1] = earned.get(task or 1, 0) + cell["metadata"]["nbgrader"]["points"]
    assert earned == {1: 20, 2: 30, 3: 40, 4: 10}
    assert sum(points(read_notebook(NOTEBOOK)).values()) == 100
    assert student_file(NOTEBOOK).is_file()
    assert any(has_tag(cell, "authored_only") for cell in cells)
