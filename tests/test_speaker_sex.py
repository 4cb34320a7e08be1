"""What the unit on speaker sex stands by: nobody in two parts, its sweep, its numbers."""

import json
import os

import numpy as np
import pytest
from sweep_unit import defined

from lib.data.splits import check_disjoint
from lib.publish.project import RESULTS, ROOT, has_tag, read_notebook
from lib.publish.student import points, student_file
from lib.publish.sweep import definitions, read_runs, settings, sweep_file

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
