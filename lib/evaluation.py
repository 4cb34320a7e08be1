"""How sure a number is: intervals over patients or speakers, paired comparisons, net benefit, results files.

The bootstrap draws *subjects*: all rows of one `group` come and go together, and `strata` keep their sizes.
A statistic of arrays goes to `bootstrap_interval`; one that takes row weights goes to `bootstrap_weighted`,
which computes all resamples at once.
"""

import json
import math
import os
import re
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
FIELDS = ("value", "low", "high", "n", "seeds", "published")
MOST_UNDEFINED = 0.05  # share of resamples that may have no defined statistic before we refuse an interval


class Interval(NamedTuple):
    """A number with the ends of its interval."""

    value: float
    low: float
    high: float

    def text(self, digits: int = 3) -> str:
        """For a table: `0.902 [0.882, 0.921]`."""
        text = f"{self.value:.{digits}f} [{self.low:.{digits}f}, {self.high:.{digits}f}]"
        return text.replace("-", "−")


def _columns(*arrays: Sequence) -> list[np.ndarray]:
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
    columns = _columns(*data)

    def once(rows: np.ndarray) -> float:
        try:
            return float(statistic(*(c[rows] for c in columns)))
        except ValueError:
            return math.nan

    every = np.arange(len(columns[0]))
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


def weighted_auc(y: Sequence, score: Sequence, weights: np.ndarray | None = None) -> np.ndarray:
    """Area under the ROC curve for each row of weights, ties counted one half.

    Parameters
    ----------
    y : (n,) 0 or 1. score : (n,) higher means class 1. weights : (B, n), default one row of ones.

    Returns
    -------
    (B,) areas; NaN where a class has no weight.
    """
    y, score = _columns(y, score)
    if not np.isin(y, (0, 1)).all():
        raise ValueError("y must be 0 or 1")
    weights = np.ones((1, len(y))) if weights is None else np.asarray(weights, float)
    order = np.argsort(score, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(score[order]) != 0])
    sick, well = (np.add.reduceat(weights[:, order] * (y[order] == c), starts, axis=1) for c in (1, 0))
    below = np.cumsum(well, axis=1) - well / 2
    pairs = sick.sum(1) * well.sum(1)
    return np.divide((sick * below).sum(1), pairs, out=np.full(len(weights), np.nan), where=pairs > 0)


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

    a, b = (c.astype(bool) for c in _columns(correct_a, correct_b))
    only_a, only_b = int((a & ~b).sum()), int((~a & b).sum())
    p = binomtest(only_a, only_a + only_b).pvalue if only_a + only_b else 1.0
    return only_a, only_b, float(p)


def holm(p_values: Sequence[float]) -> np.ndarray:
    """Holm's step-down adjustment (Holm 1979, https://www.jstor.org/stable/4615733), in the order given."""
    (p,) = _columns(np.asarray(p_values, float))
    if ((p < 0) | (p > 1)).any():
        raise ValueError("p-values lie between 0 and 1")
    order = np.argsort(p)
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)), 1)
    return adjusted


def net_benefit(
    y: Sequence, probability: Sequence, thresholds: Sequence[float], weights: np.ndarray | None = None
) -> np.ndarray:
    """Net benefit of treating those whose probability is at least the threshold t: TP/n − FP/n · t/(1 − t).

    Vickers and Elkin 2006, doi:10.1177/0272989X06295361. To treat all is probability 1, to treat none 0.

    Parameters
    ----------
    y, probability : (n,). thresholds : (T,) in [0, 1). weights : (B, n) bootstrap counts.

    Returns
    -------
    (T,) net benefits, in true positives per patient; (B, T) when weights are given.
    """
    y, probability = _columns(y, probability)
    t = np.asarray(thresholds, float)
    if ((t < 0) | (t >= 1)).any():
        raise ValueError("a threshold lies in [0, 1)")
    w = np.ones((1, len(y))) if weights is None else np.asarray(weights, float)
    treated = probability[:, None] >= t
    gain = np.where((y == 1)[:, None], 1.0, -t / (1 - t)) * treated
    benefit = w @ gain / w.sum(1, keepdims=True)
    return benefit[0] if weights is None else benefit


class Results:
    """The numbers a notebook stands by, written to `<slug>.json`.

    `save` writes to the folder NOTES_RESULTS (set when a run is published, which adds the provenance),
    otherwise to the ignored `data/cache/results/`: trying things out leaves the published numbers alone,
    and prints yours beside them.
    """

    def __init__(self, slug: str) -> None:
        if not re.fullmatch(r"[a-z0-9][a-z0-9_-]*", slug):
            raise ValueError(f"a slug is lower case, digits, - and _; got {slug!r}")
        self.slug = slug
        self.metrics: dict[str, dict] = {}

    def record(
        self,
        name: str,
        value: float | Interval,
        low: float | None = None,
        high: float | None = None,
        n: int | None = None,
        seeds: int | Sequence[int] | None = None,
        published: float | None = None,
    ) -> None:
        """Keep one metric; an `Interval` brings its own ends. Recording a name again replaces it.

        Raises
        ------
        ValueError
            The name is no snake_case, a number is not finite, only one end is given, or value lies outside.
        """
        if isinstance(value, Interval):
            value, low, high = value
        if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name):
            raise ValueError(f"a metric's name is snake_case; got {name!r}")
        if (low is None) != (high is None):
            raise ValueError(f"{name}: give both ends of the interval or none")
        numbers = {"value": value, "low": low, "high": high, "published": published}
        for field, number in numbers.items():
            if number is not None and not math.isfinite(number):
                raise ValueError(f"{name}: {field} is {number}")
        if value is None or (low is not None and not low <= value <= high):
            raise ValueError(f"{name}: {value} is not inside [{low}, {high}]")
        kept = {field: None if x is None else float(f"{x:.6g}") for field, x in numbers.items()}
        seeds = seeds if seeds is None or isinstance(seeds, int) else [int(s) for s in seeds]
        entry = {**kept, "n": None if n is None else int(n), "seeds": seeds}
        self.metrics[name] = {field: entry[field] for field in FIELDS}

    def table(self) -> "pandas.DataFrame":  # noqa: F821
        """One row a metric: value, 95 % interval, n and the source document's figure, as text for reading."""
        import pandas as pd

        def shown(x: float | None) -> str:
            return "" if x is None else f"{x:.2g}" if x and abs(x) < 1e-3 else f"{x:.4f}"

        rows = {
            name: {
                "value": shown(m["value"]),
                "95 % interval": "" if m["low"] is None else f"{shown(m['low'])} – {shown(m['high'])}",
                "n": "" if m["n"] is None else str(m["n"]),
                "published": shown(m["published"]),
            }
            for name, m in self.metrics.items()
        }
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("metric")

    def save(self) -> Path:
        """Write the file in one step (a reader finds the old one or the new one) and return its path."""
        if not self.metrics:
            raise ValueError("nothing was recorded")
        folder = Path(os.environ.get("NOTES_RESULTS") or ROOT / "data" / "cache" / "results")
        folder.mkdir(parents=True, exist_ok=True)
        target = folder / f"{self.slug}.json"
        content = {"slug": self.slug, "provenance": None, "metrics": self.metrics}
        handle, temporary = tempfile.mkstemp(dir=folder, prefix=f".{target.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(json.dumps(content, indent=1, allow_nan=False) + "\n")
            os.chmod(temporary, 0o644)
            os.replace(temporary, target)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        if not os.environ.get("NOTES_RESULTS"):
            print("Your run, beside the one on the page:", self.compare().to_string(float_format="%.4g"), sep="\n")
        return target

    def compare(self) -> "pandas.DataFrame":  # noqa: F821
        """This run beside the published `data/results/<slug>.json` (NaN where that has no such metric)."""
        import pandas as pd

        file = ROOT / "data" / "results" / f"{self.slug}.json"
        kept = json.loads(file.read_text(encoding="utf-8"))["metrics"] if file.is_file() else {}
        theirs = [kept[name]["value"] if name in kept else math.nan for name in self.metrics]
        mine = [m["value"] for m in self.metrics.values()]
        table = pd.DataFrame({"this run": mine, "on the page": theirs}, index=list(self.metrics))
        return table.rename_axis("metric").assign(difference=lambda t: t["this run"] - t["on the page"])
