"""What one halving of the answers to a few clips can lead to, right or mistaken, whatever is drawn.

Four clips with 2, 3, 2 and 5 answers can be halved in 2 · 6 · 2 · 20 = 480 ways, the odd answer on either side.
"""

from functools import cache
from itertools import combinations, product
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

GROUPS = {7: (1.13, 2.71), 11: (4.07, 2.93, 5.61), 23: (6.29, 7.67), 40: (5.03, 8.41, 7.19, 9.97, 10.83)}
DRAWS = 12_000
SAME = 1e-9

STEPS = {
    "right": lambda r: 2 * r / (1 + r),
    "plain": lambda r: r,
    "minus": lambda r: 2 * r / (1 - r),
    "twice": lambda r: 4 * r / (1 + 3 * r),
    "single": lambda r: r / (1 + r),
    "root": lambda r: abs(r) ** 0.5,
    "square": lambda r: r**2,
}


def correlations(x: "np.ndarray", y: "np.ndarray") -> "np.ndarray":
    """Pearson's r of each row of x with that of y, (rows,); a clip that is NaN in either is left out."""
    import numpy as np

    gone = np.isnan(x) | np.isnan(y)
    x, y = (np.where(gone, np.nan, v) for v in (x, y))
    x, y = (np.nan_to_num(v - np.nansum(v, 1, keepdims=True) / (~gone).sum(1, keepdims=True)) for v in (x, y))
    return (x * y).sum(1) / np.sqrt((x**2).sum(1) * (y**2).sum(1))


@cache
def all_halvings() -> "np.ndarray":
    """Pearson's r of each of the ways to halve, the odd answer in the first or the second half, clip by clip."""
    import numpy as np

    ways = []
    for group in GROUPS.values():
        total, size = sum(group), len(group)
        ways.append(
            [
                (sum(half) / first, (total - sum(half)) / (size - first))
                for first in {size // 2, size - size // 2}
                for half in combinations(group, first)
            ]
        )
    pairs = np.array(list(product(*ways)))  # (ways, clips, 2)
    return correlations(pairs[..., 0], pairs[..., 1])


def mistaken(how: str) -> "np.ndarray":
    """The r that a mistaken way of halving leads to, from many draws."""
    import numpy as np

    rng = np.random.default_rng(0)
    sides = list(product((0, 1), repeat=len(GROUPS)))  # which half of a clip has the odd answer
    found = [mistaken_draws(how, odd_first, DRAWS // len(sides), rng) for odd_first in sides]
    known = np.unique(np.concatenate(found).round(12))
    return known[known > -1 + SAME]  # neither NaN, nor −1, which can't be stepped up


def mistaken_draws(how: str, odd_first: tuple[int, ...], draws: int, rng: "np.random.Generator") -> "np.ndarray":
    """The r of `draws` mistaken halvings, the odd answer of each clip in its first half or not."""
    import numpy as np

    mean = {"sums": np.sum, "medians": np.median}.get(how, np.mean)
    x, y = [], []
    for values, odd in zip(GROUPS.values(), odd_first, strict=True):
        group = np.tile(values, (draws, 1))
        n, least = (len(values) + odd) // 2, len(values) // 2
        shuffled = rng.permuted(group, axis=1)
        a, b = shuffled[:, :n], shuffled[:, n:]
        if how == "lost":
            a, b = a[:, :least], b[:, :least]
        if how == "single answers":
            x, y = [*x, *a[:, :least].T], [*y, *b[:, :least].T]
        elif how == "together":
            first = rng.random(group.shape) < 0.5
            x.append((group * first).sum(1) / np.where(first.any(1), first.sum(1), np.nan))
            y.append((group * ~first).sum(1) / np.where(first.all(1), np.nan, (~first).sum(1)))
        else:
            x, y = [*x, mean(a, 1)], [*y, mean(b, 1)]
    x, y = np.stack(x, 1), np.stack(y, 1)
    if how == "ranks":
        x, y = (v.argsort(1).argsort(1).astype(float) for v in (x, y))
    with np.errstate(all="ignore"):
        return correlations(x, y)


def among(values: "np.ndarray", known: "np.ndarray") -> "np.ndarray":
    """Which values are one of those known."""
    import numpy as np

    return (np.abs(values[:, None] - known) < SAME * (1 + np.abs(values[:, None]))).any(1)


def means_of(singles: "np.ndarray") -> "np.ndarray":
    """The two right ways to sum up single halvings: their mean, and the mean r stepped up."""
    import numpy as np

    return np.array([singles.mean(), STEPS["right"]((singles / (2 - singles)).mean())])
