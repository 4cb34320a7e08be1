"""What the ECG unit stands by, and that its sweep says what the page says."""

import json
from statistics import mean

import pytest

from lib.publish.project import RESULTS, ROOT, read_notebook
from lib.publish.student import points, student_file
from lib.publish.sweep import read_runs, settings, sweep_file

NOTEBOOK = ROOT / "notebooks" / "ecg_lstm" / "ecg_lstm.ipynb"
METRICS = json.loads((RESULTS / "ecg_lstm.json").read_text(encoding="utf-8"))["metrics"]
RUNS = read_runs(sweep_file(NOTEBOOK))
PUBLISHED = {
    "mean_spectrum": 0.572,
    "fully_connected": 0.776,
    "conv": 0.860,
    "rnn": 0.499,
    "lstm": 0.900,
    "torch_lstm": 0.905,
}


def runs(**wanted):
    return [r["result"] for r in RUNS if all(r["setting"].get(k) == v for k, v in wanted.items())]


def test_the_data_are_the_ones_of_the_document():
    assert METRICS["recordings"]["value"] == METRICS["recordings"]["published"] == 5622
    assert METRICS["share_af"]["value"] == pytest.approx(0.12291, abs=5e-6)


@pytest.mark.parametrize(("net", "value"), PUBLISHED.items())
def test_each_published_accuracy_stands_beside_ours(net, value):
    entry = METRICS[f"val_accuracy_{net}_as_published"]
    assert entry["published"] == value
    assert entry["n"] == 16854
    class_name = {
        "mean_spectrum": "MeanSpectrumNet", "fully_connected": "FullyConnectedNet", "conv": "ConvNet",
        "rnn": "RNNNet", "lstm": "LSTMNet", "torch_lstm": "TorchLSTMNet",
    }[net]  # fmt: skip
    stored = [r["val_accuracy"] for r in runs(part="published", net=class_name, chunks="fixed")]
    assert len(stored) == len(entry["seeds"])
    assert entry["value"] == pytest.approx(mean(stored), abs=1e-5)


def test_learning_rates_were_chosen_on_validation():
    names = {}
    for cell in read_notebook(NOTEBOOK)["cells"]:
        if "sweep-settings" in cell["metadata"].get("tags", []):
            exec(cell["source"], names)
    for net, chosen in names["LEARNING_RATES"].items():
        tried = {
            r["setting"]["learning_rate"]: r["result"]["val_auroc"]
            for r in RUNS
            if r["setting"]["part"] == "mended" and r["setting"]["net"] == net and len(r["setting"]) == 4
        }
        if net == "TorchLSTMNet":  # the same network as LSTMNet
            assert chosen == names["LEARNING_RATES"]["LSTMNet"]
        else:
            assert chosen == max(tried, key=tried.get)


def test_only_final_runs_opened_the_test_part():
    opened = [r["setting"] for r in RUNS if "test_scores" in r["result"]]
    assert len(opened) == 30
    assert all(s["test"] == 1 and "without" not in s for s in opened)


def test_every_recording_is_judged_once_by_a_model_that_did_not_see_it():
    for part in ("network", "booster"):
        folds = {r["setting"]["fold"]: len(r["result"]["probabilities"]) for r in RUNS if r["setting"]["part"] == part}
        assert sorted(folds) == [0, 1, 2, 3, 4]
        assert sum(folds.values()) == 8528


def test_the_recorded_best_is_good_and_has_an_interval():
    for name, least in (("test_auroc_best", 0.99), ("test_f1_best", 0.9), ("challenge_f1_cv", 0.83)):
        entry = METRICS[name]
        assert least < entry["low"] < entry["value"] < entry["high"] <= 1


def test_the_unit_has_the_points_of_the_document():
    worth = points(read_notebook(NOTEBOOK))
    assert sum(worth.values()) == 31
    assert student_file(NOTEBOOK).is_file()


def test_the_stored_runs_are_the_ones_the_page_asks_for():
    assert len(RUNS) == len(settings(read_notebook(NOTEBOOK), NOTEBOOK))
