"""Divide the rows of a data set so that training, choosing and testing never share what they must not share."""

import warnings
from collections.abc import Mapping, Sequence
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


def group_folds(groups: Sequence, labels: Sequence, n_folds: int, seed: int) -> "np.ndarray":
    """The fold, 0 to `n_folds` − 1, of each row: a group is in one fold as a whole, classes about in proportion.

    Parameters
    ----------
    groups : (n,) who must not be divided: speakers, patients.
    labels : (n,) classes.

    Raises
    ------
    ValueError
        There are fewer groups than folds.
    """
    import numpy as np
    from sklearn.model_selection import StratifiedGroupKFold

    groups, labels = np.asarray(groups), np.asarray(labels)
    _same_length(groups, labels)
    if (found := len(np.unique(groups))) < n_folds:
        raise ValueError(f"{n_folds} folds need as many groups, there are {found}")
    folds = np.empty(len(labels), int)
    splitter = StratifiedGroupKFold(n_folds, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of a class with fewer rows than folds: "about" in proportion
        for fold, (_, members) in enumerate(splitter.split(np.zeros(len(labels)), labels, groups)):
            folds[members] = fold
    if (filled := len(np.unique(folds))) < n_folds:
        raise ValueError(f"the groups fill {filled} of {n_folds} folds: ask for fewer")
    return folds


def speaker_split(
    table: Mapping[str, Sequence], share: float = 0.2, seed: int = 123, by: str | None = None
) -> "np.ndarray":
    """Which rows are held out: all those of a `share` of the speakers, drawn by `seed`. (n,) bool.

    Parameters
    ----------
    table : with a column `speaker`.
    share : of the speakers, not of the rows; rounded to whole speakers, at least one.
    by : a column on which each speaker has one value ("sex"): the share is drawn from each value's speakers apart.

    Raises
    ------
    ValueError
        Nobody would be left on one of the sides, or a speaker has two values of `by`.
    """
    import numpy as np

    speakers = np.asarray(table["speaker"])
    kinds = np.zeros(len(speakers)) if by is None else np.asarray(table[by])
    if len(speakers) == 0:
        raise ValueError("a split by speaker needs two speakers or more, there is nobody")
    if not 0 < share < 1:
        raise ValueError(f"share is a part of the speakers between 0 and 1, not {share}")
    check_disjoint(speakers, kinds)
    rng = np.random.default_rng(seed)
    held_out = []
    for kind in np.unique(kinds):
        these = np.unique(speakers[kinds == kind])
        count = max(1, round(share * len(these)))
        if count >= len(these):
            where = "" if by is None else f" with {by} {kind}"
            raise ValueError(f"a split by speaker needs two speakers or more{where}, there are {len(these)}")
        held_out.extend(rng.choice(these, count, replace=False))
    return np.isin(speakers, held_out)


def check_disjoint(groups: Sequence, parts: Sequence) -> None:
    """Raise `ValueError`, naming one, when a group has rows in more than one part.

    Parameters
    ----------
    groups : (n,) speakers or patients.
    parts : (n,) the part of each row, of any kind: folds, names, a mask.
    """
    import numpy as np

    groups, parts = np.asarray(groups), np.asarray(parts)
    _same_length(groups, parts)
    home: dict = {}
    for group, part in zip(groups.tolist(), parts.tolist(), strict=True):
        if home.setdefault(group, part) != part:
            raise ValueError(f"{group!r} has rows in two parts, {home[group]!r} and {part!r}")


def _same_length(groups: "np.ndarray", others: "np.ndarray") -> None:
    if len(groups) != len(others):
        raise ValueError(f"each row needs a group: {len(groups)} groups for {len(others)} rows")
