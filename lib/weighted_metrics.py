"""Metrics of row weights: one call computes a metric for all bootstrap resamples or jackknife subsets at once."""

from collections.abc import Sequence

import numpy as np

from lib.evaluation import columns


def weighted_auc(y: Sequence, score: Sequence, weights: np.ndarray | None = None) -> np.ndarray:
    """Area under the ROC curve for each row of weights, ties counted one half.

    Parameters
    ----------
    y : (n,) 0 or 1. score : (n,) higher means class 1. weights : (B, n), default one row of ones.

    Returns
    -------
    (B,) areas; NaN where a class has no weight.
    """
    y, score = columns(y, score)
    if not np.isin(y, (0, 1)).all():
        raise ValueError("y must be 0 or 1")
    weights = np.ones((1, len(y))) if weights is None else np.asarray(weights, float)
    order = np.argsort(score, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(score[order]) != 0])
    sick, well = (np.add.reduceat(weights[:, order] * (y[order] == c), starts, axis=1) for c in (1, 0))
    below = np.cumsum(well, axis=1) - well / 2
    pairs = sick.sum(1) * well.sum(1)
    return np.divide((sick * below).sum(1), pairs, out=np.full(len(weights), np.nan), where=pairs > 0)


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
    y, probability = columns(y, probability)
    t = np.asarray(thresholds, float)
    if ((t < 0) | (t >= 1)).any():
        raise ValueError("a threshold lies in [0, 1)")
    w = np.ones((1, len(y))) if weights is None else np.asarray(weights, float)
    treated = probability[:, None] >= t
    gain = np.where((y == 1)[:, None], 1.0, -t / (1 - t)) * treated
    benefit = w @ gain / w.sum(1, keepdims=True)
    return benefit[0] if weights is None else benefit
