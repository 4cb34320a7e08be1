"""How sure a number is: intervals over patients or speakers, paired comparisons, tests.

Two ways to an interval, by how many *subjects* (patients, speakers, photographs) there are:

- 20 or more: the percentile bootstrap draws them anew; all rows of one `group` come and go together, and `strata`
  keep their sizes. A statistic of arrays goes to `bootstrap_interval`; one that takes row weights goes to
  `bootstrap_weighted`, which computes all resamples at once.
- fewer, or a few repeated trainings: `mean_over` and `jackknife` give an `Estimate`, a t interval over the subjects
  corrected for skewness; its p-value belongs to the same statistic.
"""

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

MOST_UNDEFINED = 0.05  # share of resamples that may have no defined statistic before we refuse an interval
MOST_SKEWED = 0.35  # more skewness of a mean than this a handful of values can't show; it would blow up the interval
FEW_SUBJECTS = 20  # with fewer, the percentile bootstrap covers the truth clearly less often than it says


class Interval(NamedTuple):
    """A number with the ends of its interval."""

    value: float
    low: float
    high: float

    def text(self, digits: int = 3) -> str:
        """For a table: `0.902 [0.882, 0.921]`."""
        text = f"{self.value:.{digits}f} [{self.low:.{digits}f}, {self.high:.{digits}f}]"
        return text.replace("-", "−")


def columns(*arrays: Sequence) -> list[np.ndarray]:
    """Arrays of one common, positive length and without NaN."""
    columns = [np.asarray(a) for a in arrays]
    if any(c.ndim == 0 for c in columns) or len({len(c) for c in columns}) > 1:
        raise ValueError(f"arrays of one length are needed, got shapes {[c.shape for c in columns]}")
    if len(columns[0]) == 0:
        raise ValueError("there are no rows")
    if any(c.dtype.kind == "f" and np.isnan(c).any() for c in columns):
        raise ValueError("there are missing values (NaN); drop or fill them first")
    return columns


def resample_counts(
    n: int,
    n_bootstrap: int,
    *,
    groups: Sequence | None = None,
    strata: Sequence | None = None,
    seed: int = 0,
) -> np.ndarray:
    """How often each row is drawn in each bootstrap resample.

    Parameters
    ----------
    n, n_bootstrap : number of rows and of resamples.
    groups : (n,) labels; rows of one group (the recordings of a patient or speaker) are drawn together.
    strata : (n,) labels, constant within a group; each stratum keeps its number of groups.

    Returns
    -------
    (n_bootstrap, n) int array. Without groups each row of it sums to n.
    """
    if n < 1 or n_bootstrap < 1:
        raise ValueError(f"need at least one row and one resample, got n={n}, n_bootstrap={n_bootstrap}")
    codes, layers = np.arange(n), np.zeros(n, int)
    if groups is not None:
        codes = np.unique(np.asarray(groups), return_inverse=True)[1].ravel()
    if strata is not None:
        layers = np.unique(np.asarray(strata), return_inverse=True)[1].ravel()
    if len(codes) != n or len(layers) != n:
        raise ValueError(f"groups and strata need {n} labels")
    layer_of_group = np.zeros(codes.max() + 1, int)
    layer_of_group[codes] = layers
    if (layer_of_group[codes] != layers).any():
        raise ValueError("a group lies in more than one stratum")
    if (subjects := len(layer_of_group)) < FEW_SUBJECTS:
        warnings.warn(f"a percentile bootstrap of {subjects} subjects is too narrow; use `jackknife`", stacklevel=2)
    rng = np.random.default_rng(seed)
    drawn = np.zeros((n_bootstrap, len(layer_of_group)), int)
    for layer in np.unique(layer_of_group):
        members = np.flatnonzero(layer_of_group == layer)
        size = len(members)
        drawn[:, members] = rng.multinomial(size, np.full(size, 1 / size), n_bootstrap)
    return drawn[:, codes]


def _percentiles(value: float, resampled: np.ndarray, level: float) -> Interval:
    if not math.isfinite(value):
        raise ValueError("the statistic is not defined on the data itself (is there only one class?)")
    if not 0 < level < 1:
        raise ValueError(f"level lies between 0 and 1, got {level}")
    undefined = ~np.isfinite(resampled)
    if undefined.mean() > MOST_UNDEFINED:
        raise ValueError(f"undefined in {undefined.mean():.0%} of resamples; give the classes as `strata`")
    tail = (1 - level) / 2
    low, high = np.quantile(resampled[~undefined], [tail, 1 - tail])
    return Interval(float(value), float(low), float(high))


def bootstrap_interval(
    statistic: Callable[..., float],
    *data: Sequence,
    groups: Sequence | None = None,
    strata: Sequence | None = None,
    n_bootstrap: int = 2000,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Percentile bootstrap interval (Efron 1979, doi:10.1214/aos/1176344552) of a statistic of arrays.

    Parameters
    ----------
    statistic : called as `statistic(*resampled)`; may return NaN or raise ValueError where it is not defined.
    data : one or more arrays with n rows in common, resampled together.
    groups, strata : (n,) labels, see `resample_counts`.

    Raises
    ------
    ValueError
        No rows, unequal lengths, NaN, or a statistic undefined on the data or on over 5 % of resamples.
    """
    table = columns(*data)

    def once(rows: np.ndarray) -> float:
        try:
            return float(statistic(*(c[rows] for c in table)))
        except ValueError:
            return math.nan

    every = np.arange(len(table[0]))
    counts = resample_counts(len(every), n_bootstrap, groups=groups, strata=strata, seed=seed)
    return _percentiles(once(every), np.array([once(np.repeat(every, c)) for c in counts]), level)


def bootstrap_weighted(
    statistic: Callable[[np.ndarray], np.ndarray],
    n: int,
    *,
    groups: Sequence | None = None,
    strata: Sequence | None = None,
    n_bootstrap: int = 2000,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """The same for a statistic of row weights: `statistic` maps (B, n) counts to (B,) values at once."""
    counts = resample_counts(n, n_bootstrap, groups=groups, strata=strata, seed=seed)
    value = float(statistic(np.ones((1, n), int))[0])
    return _percentiles(value, np.asarray(statistic(counts), float), level)


@dataclass(frozen=True)
class Estimate:
    """A statistic with what its t interval needs; the interval and the p-value are two readings of one pivot.

    The pivot is Hall's transformed t statistic (Hall 1992, doi:10.1111/j.2517-6161.1992.tb01875.x): for symmetric
    values it is Student's t; for skewed ones (AUROCs near 1, seconds) it moves the interval to the longer tail, where
    the plain t interval misses too often.

    Attributes
    ----------
    value, standard_error : of the statistic. df : degrees of freedom, may be fractional.
    skewness : of the statistic, as a sum over its subjects. subjects : how many there are.
    """

    value: float
    standard_error: float
    df: float
    skewness: float
    subjects: int

    def interval(self, level: float = 0.95, bounds: tuple[float, float] = (-math.inf, math.inf)) -> Interval:
        """The interval, cut at the `bounds` of what the statistic can be.

        A share or AUROC at a bound with all subjects alike gets Wilson's interval for `subjects` of `subjects`.

        Raises
        ------
        ValueError
            All subjects are alike and no bound explains it, so nothing is known of their spread.
        """
        from scipy.stats import t

        if not 0 < level < 1:
            raise ValueError(f"level lies between 0 and 1, got {level}")
        if self.standard_error == 0:
            if self.value not in bounds:
                raise ValueError(f"all {self.subjects} subjects have the same value, {self.value:g}: no interval")
            reach = (bounds[1] - bounds[0]) * (1 - wilson_interval(self.subjects, self.subjects, level).low)
            low, high = (
                (self.value - reach, self.value) if self.value == bounds[1] else (self.value, self.value + reach)
            )
            return Interval(self.value, low, high)
        edge = float(t.ppf((1 + level) / 2, self.df))
        ends = [self.value - self.standard_error * self._untransformed(side * edge) for side in (1, -1)]
        low, high = (float(np.clip(end, *bounds)) for end in ends)
        return Interval(self.value, min(low, self.value), max(high, self.value))

    def p_value(self, null: float = 0.0) -> float:
        """Two-sided p: the level at which `interval` would just reach `null`."""
        from scipy.stats import t

        if self.standard_error == 0:
            return 1.0 if self.value == null else 0.0
        y, k = (self.value - null) / self.standard_error, self.skewness
        return float(2 * t.sf(abs(y + k / 3 * y**2 + k**2 / 27 * y**3 + k / 6), self.df))

    def _untransformed(self, pivot: float) -> float:
        k = self.skewness
        if abs(k) < 1e-9:
            return pivot
        return float((np.cbrt(1 + k * (pivot - k / 6)) - 1) * 3 / k)


def _estimate(value: float, *parts: np.ndarray, subjects: int) -> Estimate:
    """Adds independent sources of spread, each given as its units' influences (their mean is part of the value)."""
    variances, thirds, freedoms = [], [], []
    for influence in parts:
        n = len(influence)
        off = influence - influence.mean()
        variances.append((off**2).sum() / (n - 1) / n)
        thirds.append((off**3).sum() / ((n - 1) * (n - 2)) / n if n > 4 else 0.0)  # of four, no shape can be read
        freedoms.append(n - 1)
    total = sum(variances)
    if total <= 1e-24 * max(1.0, value**2):
        return Estimate(float(value), 0.0, float(freedoms[0]), 0.0, subjects)
    df = total**2 / sum(v**2 / f for v, f in zip(variances, freedoms, strict=True))  # Welch and Satterthwaite
    skewness = float(np.clip(sum(thirds) / total**1.5, -MOST_SKEWED, MOST_SKEWED))
    return Estimate(float(value), math.sqrt(total), float(df), skewness, subjects)


def mean_over(values: Sequence) -> Estimate:
    """The mean of one value a subject: each speaker's AUROC, each person's difference, each seed's accuracy.

    Parameters
    ----------
    values : (subjects,) or (runs, subjects). Of several runs (seeds, draws of labels) the mean is taken, and the
        spread of the runs' means counts as well as that of the subjects.

    Raises
    ------
    ValueError
        Fewer than two subjects or runs, or NaN among the values.
    """
    values = np.asarray(values, float)
    rows = values[None] if values.ndim == 1 else values
    if rows.ndim != 2 or rows.shape[1] < 2:
        raise ValueError(f"values of two subjects or more are needed, got the shape {values.shape}")
    if np.isnan(rows).any():
        raise ValueError("there are missing values (NaN); drop or fill them first")
    parts = [rows.mean(0)] + ([rows.mean(1)] if len(rows) > 1 else [])
    return _estimate(rows.mean(), *parts, subjects=rows.shape[1])


def jackknife(statistic: Callable[[np.ndarray], np.ndarray], groups: Sequence) -> Estimate:
    """Any smooth statistic of all rows together, with its spread over subjects (Miller 1974, doi:10.2307/2334280).

    Each subject is left out once. For an AUROC this is DeLong's variance; for a mean it is `mean_over`.

    Parameters
    ----------
    statistic : maps row weights (B, n) to values (B,), or (B, runs) for several trainings, whose mean is meant and
        whose spread then counts as well.
    groups : (n,) labels; rows of one subject are left out together.

    Raises
    ------
    ValueError
        Fewer than two subjects, or a statistic that is undefined without one of them.
    """
    names, codes = np.unique(np.asarray(groups), return_inverse=True)
    codes, count = codes.ravel(), len(names)
    if count < 2:
        raise ValueError("two subjects or more are needed")

    def values(weights: np.ndarray) -> np.ndarray:
        found = np.asarray(statistic(weights), float)
        return found[:, None] if found.ndim == 1 else found

    whole = values(np.ones((1, len(codes))))[0]
    blocks = np.array_split(np.arange(count), math.ceil(count / 256))  # of 256 subjects, to bound memory
    without = np.concatenate([values((codes != left[:, None]).astype(float)) for left in blocks])
    if not (np.isfinite(whole).all() and np.isfinite(without).all()):
        raise ValueError("the statistic is not defined without some subject (is a class then missing?)")
    influence = count * whole.mean() - (count - 1) * without.mean(1)
    parts = [influence] + ([whole] if len(whole) > 1 else [])
    return _estimate(whole.mean(), *parts, subjects=count)


def paired_difference(
    statistic: Callable[..., float], y: Sequence, a: Sequence, b: Sequence, **options: object
) -> Interval:
    """Interval of `statistic(y, a) - statistic(y, b)`, both computed on the same resampled rows.

    Options are those of `bootstrap_interval`. Zero inside the interval: the data do not tell a from b.
    """
    return bootstrap_interval(lambda y, a, b: statistic(y, a) - statistic(y, b), y, a, b, **options)


def wilson_interval(successes: int, n: int, level: float = 0.95) -> Interval:
    """Wilson's score interval of a proportion (Wilson 1927, doi:10.1080/01621459.1927.10502953)."""
    from scipy.stats import binomtest

    if n < 1:
        raise ValueError("there are no trials")
    ends = binomtest(int(successes), int(n)).proportion_ci(level, method="wilson")
    return Interval(successes / n, float(ends.low), float(ends.high))


def mcnemar(correct_a: Sequence, correct_b: Sequence) -> tuple[int, int, float]:
    """Exact McNemar test on paired right/wrong answers (McNemar 1947, doi:10.1007/BF02295996).

    Returns how often only a was right, how often only b was, and the two-sided p; 1 when they never differ.
    """
    from scipy.stats import binomtest

    a, b = (c.astype(bool) for c in columns(correct_a, correct_b))
    only_a, only_b = int((a & ~b).sum()), int((~a & b).sum())
    p = binomtest(only_a, only_a + only_b).pvalue if only_a + only_b else 1.0
    return only_a, only_b, float(p)


def holm(p_values: Sequence[float]) -> np.ndarray:
    """Holm's step-down adjustment (Holm 1979, https://www.jstor.org/stable/4615733), in the order given."""
    (p,) = columns(np.asarray(p_values, float))
    if ((p < 0) | (p > 1)).any():
        raise ValueError("p-values lie between 0 and 1")
    order = np.argsort(p)
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)), 1)
    return adjusted
