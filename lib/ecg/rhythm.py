"""How regular the heart beats: features of the intervals between R peaks.

Sample entropy: Richman and Moorman 2000, doi:10.1152/ajpheart.2000.278.6.H2039; its coefficient for atrial
fibrillation: Lake and Moorman 2011, doi:10.1152/ajpheart.00561.2010. Evidence in the Lorenz plot: after
Sarkar, Ritscher and Mehra 2008, doi:10.1109/TBME.2007.903707. All intervals in seconds.
"""

import numpy as np

NEAR = 0.1  # intervals that differ by less, relative to the median, count as equal
BIN = 0.025  # seconds, bins of the Lorenz plot as in the paper
REACH = 0.6  # seconds, half the width of the Lorenz plot
WINDOW = 8  # intervals of the stretches of which the calmest and the wildest are described


def rhythm_features(rr: np.ndarray) -> dict[str, float]:
    """Features of the intervals `rr` (n,) in s, in their order; NaN where they are too few."""
    return {**_levels(rr), **_variation(rr), **_entropy(rr), **_lorenz(rr), **_ectopic(rr), **_stretches(rr)}


def _levels(rr: np.ndarray) -> dict[str, float]:
    """How fast, on the whole and at the extremes."""
    few = len(rr) < 2
    levels = {f"rr_q{q}": np.nan if few else np.quantile(rr, q / 100) for q in (0, 5, 25, 50, 75, 95, 100)}
    middle = levels["rr_q50"]
    # The pulse over 4 intervals, so that a single early beat is not a fast heart.
    pulse = 60 / _sliding(rr, 4).mean(1) if len(rr) >= 4 else np.array([np.nan])
    counts = np.histogram(rr / middle, [0, 0.5, 0.7, 0.8, 0.9, 0.96, 1.04, 1.1, 1.2, 1.35, 1.7, np.inf])[0]
    shares = {f"rr_share_{i}": np.nan if few else c / len(rr) for i, c in enumerate(counts)}
    return {
        **levels,
        "rr_mean": np.nan if few else rr.mean(),
        "rr_longest_relative": levels["rr_q100"] / middle,
        "rr_shortest_relative": levels["rr_q0"] / middle,
        "pulse_highest": pulse.max(),
        "pulse_lowest": pulse.min(),
        "pulse_range": np.ptp(pulse),
        **shares,
    }


def _variation(rr: np.ndarray) -> dict[str, float]:
    """How much intervals vary, on the whole and from beat to beat."""
    if len(rr) < 4:
        rr = np.full(4, np.nan)
    middle, step = np.median(rr), np.diff(rr)
    size = np.abs(step)
    sd1 = np.std(step) / np.sqrt(2)
    sd2 = np.sqrt(max(2 * np.var(rr) - sd1**2, 0)) if np.isfinite(sd1) else np.nan
    turns = (step[1:] * step[:-1] < 0).mean() if np.isfinite(middle) else np.nan
    away = rr - rr.mean()
    power = (away**2).sum() + 1e-12
    features = {
        "rr_cv": rr.std() / rr.mean(),
        "rr_mad": np.median(np.abs(rr - middle)) / middle,
        "rmssd": np.sqrt((step**2).mean()),
        "rmssd_relative": np.sqrt((step**2).mean()) / middle,
        "step_median": np.median(size) / middle,
        "step_mean": size.mean() / middle,
        "step_largest": size.max() / middle,
        "poincare_sd1": sd1 / middle,
        "poincare_sd2": sd2 / middle,
        "poincare_ratio": sd1 / (sd2 + 1e-6),
        "turning_points": turns,
        "rr_slope": np.polyfit(np.arange(len(rr)), rr / middle, 1)[0] if np.isfinite(middle) else np.nan,
        **{f"rr_autocorrelation_{k}": (away[k:] * away[:-k]).sum() / power for k in (1, 2, 3)},
        "step_autocorrelation": (step[1:] * step[:-1]).sum() / ((step**2).sum() + 1e-12),
    }
    for limit in (0.01, 0.02, 0.05):
        features[f"pnn{limit * 1000:.0f}"] = (size > limit).mean() if np.isfinite(middle) else np.nan
    for limit in (0.03, 0.1, 0.2):
        features[f"step_above_{limit * 100:.0f}"] = (size > limit * middle).mean() if np.isfinite(middle) else np.nan
    return features


def _entropy(rr: np.ndarray) -> dict[str, float]:
    """How surprising the next interval is."""
    features = dict.fromkeys(
        ("sample_entropy", "sample_entropy_30ms", "entropy_af", "rr_entropy", "step_entropy"), np.nan
    )
    if len(rr) < 6:
        return features
    first, later = np.triu_indices(len(rr) - 1, 1)
    once = np.abs(rr[first] - rr[later])
    twice = np.maximum(once, np.abs(rr[first + 1] - rr[later + 1]))

    def surprise(limit: float) -> float:
        return float(np.log(((once <= limit).sum() + 0.5) / ((twice <= limit).sum() + 0.5)))

    # The narrowest tolerance with at least five matches, which short records need (Lake and Moorman).
    limit = max(0.03, np.sort(twice)[min(5, len(twice)) - 1])
    features["sample_entropy"] = surprise(0.2 * rr.std())
    features["sample_entropy_30ms"] = surprise(0.03)
    features["entropy_af"] = surprise(limit) + np.log(2 * limit) - np.log(rr.mean())
    features["rr_entropy"] = _shannon(np.histogram(rr / np.median(rr), 16, (0.4, 2.0))[0])
    features["step_entropy"] = _shannon(np.histogram(np.diff(rr) / np.median(rr), 16, (-0.8, 0.8))[0])
    return features


def _shannon(counts: np.ndarray) -> float:
    share = counts[counts > 0] / max(counts.sum(), 1)
    return float(-(share * np.log(share)).sum())


def _lorenz(rr: np.ndarray) -> dict[str, float]:
    """Evidence in the plot of each change of the interval against the one before, simpler than in the paper.

    Atrial fibrillation fills the plot evenly; sinus rhythm stays at the origin; early beats go round in the
    same few bins, left of or below it, with the pause that follows on the other side.
    """
    names = ("lorenz_origin", "lorenz_irregular", "lorenz_density", "lorenz_anisotropy", "lorenz_early", "lorenz_af")
    step = np.diff(rr)
    if len(step) < 4:
        return dict.fromkeys(names, np.nan)
    now, before = step[1:], step[:-1]
    n = len(now)
    edge = 0.08
    home = (np.abs(now) < edge) & (np.abs(before) < edge)
    bins = np.stack([now, before])[:, ~home].clip(-REACH, REACH) // BIN
    filled, counts = np.unique(bins, axis=1, return_counts=True)
    density = (counts - 1).sum()  # points that share a bin
    quadrant = np.bincount(2 * (now[~home] > 0) + (before[~home] > 0), minlength=4)
    early = ((now > edge) & (before < -edge)).sum() + ((now < -edge) & (np.abs(before) < edge)).sum()
    origin = home.sum()
    return {
        "lorenz_origin": origin / n,
        "lorenz_irregular": filled.shape[1] / n,
        "lorenz_density": density / n,
        "lorenz_anisotropy": np.abs(quadrant[[0, 1]] - quadrant[[3, 2]]).sum() / n,
        "lorenz_early": early / n,
        "lorenz_af": (filled.shape[1] - origin - 2 * density) / n,
    }


def _ectopic(rr: np.ndarray) -> dict[str, float]:
    """Beats that come early, pauses after them, patterns of them, and the rhythm that is left without them."""
    names = (
        "early_share", "late_share", "compensated_share", "early_most", "pause_most", "bigeminy", "trigeminy",
        "rest_cv", "rest_rmssd", "rest_share", "two_groups", "three_groups", "groups_apart",
    )  # fmt: skip
    features = dict.fromkeys(names, np.nan)
    n = len(rr)
    if n < 5:
        return features
    around = np.pad(rr, 3, mode="reflect" if n > 3 else "edge")
    local = np.median(_sliding(around, 7), 1)  # the pace just here
    relative = rr / local
    early, late = relative < 0.88, relative > 1.12
    pair = early[:-1] & (relative[1:] > 1.05)
    rest = rr[~early & ~late & ~np.r_[False, early[:-1]]]
    features.update(
        early_share=early.mean(),
        late_share=late.mean(),
        compensated_share=(pair & (np.abs(relative[:-1] + relative[1:] - 2) < 0.15)).mean(),
        early_most=relative.min(),
        pause_most=relative.max(),
        bigeminy=_pattern(early, 2),
        trigeminy=_pattern(early, 3),
        rest_cv=rest.std() / rest.mean() if len(rest) > 3 else np.nan,
        rest_rmssd=np.sqrt((np.diff(rest) ** 2).mean()) / rest.mean() if len(rest) > 3 else np.nan,
        rest_share=len(rest) / n,
    )
    ordered = np.sort(rr)
    total = ((ordered - ordered.mean()) ** 2).sum() + 1e-9
    two, apart = _best_split(ordered)
    features["two_groups"] = two / total
    features["groups_apart"] = apart / ordered.mean()
    cuts = [_best_split(ordered[:k])[0] + _scatter(ordered[k:]) for k in range(2, n, max(1, n // 12))]
    features["three_groups"] = min(cuts) / total
    return features


def _pattern(early: np.ndarray, period: int) -> float:
    """Share of intervals within runs where exactly every `period`-th one is early."""
    rows = _sliding(early, 2 * period)
    same = (rows[:, :period] == rows[:, period:]).all(1) & (rows[:, :period].sum(1) == 1)
    return float(same.mean()) if len(rows) else np.nan


def _scatter(x: np.ndarray) -> float:
    return float(((x - x.mean()) ** 2).sum()) if len(x) else 0.0


def _best_split(ordered: np.ndarray) -> tuple[float, float]:
    """Sum of squares left when sorted values are divided into two groups in the best way, and their distance."""
    n = np.arange(1, len(ordered))
    if len(n) == 0:
        return 0.0, 0.0
    sums, squares = np.cumsum(ordered)[:-1], np.cumsum(ordered**2)[:-1]
    rest, rest_squares = ordered.sum() - sums, (ordered**2).sum() - squares
    left = squares - sums**2 / n + rest_squares - rest**2 / (len(ordered) - n)
    best = left.argmin()
    return max(float(left[best]), 0.0), float(rest[best] / (len(ordered) - n[best]) - sums[best] / n[best])


def _stretches(rr: np.ndarray) -> dict[str, float]:
    """The calmest and the wildest stretch: fibrillation may begin or end within a record."""
    size = min(WINDOW, len(rr))
    names = ("calmest_cv", "wildest_cv", "calmest_step", "wildest_step", "middle_step", "longest_calm", "calm_share")
    if size < 4:
        return dict.fromkeys(names, np.nan)
    rows = _sliding(rr, size)
    cv = rows.std(1) / rows.mean(1)
    # The median, so that one early beat does not make a stretch wild.
    step = np.median(np.abs(np.diff(rows, axis=1)), 1) / np.median(rows, 1)
    calm = np.abs(np.diff(rr)) < NEAR / 2 * np.median(rr)
    runs = np.diff(np.flatnonzero(np.r_[True, ~calm, True])) - 1
    return {
        "calmest_cv": cv.min(),
        "wildest_cv": cv.max(),
        "calmest_step": step.min(),
        "wildest_step": step.max(),
        "middle_step": np.median(step),
        "longest_calm": runs.max() / len(calm),
        "calm_share": calm.mean(),
    }


def _sliding(x: np.ndarray, size: int) -> np.ndarray:
    """All stretches of `size` neighbours, (max(len(x) − size + 1, 0), size)."""
    if len(x) < size:
        return np.zeros((0, size), x.dtype)
    return np.lib.stride_tricks.sliding_window_view(x, size)
