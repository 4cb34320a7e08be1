import math

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from lib.evaluation import (
    Interval,
    bootstrap_interval,
    bootstrap_weighted,
    holm,
    jackknife,
    mcnemar,
    mean_over,
    paired_difference,
    resample_counts,
    wilson_interval,
)
from lib.weighted_metrics import net_benefit, weighted_auc


def weighted_mean(values):
    return lambda weights: weights @ values / weights.sum(axis=1)


# --- resampling ---------------------------------------------------------------------------------------


def test_each_resample_draws_as_many_rows_as_there_are():
    counts = resample_counts(40, 25, seed=3)
    assert counts.shape == (25, 40)
    assert (counts.sum(axis=1) == 40).all()
    assert (counts == resample_counts(40, 25, seed=3)).all()
    assert (counts != resample_counts(40, 25, seed=4)).any()


@pytest.mark.filterwarnings("ignore:a percentile bootstrap")
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


# --- few subjects -------------------------------------------------------------------------------------

SKEWED = {
    "normal": (lambda rng, n: rng.normal(size=n), 0.0),
    "exponential": (lambda rng, n: rng.exponential(size=n), 1.0),
    "AUROCs near one": (lambda rng, n: rng.beta(9, 1, size=n), 0.9),
    "log-normal": (lambda rng, n: rng.lognormal(0, 0.5, size=n), math.exp(0.125)),
}


def coverage(draw, truth: float, interval, trials: int = 2000) -> float:
    """The share of samples whose interval holds the truth."""
    rng = np.random.default_rng(11)
    found = (interval(draw(rng)) for _ in range(trials))
    return float(np.mean([one.low <= truth <= one.high for one in found]))


@pytest.mark.parametrize("n", [8, 16])
@pytest.mark.parametrize("shape", SKEWED)
def test_the_interval_over_few_subjects_covers_the_truth_as_often_as_it_says(shape, n):
    draw, truth = SKEWED[shape]
    assert coverage(lambda rng: draw(rng, n), truth, lambda x: mean_over(x).interval()) >= 0.93


@pytest.mark.filterwarnings("ignore:a percentile bootstrap")
def test_the_percentile_bootstrap_of_few_subjects_does_not_and_neither_does_plain_t_where_values_are_skewed():
    def percentile(x):
        return bootstrap_weighted(weighted_mean(x), len(x), n_bootstrap=300)

    def plain_t(x):
        low, high = stats.t.interval(0.95, len(x) - 1, x.mean(), stats.sem(x))
        return Interval(x.mean(), low, high)

    draw, truth = SKEWED["normal"]
    assert coverage(lambda rng: draw(rng, 8), truth, percentile, 500) < 0.92
    draw, truth = SKEWED["exponential"]
    assert coverage(lambda rng: draw(rng, 8), truth, plain_t) < 0.92


@pytest.mark.parametrize(("subjects", "runs", "spread"), [(8, 5, 1.0), (16, 5, 0.3), (30, 5, 0.2), (58, 3, 0.1)])
def test_the_spread_of_repeated_trainings_counts_as_well(subjects, runs, spread):
    def draw(rng):
        return rng.normal(size=subjects) + spread * rng.normal(size=(runs, 1)) + rng.normal(size=(runs, subjects))

    assert coverage(draw, 0.0, lambda x: mean_over(x).interval()) >= 0.93


def test_the_pooled_auroc_of_eight_speakers_is_covered_and_its_percentile_bootstrap_is_not():
    who, pairs = np.repeat(np.arange(8), 30), np.arange(240) % 2

    def draw(rng):
        gain, offset = rng.normal(1.5, 0.5, 8)[who], rng.normal(0, 0.5, 8)[who]
        return offset + gain * pairs + rng.normal(size=240)

    # The truth by numbers: P(positive > negative), over two speakers drawn apart and within one.
    rng = np.random.default_rng(0)
    pooled = np.concatenate([draw(rng).reshape(120, 2) for _ in range(400)])
    truth = float(weighted_auc(np.tile([0, 1], len(pooled)), pooled.ravel())[0])

    def few(score):
        return jackknife(lambda w: weighted_auc(pairs, score, w), who).interval(bounds=(0, 1))

    assert coverage(draw, truth, few, 1000) >= 0.93


def test_for_symmetric_values_it_is_students_interval():
    x = np.array([-3.0, -1, -0.5, 0.5, 1, 3])
    low, high = stats.t.interval(0.95, 5, 0, stats.sem(x))
    assert mean_over(x).interval() == pytest.approx((0, low, high))
    assert mean_over(x + 2).p_value() == pytest.approx(stats.ttest_1samp(x + 2, 0).pvalue)


def test_interval_and_p_value_belong_together():
    one = mean_over(np.random.default_rng(3).exponential(size=9) - 0.4)
    for level in (0.5, 0.9, 0.99):
        for end in one.interval(level)[1:]:
            assert one.p_value(end) == pytest.approx(1 - level)


def test_the_jackknife_of_a_mean_is_the_mean_over_subjects_and_of_an_auroc_delongs_variance():
    rng = np.random.default_rng(4)
    x = rng.exponential(size=12)
    assert jackknife(weighted_mean(x), np.arange(12)).interval() == pytest.approx(mean_over(x).interval())
    y, score = np.repeat([0, 1], [15, 9]), rng.normal(size=24) + np.repeat([0, 1], [15, 9])
    wins = (score[y == 1][:, None] > score[y == 0]).astype(float)
    delong = wins.mean(1).var(ddof=1) / 9 + wins.mean(0).var(ddof=1) / 15
    found = jackknife(lambda w: weighted_auc(y, score, w), np.arange(24))
    assert found.value == pytest.approx(roc_auc_score(y, score))
    assert found.standard_error**2 == pytest.approx(delong, rel=0.06)


def test_rows_of_a_subject_are_left_out_together_and_runs_are_averaged():
    rng = np.random.default_rng(5)
    who, x = np.repeat(np.arange(6), 10), rng.normal(size=(60, 3)) + rng.normal(size=6).repeat(10)[:, None]
    found = jackknife(lambda w: w @ x / w.sum(1, keepdims=True), who)
    expected = mean_over(x.reshape(6, 10, 3).mean(1).T)
    assert found.value == pytest.approx(expected.value)
    assert found.interval() == pytest.approx(expected.interval())


def test_one_strange_subject_does_not_blow_the_interval_up():
    values = [-0.11, -0.08, -0.07, -0.06, -0.05, -0.05, -0.04, 0.22]
    plain, found = stats.t.interval(0.95, 7, np.mean(values), stats.sem(values)), mean_over(values).interval()
    assert found.high - found.low < 1.35 * (plain[1] - plain[0])
    assert found.high > plain[1]


def test_a_perfect_score_gets_wilsons_interval_and_other_equal_values_none():
    perfect = mean_over(np.ones(16)).interval(bounds=(0, 1))
    assert perfect == pytest.approx(wilson_interval(16, 16))
    assert mean_over(np.zeros(16)).interval(bounds=(0, 1)) == pytest.approx(wilson_interval(0, 16))
    with pytest.raises(ValueError, match="all 5 subjects have the same value"):
        mean_over(np.full(5, 0.7)).interval(bounds=(0, 1))


def test_an_interval_ends_where_the_statistic_does():
    near = mean_over([1, 1, 1, 1, 1, 0.9, 0.8]).interval(bounds=(0, 1))
    assert 0 < near.low < near.value < near.high <= 1


@pytest.mark.parametrize("values", [[0.5], [], [[0.1], [0.2]], [1.0, math.nan, 2.0]])
def test_values_of_too_few_subjects_or_missing_ones_are_refused(values):
    with pytest.raises(ValueError, match=r"two subjects|missing values"):
        mean_over(values)


def test_a_statistic_that_needs_every_subject_is_refused():
    y, score = np.array([1, 0, 0, 0]), np.arange(4.0)
    with pytest.raises(ValueError, match="not defined without some subject"):
        jackknife(lambda w: weighted_auc(y, score, w), np.arange(4))


def test_few_subjects_in_a_bootstrap_are_warned_of():
    with pytest.warns(UserWarning, match="8 subjects is too narrow"):
        resample_counts(80, 10, groups=np.arange(80) % 8)


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
