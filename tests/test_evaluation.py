import json
import math

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from lib.evaluation import (
    FIELDS,
    Interval,
    Results,
    bootstrap_interval,
    bootstrap_weighted,
    holm,
    mcnemar,
    net_benefit,
    paired_difference,
    resample_counts,
    weighted_auc,
    wilson_interval,
)


def weighted_mean(values):
    return lambda weights: weights @ values / weights.sum(axis=1)


# --- resampling ---------------------------------------------------------------------------------------


def test_each_resample_draws_as_many_rows_as_there_are():
    counts = resample_counts(40, 25, seed=3)
    assert counts.shape == (25, 40)
    assert (counts.sum(axis=1) == 40).all()
    assert (counts == resample_counts(40, 25, seed=3)).all()
    assert (counts != resample_counts(40, 25, seed=4)).any()


def test_rows_of_a_group_are_drawn_together():
    groups = np.repeat(["a", "b", "c", "d"], [1, 2, 3, 4])
    counts = resample_counts(10, 50, groups=groups)
    for name in "abcd":
        assert np.ptp(counts[:, groups == name], axis=1).max() == 0


def test_strata_keep_their_sizes():
    strata = np.repeat([0, 1], [8, 32])
    counts = resample_counts(40, 50, strata=strata)
    assert (counts[:, strata == 0].sum(axis=1) == 8).all()
    assert (counts[:, strata == 1].sum(axis=1) == 32).all()


def test_a_group_in_two_strata_is_refused():
    with pytest.raises(ValueError, match="more than one stratum"):
        resample_counts(4, 5, groups=[1, 1, 2, 2], strata=[0, 1, 0, 0])


@pytest.mark.parametrize(("n", "times"), [(0, 10), (10, 0)])
def test_no_rows_or_no_resamples_are_refused(n, times):
    with pytest.raises(ValueError, match="at least one"):
        resample_counts(n, times)


# --- intervals ----------------------------------------------------------------------------------------


def test_the_bootstrap_interval_covers_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(0)
    hits = 0
    for trial in range(300):
        sample = rng.normal(5, 2, size=80)
        found = bootstrap_weighted(weighted_mean(sample), 80, n_bootstrap=400, seed=trial)
        hits += found.low <= 5 <= found.high
    assert 0.91 <= hits / 300 <= 0.98


def test_the_bootstrap_interval_agrees_with_scipy():
    sample = np.random.default_rng(1).gamma(2, size=150)
    mine = bootstrap_interval(np.median, sample, n_bootstrap=4000)
    theirs = stats.bootstrap((sample,), np.median, method="percentile", n_resamples=4000).confidence_interval
    assert mine.value == np.median(sample)
    assert mine.low == pytest.approx(theirs.low, abs=0.03)
    assert mine.high == pytest.approx(theirs.high, abs=0.03)


def test_the_weighted_and_the_plain_bootstrap_are_one_and_the_same():
    sample = np.random.default_rng(2).normal(size=60)
    plain = bootstrap_interval(np.mean, sample, n_bootstrap=300, seed=9)
    assert plain == pytest.approx(bootstrap_weighted(weighted_mean(sample), 60, n_bootstrap=300, seed=9))


def test_a_grouped_interval_of_clustered_data_is_wider_than_a_naive_one():
    rng = np.random.default_rng(3)
    groups = np.repeat(np.arange(20), 30)
    values = rng.normal(size=20)[groups] + 0.2 * rng.normal(size=600)
    naive = bootstrap_interval(np.mean, values, n_bootstrap=500)
    grouped = bootstrap_interval(np.mean, values, groups=groups, n_bootstrap=500)
    assert grouped.high - grouped.low > 3 * (naive.high - naive.low)


def test_a_higher_level_gives_a_wider_interval():
    sample = np.random.default_rng(4).normal(size=100)
    narrow, wide = (bootstrap_interval(np.mean, sample, level=level) for level in (0.8, 0.99))
    assert wide.low < narrow.low < narrow.value < narrow.high < wide.high


def test_one_class_is_refused_and_strata_are_advised_when_a_class_is_rare():
    score = np.arange(30) / 30
    with pytest.raises(ValueError, match="only one class"):
        bootstrap_weighted(lambda w: weighted_auc(np.ones(30, int), score, w), 30)
    rare = np.r_[1, np.zeros(29, int)]
    with pytest.raises(ValueError, match="strata"):
        bootstrap_weighted(lambda w: weighted_auc(rare, score, w), 30)
    assert bootstrap_weighted(lambda w: weighted_auc(rare, score, w), 30, strata=rare).value == 0


@pytest.mark.parametrize(
    ("data", "message"),
    [(([],), "no rows"), (([1.0, math.nan],), "NaN"), (([1, 2], [1, 2, 3]), "one length"), ((3.0,), "one length")],
)
def test_bad_data_are_refused_with_a_reason(data, message):
    with pytest.raises(ValueError, match=message):
        bootstrap_interval(lambda *a: np.mean(a[0]), *data)


def test_a_paired_difference_is_narrower_than_two_intervals_when_the_errors_are_shared():
    rng = np.random.default_rng(5)
    truth = rng.integers(0, 2, 200)
    a = np.where(rng.random(200) < 0.25, 1 - truth, truth)
    b = np.where(rng.random(200) < 0.02, 1 - a, a)

    def accuracy(y, p):
        return (y == p).mean()

    gap = paired_difference(accuracy, truth, a, b)
    alone = bootstrap_interval(accuracy, truth, a)
    assert gap.value == pytest.approx(accuracy(truth, a) - accuracy(truth, b))
    assert gap.high - gap.low < 0.6 * (alone.high - alone.low)


def test_an_interval_is_written_for_a_table():
    assert Interval(0.90234, 0.8819, 0.921).text() == "0.902 [0.882, 0.921]"
    assert Interval(-0.01, -0.04, 0.02).text(2) == "−0.01 [−0.04, 0.02]"


# --- known values -------------------------------------------------------------------------------------


def test_weighted_auc_is_the_auc_of_the_resampled_rows():
    rng = np.random.default_rng(6)
    y, score = rng.integers(0, 2, 70), rng.integers(0, 12, 70) / 12  # with ties
    counts = resample_counts(70, 20, strata=y)
    expected = [roc_auc_score(np.repeat(y, c), np.repeat(score, c)) for c in counts]
    assert weighted_auc(y, score, counts) == pytest.approx(expected)
    assert weighted_auc(y, score)[0] == pytest.approx(roc_auc_score(y, score))


def test_weighted_auc_refuses_other_labels_than_0_and_1():
    with pytest.raises(ValueError, match="0 or 1"):
        weighted_auc([1, 2], [0.1, 0.2])


def test_wilson_gives_the_textbook_interval():
    value, low, high = wilson_interval(81, 263)  # Newcombe 1998, doi:10.1002/(SICI)1097-0258(19980430)17:8<857
    assert (value, low, high) == pytest.approx((81 / 263, 0.2553, 0.3662), abs=1e-4)
    assert wilson_interval(0, 10).low == 0
    with pytest.raises(ValueError, match="no trials"):
        wilson_interval(0, 0)


def test_mcnemar_counts_only_where_one_is_right():
    a = [1] * 10 + [0] * 2 + [1] * 50
    b = [0] * 10 + [1] * 2 + [1] * 50
    assert mcnemar(a, b) == (10, 2, pytest.approx(stats.binomtest(2, 12).pvalue))
    assert mcnemar(a, a) == (0, 0, 1.0)


def test_holm_matches_a_worked_example_and_keeps_the_order():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == pytest.approx([1, 1])
    with pytest.raises(ValueError, match="between 0 and 1"):
        holm([0.1, 1.2])


def test_net_benefit_is_what_one_gets_by_hand():
    y, p = [1, 1, 0, 0, 0], [0.9, 0.3, 0.6, 0.2, 0.1]
    # At 0.5: one true positive, one false positive. At 0.25: two and one, a false one costs a third.
    assert net_benefit(y, p, [0.5, 0.25]) == pytest.approx([1 / 5 - 1 / 5, 2 / 5 - 1 / 5 / 3])
    assert net_benefit(y, np.ones(5), [0.4]) == pytest.approx([0.4 - 0.6 * 0.4 / 0.6])  # treat all
    assert net_benefit(y, np.zeros(5), [0.4]) == pytest.approx([0])  # treat none


def test_net_benefit_of_counts_is_that_of_the_resampled_rows():
    rng = np.random.default_rng(7)
    y, p, thresholds = rng.integers(0, 2, 30), rng.random(30), [0.1, 0.5]
    counts = resample_counts(30, 5)
    expected = [net_benefit(np.repeat(y, c), np.repeat(p, c), thresholds) for c in counts]
    assert net_benefit(y, p, thresholds, counts) == pytest.approx(np.array(expected))
    with pytest.raises(ValueError, match="threshold"):
        net_benefit(y, p, [1.0])


# --- the record ---------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("NOTES_RESULTS", str(tmp_path))
    return tmp_path


def test_a_saved_file_has_all_fields_and_null_for_the_absent_ones(folder):
    results = Results("heart_disease")
    results.record("auc", Interval(0.9, 0.88, 0.92), n=918, seeds=range(3), published=0.89)
    results.record("brier", np.float64(1 / 3))
    path = results.save()
    assert path == folder / "heart_disease.json"
    stored = json.loads(path.read_text(encoding="utf-8"))
    assert set(stored) == {"slug", "provenance", "metrics"}
    assert stored["slug"] == "heart_disease"
    assert stored["metrics"]["auc"] == {
        "value": 0.9, "low": 0.88, "high": 0.92, "n": 918, "seeds": [0, 1, 2], "published": 0.89,
    }  # fmt: skip
    assert list(stored["metrics"]["brier"]) == list(FIELDS)
    assert stored["metrics"]["brier"] == {**dict.fromkeys(FIELDS), "value": 0.333333}


def test_a_failed_save_leaves_the_old_file_whole_and_no_scraps(folder, monkeypatch):
    results = Results("unit")
    results.record("a", 1)
    old = results.save().read_text(encoding="utf-8")
    results.record("a", 2)
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        results.save()
    assert [p.name for p in folder.iterdir()] == ["unit.json"]
    assert (folder / "unit.json").read_text(encoding="utf-8") == old


def test_without_a_publishing_run_results_go_to_the_cache_and_are_compared(tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("NOTES_RESULTS", raising=False)
    monkeypatch.setattr("lib.evaluation.ROOT", tmp_path)
    results = Results("unit")
    results.record("a", 1)
    assert results.save() == tmp_path / "data" / "cache" / "results" / "unit.json"
    assert results.compare()["on the page"].isna().all()
    assert "on the page" in capsys.readouterr().out


def test_a_run_is_compared_with_the_published_one(tmp_path, monkeypatch):
    monkeypatch.setattr("lib.evaluation.ROOT", tmp_path)
    monkeypatch.setenv("NOTES_RESULTS", str(tmp_path / "data" / "results"))
    results = Results("unit")
    results.record("a", 1)
    results.save()
    results.record("a", 1.5)
    results.record("b", 2)
    table = results.compare()
    assert table.loc["a", "difference"] == 0.5
    assert math.isnan(table.loc["b", "on the page"])


@pytest.mark.parametrize("name", ["AUC", "auc-cv", "auc cv", "_auc", "auc_", "2nd", ""])
def test_a_name_that_is_no_snake_case_is_refused(name):
    with pytest.raises(ValueError, match="snake_case"):
        Results("unit").record(name, 1)


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
    results.record("p", 6.13e-18)
    results.record("auc", 0.9, 0.8, 1)
    assert results.metrics["p"]["value"] == 6.13e-18
    assert results.table().loc["p", "value"] == "6.1e-18"
    assert results.table().loc["auc", "95 % interval"] == "0.8000 – 1.0000"
