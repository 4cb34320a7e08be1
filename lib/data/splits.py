"""Divide the rows of a data set so that training, choosing and testing never share what they must not share."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


def stratified_folds(labels: Sequence, n_folds: int, seed: int) -> "np.ndarray":
    """The fold, 0 to `n_folds` − 1, of each row, so that every fold has each class in proportion.

    Parameters
    ----------
    labels : (n,) classes.

    Raises
    ------
    ValueError
        A class has fewer rows than there are folds.
    """
    import numpy as np
    from sklearn.model_selection import StratifiedKFold

    labels = np.asarray(labels)
    classes, counts = np.unique(labels, return_counts=True)
    if len(labels) == 0 or counts.min() < n_folds:
        least = classes[counts.argmin()] if len(labels) else "any"
        raise ValueError(f"class {least!r} has too few rows for {n_folds} folds: each fold needs one of each class")
    folds = np.empty(len(labels), int)
    splitter = StratifiedKFold(n_folds, shuffle=True, random_state=seed)
    for fold, (_, members) in enumerate(splitter.split(np.zeros(len(labels)), labels)):
        folds[members] = fold
    return folds
