"""The check of Spearman's correlation: Pearson's of the ranks."""

import warnings
from typing import TYPE_CHECKING

from lib.checks.failure import CheckFailed, expect
from lib.checks.functions import codes_of, expect_function, expect_refused
from lib.checks.recognise import expect_number, quietly, recognised
from lib.checks.task import Task

if TYPE_CHECKING:
    import numpy as np


def average_ranks(values: "np.ndarray") -> "np.ndarray":
    """Ranks from 1, where equal values share their mean rank."""
    import numpy as np

    values = np.asarray(values)
    return (values[:, None] > values).sum(1) + ((values[:, None] == values).sum(1) + 1) / 2


def pearson(x: "np.ndarray", y: "np.ndarray") -> float:
    import numpy as np

    return float(np.corrcoef(x, y)[0, 1])


def spearman_mistakes(x: "np.ndarray", y: "np.ndarray") -> list[tuple[str, "np.ndarray"]]:
    """What to say of each mistaken value."""
    import numpy as np

    ways = {
        "average": average_ranks,
        "once": lambda v: np.argsort(v, kind="stable"),
        "in turn": lambda v: np.argsort(np.argsort(v, kind="stable"), kind="stable"),
        "first": lambda v: (v[:, None] > v).sum(1),
        "last": lambda v: (v[:, None] >= v).sum(1),
        "dense": lambda v: np.unique(v, return_inverse=True)[1],
    }
    ranks = {name: (rank(x), rank(y)) for name, rank in ways.items()}
    r = pearson(*ranks["average"])

    def by_distance(rank: str) -> float:
        n, gaps = len(x), ranks[rank][0] - ranks[rank][1]
        return 1 - 6 * float((gaps**2).sum()) / (n * (n**2 - 1))

    signs = np.sign(x[:, None] - x) * np.sign(y[:, None] - y)
    pairs = np.sqrt((np.sign(x[:, None] - x) ** 2).sum() * (np.sign(y[:, None] - y) ** 2).sum())
    shared = "equal values share their mean rank (1, 2.5, 2.5, 4)."
    formula = f"1 − 6Σd² / (n(n² − 1)) holds without ties only; take Pearson's r of the ranks, where {shared}"
    return [
        ("it is Pearson's r of the values themselves; rank both first.", pearson(x, y)),
        (
            "argsort gives the order, not the ranks: where each rank stands, not the rank of each value. Sort the "
            "order once more, and mind ties.",
            pearson(*ranks["once"]),
        ),
        (f"equal values get different ranks, in the order they stand in; {shared}", pearson(*ranks["in turn"])),
        (f"equal values get the lowest of their ranks; {shared}", pearson(*ranks["first"])),
        (f"equal values get the highest of their ranks; {shared}", pearson(*ranks["last"])),
        (f"equal values count as one, and the ranks after them are too low; {shared}", pearson(*ranks["dense"])),
        *((formula, by_distance(rank)) for rank in ("average", "first", "last")),
        ("only x is ranked; rank both.", pearson(average_ranks(x), y)),
        ("only y is ranked; rank both.", pearson(x, average_ranks(y))),
        ("it is Kendall's tau; Spearman's correlation is Pearson's r of the ranks.", signs.sum() / pairs),
        ("the sign is lost: opposite orders give a negative value.", abs(r)),
        ("it is squared; the correlation itself is wanted.", r**2),
        ("the sign is wrong: the same order gives +1.", -r),
        ("it is the covariance of the ranks; divide by both standard deviations.", np.cov(*ranks["average"])[0, 1]),
    ]  # fmt: skip


def compare_spearman(answer: object, x: "np.ndarray", y: "np.ndarray", doing: str) -> None:
    import numpy as np

    got = quietly(answer, x, y, doing=doing, what="x or y")
    both = isinstance(got, tuple) and len(got) == 2
    expect(not both, "it returns a pair; the correlation alone is wanted, without a p-value.")
    value = expect_number(got, "spearman")
    wanted = pearson(average_ranks(x), average_ranks(y))
    if abs(value - wanted) <= 1e-9:
        return
    says = recognised(np.array(value), [(text, np.array(v)) for text, v in spearman_mistakes(x, y)])
    expect(says is None, says or "")
    expect(value == value, f"{doing}, it returns NaN.")
    rounded = any(abs(value - round(wanted, digits)) <= 1e-12 for digits in range(1, 7))
    expect(not rounded, "the value is rounded; return it as it is.")
    raise CheckFailed(f"{doing}, it returns {value:.4f}, and {wanted:.4f} is right: Pearson's r of the mean ranks.")


def expect_all_refused(answer: object) -> None:
    """What has no correlation."""
    import numpy as np

    x, y = np.array([3.0, 1.0, 4.0, 1.5, 9.0]), np.array([2.0, 7.0, 1.0, 8.0, 2.5])
    with_nan = np.array([2.0, 7.0, np.nan, 8.0, 2.5])
    cases = (
        (x[:2], y[:2], "fewer than 3 values", "two values are always in perfect order, the same or the opposite."),
        (x, y[:4], "x and y of different lengths", "which value belongs to which is not known."),
        (x, y[:1], "x of 5 values and y of one", "one value is no partner of five; numpy would repeat it."),
        (x, with_nan, "NaN in y", "a NaN has no rank; sorting puts it last, without a word."),
        (with_nan, y, "NaN in x", "a NaN has no rank; sorting puts it last, without a word."),
        (x, np.full(5, 2.0), "a constant y", "without an order there is no correlation, not 0 either."),
        (np.full(5, 0.1), y, "a constant x", "without an order there is no correlation, not 0 either."),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for first, second, when, otherwise in cases:
            expect_refused(answer, first, second, when=when, otherwise=otherwise)


def verify_spearman(answer: object) -> str:
    import numpy as np

    expect_function(answer, "spearman", ("spearmanr",))
    constants = [constant for code in codes_of(answer) for constant in code.co_consts]
    expect(
        "spearman" not in constants, 'it uses method="spearman", which does the whole task; rank the values yourself.'
    )
    rng = np.random.default_rng(6)
    x = rng.standard_normal(25)
    y = np.exp(1.5 * x + rng.standard_normal(25))
    compare_spearman(answer, x, y, "with 25 different values")
    compare_spearman(answer, x, -y, "with 25 different values in rather opposite order")
    tied = np.array([2, 5, 5, 1, 9, 2, 2, 7, 3, 5]), np.array([1, 6, 3, 3, 8, 3, 2, 8, 6, 1])
    compare_spearman(answer, *tied, "with values that occur several times")
    compare_spearman(answer, tied[0] / 10, -(tied[1] ** 3) / 7, "with values that occur several times")
    compare_spearman(
        answer, np.array([1.0, 2.0, 40.0]), np.array([0.1, 0.2, 0.3]), "with three values in the same order"
    )
    expect_all_refused(answer)
    return "Pearson's r of the ranks, equal values sharing theirs; what has no correlation is refused."


TASKS = {
    "spearman": Task(
        verify_spearman,
        (
            "Which rank has each value, and what do two equal values get? Once both are ranks, the rest is a "
            "correlation that you know.",
            "scipy.stats.rankdata or pd.Series(x).rank() give equal values their mean rank; then np.corrcoef(…)[0, 1]. "
            "Before that, raise the ValueError for lengths that differ, fewer than 3 values, NaN (np.isnan), and for "
            "values that are all the same.",
        ),
    ),
}
