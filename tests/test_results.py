"""What a page records: every figure with its kind, integers whole, a file that is never half written."""

import json
import math

import numpy as np
import pytest

from lib.evaluation import Interval
from lib.results import FIELDS, Results


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("NOTES_RESULTS", str(tmp_path))
    return tmp_path


def test_a_saved_file_has_all_fields_and_null_for_the_absent_ones(folder):
    results = Results("heart_disease")
    results.record("auc", Interval(0.9, 0.88, 0.92), n=918, seeds=range(3), published=0.89)
    results.record("patients", np.int64(2_816_609), kind="exact")
    results.record("ripple", np.float64(1 / 3), kind="simulated")
    path = results.save()
    assert path == folder / "heart_disease.json"
    stored = json.loads(path.read_text(encoding="utf-8"))
    assert set(stored) == {"slug", "provenance", "metrics"}
    assert stored["slug"] == "heart_disease"
    assert stored["metrics"]["auc"] == {
        "value": 0.9, "low": 0.88, "high": 0.92, "n": 918, "seeds": [0, 1, 2], "published": 0.89,
        "kind": "sampled",
    }  # fmt: skip
    assert list(stored["metrics"]["ripple"]) == list(FIELDS)
    assert stored["metrics"]["ripple"] == {**dict.fromkeys(FIELDS), "value": 0.333333, "kind": "simulated"}
    assert stored["metrics"]["patients"]["value"] == 2_816_609


def test_a_failed_save_leaves_the_old_file_whole_and_no_scraps(folder, monkeypatch):
    results = Results("unit")
    results.record("a", 1, kind="exact")
    old = results.save().read_text(encoding="utf-8")
    results.record("a", 2, kind="exact")
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        results.save()
    assert [p.name for p in folder.iterdir()] == ["unit.json"]
    assert (folder / "unit.json").read_text(encoding="utf-8") == old


def test_without_a_publishing_run_results_go_to_the_cache_and_are_compared(tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("NOTES_RESULTS", raising=False)
    monkeypatch.setattr("lib.results.ROOT", tmp_path)
    results = Results("unit")
    results.record("a", 1, kind="exact")
    assert results.save() == tmp_path / "data" / "cache" / "results" / "unit.json"
    assert results.compare()["on the page"].isna().all()
    assert "on the page" in capsys.readouterr().out


def test_a_run_is_compared_with_the_published_one(tmp_path, monkeypatch):
    monkeypatch.setattr("lib.results.ROOT", tmp_path)
    monkeypatch.setenv("NOTES_RESULTS", str(tmp_path / "data" / "results"))
    results = Results("unit")
    results.record("a", 1, kind="exact")
    results.save()
    results.record("a", 1.5, kind="exact")
    results.record("b", 2, kind="exact")
    table = results.compare()
    assert table.loc["a", "difference"] == 0.5
    assert math.isnan(table.loc["b", "on the page"])


@pytest.mark.parametrize("name", ["AUC", "auc-cv", "auc cv", "_auc", "auc_", "2nd", ""])
def test_a_name_that_is_no_snake_case_is_refused(name):
    with pytest.raises(ValueError, match="snake_case"):
        Results("unit").record(name, 1, kind="exact")


@pytest.mark.parametrize(
    ("value", "low", "high", "message"),
    [
        (math.nan, None, None, "value is nan"),
        (math.inf, None, None, "value is inf"),
        (0.5, 0.6, 0.7, "not inside"),
        (0.5, 0.6, 0.4, "not inside"),
        (0.5, 0.4, None, "both ends"),
        (0.5, math.nan, 0.7, "low is nan"),
        (None, None, None, "not inside"),
    ],
)
def test_a_number_that_makes_no_sense_is_refused(value, low, high, message):
    with pytest.raises(ValueError, match=message):
        Results("unit").record("a", value, low, high)


def test_a_slug_that_is_no_file_name_is_refused_and_an_empty_record_is_not_saved(folder):
    with pytest.raises(ValueError, match="slug"):
        Results("../heart")
    with pytest.raises(ValueError, match="nothing was recorded"):
        Results("unit").save()


def test_small_numbers_keep_their_digits():
    results = Results("unit")
    results.record("p", 6.13e-18, kind="exact")
    results.record("auc", 0.9, 0.8, 1)
    assert results.metrics["p"]["value"] == 6.13e-18
    assert results.table().loc["p", "value"] == "6.1e-18"
    assert results.table().loc["auc", "95 % interval"] == "0.8000 – 1.0000"


def test_a_figure_without_an_interval_must_say_why_it_has_none():
    results = Results("unit")
    for kind in (None, "sampled", "guessed"):
        with pytest.raises(ValueError, match="interval"):
            results.record("auc", 0.9, kind=kind)
    results.record("auc", 0.9, 0.8, 0.95)
    assert results.metrics["auc"]["kind"] == "sampled"
    assert results.table().loc["auc", "95 % interval"] == "0.8000 – 0.9500"


def test_integers_are_shown_whole():
    results = Results("unit")
    results.record("parameters", 2_816_609, kind="exact")
    results.record("torque", 0.5, kind="simulated", n=5932)
    shown = results.table()
    assert list(shown.loc["parameters"]) == ["2,816,609", "exact", "", ""]
    assert list(shown.loc["torque"]) == ["0.5000", "simulated", "5,932", ""]
