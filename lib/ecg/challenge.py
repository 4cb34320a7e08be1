"""Decide between the four classes of the 2017 challenge, and score the decisions as the challenge does."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from sklearn.ensemble import HistGradientBoostingClassifier

CLASSES = ("N", "A", "O", "~")  # their numbers, 0 to 3, are the columns of probabilities
SCORED = 3  # the noisy class counts only through the mistakes it causes
SHARES = (0.35, 0.65)  # of the booster and of the network when they are blended; chosen on folds 1 to 4
LEAST = 1e-4  # probabilities below are taken as this, so that no one voice has a veto


def class_numbers(labels: Sequence[str]) -> np.ndarray:
    """Labels N, A, O, ~ (n,) → 0 to 3. Raises `ValueError` for another one."""
    numbers = {name: number for number, name in enumerate(CLASSES)}
    if odd := sorted({str(label) for label in labels} - set(CLASSES)):
        raise ValueError(f"labels are {' '.join(CLASSES)}, not {odd[0]!r}")
    return np.array([numbers[str(label)] for label in labels], int)


def class_f1(truth: Sequence[int], decided: Sequence[int]) -> np.ndarray:
    """F1 of N, A, O and ~: (4,), NaN for a class that is neither true nor decided anywhere.

    2 · right / (true + decided), as in Clifford et al. 2017, doi:10.22489/CinC.2017.065-469.
    """
    truth, decided = np.asarray(truth), np.asarray(decided)
    if truth.shape != decided.shape or truth.ndim != 1 or len(truth) == 0:
        raise ValueError(f"two equally long rows of class numbers are needed, got {truth.shape} and {decided.shape}")
    classes = np.arange(len(CLASSES))[:, None]
    true, chosen = truth == classes, decided == classes
    both = (true.sum(1) + chosen.sum(1)).astype(float)
    return np.divide(2 * (true & chosen).sum(1), both, out=np.full(len(CLASSES), np.nan), where=both > 0)


def challenge_f1(truth: Sequence[int], decided: Sequence[int]) -> float:
    """The challenge's score: mean F1 of N, A and O, class numbers as in `CLASSES`."""
    return float(class_f1(truth, decided)[:SCORED].mean())


def blend(parts: Sequence[np.ndarray], weights: Sequence[float] | None = None) -> np.ndarray:
    """Several classifiers' probabilities, each (n, classes), as one: their weighted geometric mean, rows sum to 1.

    Raises
    ------
    ValueError
        Shapes differ, or weights are not one non-negative number a part with a positive sum.
    """
    parts = [np.asarray(part, float) for part in parts]
    weights = np.ones(len(parts)) if weights is None else np.asarray(weights, float)
    if not parts or len({part.shape for part in parts}) > 1 or parts[0].ndim != 2:
        raise ValueError(f"arrays of one shape (n, classes) are needed, got {[part.shape for part in parts]}")
    if weights.shape != (len(parts),) or (weights < 0).any() or weights.sum() <= 0:
        raise ValueError(f"one weight a part is needed, none negative, got {weights.tolist()}")
    mean = sum(w * np.log(np.maximum(p, LEAST)) for w, p in zip(weights / weights.sum(), parts, strict=True))
    mean = np.exp(mean)
    return mean / mean.sum(1, keepdims=True)


def af_score(probabilities: np.ndarray) -> np.ndarray:
    """Logarithm of how much likelier A is than N, (n,), from (n, 4): one number that ranks records."""
    p = np.maximum(np.asarray(probabilities, float), LEAST)
    return np.log(p[:, CLASSES.index("A")]) - np.log(p[:, CLASSES.index("N")])


def booster(seed: int = 0) -> "HistGradientBoostingClassifier":
    """Gradient boosting (Friedman 2001, doi:10.1214/aos/1013203451) with settings chosen on folds 1 to 4."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(
        learning_rate=0.06,
        max_iter=200,
        max_leaf_nodes=15,
        min_samples_leaf=20,
        l2_regularization=5.0,
        max_features=0.3,
        early_stopping=False,
        random_state=seed,
    )
