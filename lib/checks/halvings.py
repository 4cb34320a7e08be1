"""The check of the split-half reliability of listeners' answers.

A few clips with a few answers can be halved in a few ways. So one halving has one of a few values, whatever the
student draws, and each mistake has values of its own.
"""

import time
import warnings
from itertools import product
from typing import TYPE_CHECKING

from lib.checks.failure import CheckFailed, expect
from lib.checks.functions import expect_function, expect_refused, global_generators_untouched
from lib.checks.halvings_recipe import GROUPS, SAME, STEPS, all_halvings, among, correlations, means_of, mistaken
from lib.checks.recognise import expect_number, quietly
from lib.checks.task import Task

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np

NAME = "split_half_reliability"
ORDER = (4, 9, 0, 6, 2, 10, 5, 11, 1, 8, 3, 7)  # no clip's answers stand together
SEEDS, MANY = 16, 24
MOST, SECONDS = 4000, 0.25  # halvings in a call of those who draw in another order, and how long it may take

PAIRS = {1: (1.2, 2.3), 2: (4.5, 6.7), 3: (8.1, 9.9), 4: (11.4, 13.1)}  # where answers can be shared by both halves

STEP_SAYS = {
    "plain": "it returns the r of two halves; step it up to the full number of listeners by Spearman–Brown, "
    "2r / (1 + r).",
    "minus": "the denominator of Spearman–Brown is 1 + r, not 1 − r.",
    "twice": "Spearman–Brown is applied twice; once takes a half to the whole.",
    "single": "the numerator of Spearman–Brown is 2r, not r.",
    "root": "it returns the root of r; Spearman–Brown is 2r / (1 + r).",
    "square": "it returns r²; Spearman–Brown is 2r / (1 + r).",
}
HALVES_SAY = {
    "lost": "of an odd number of answers one is left out; put it into one of the halves.",
    "single answers": "single answers are correlated; take the mean of each half first, so that there is one pair of "
    "numbers a clip.",
    "sums": "the sums of the halves are correlated; take their means, since the halves differ in size.",
    "medians": "the medians of the halves are correlated; take their means.",
    "ranks": "the halves are correlated by ranks; Pearson's r is wanted here.",
    "together": "all answers are shuffled and cut together; then a clip's answers fall into the halves unevenly, or "
    "all into one. Shuffle and cut within each clip.",
}


def reliability(
    answer: object, clip: "np.ndarray", marks: "np.ndarray", times: int, seed: "int | np.random.Generator", doing: str
) -> float:
    """What the student's function returns, with a new generator of that seed or the one given."""
    import numpy as np

    generator = np.random.default_rng(seed)  # not among the inputs compared: drawing from it changes it
    told = "it changes or seeds a generator that all share (np.random.…); draw from the one it is given."
    with global_generators_untouched(told):
        got = quietly(lambda c, m: answer(c, m, times, generator), clip, marks, doing=doing, what="clip or answer")
    value = expect_number(got, NAME)
    expect(
        value == value,
        "it returns NaN: is a half of some clip empty? Shuffle and cut the answers within each clip.",
    )
    return value


def shares_answers(answer: object) -> bool:
    """Whether, of two answers, both halves may get the same."""
    import numpy as np

    clip, marks = np.repeat(list(PAIRS), 2), np.ravel(list(PAIRS.values()))
    values = [reliability(answer, clip, marks, 1, seed, "halving two answers a clip") for seed in range(SEEDS)]
    both = np.array(list(product(*[list(product(pair, pair)) for pair in PAIRS.values()])))  # (ways, clips, 2)
    known = correlations(both[..., 0], both[..., 1])
    known = known[known > -1 + SAME]  # −1 can't be stepped up
    return any(among(np.array(values), STEPS[step](known)).all() for step in ("right", "plain"))


def explain(answer: object, values: "np.ndarray") -> str:
    """What is wrong with values that no right halving has."""
    right = all_halvings()
    found = next((k for k in STEP_SAYS if among(values, STEPS[k](right)).all()), None)
    if found:
        return STEP_SAYS[found]
    for how, says in HALVES_SAY.items():
        known = mistaken(how)
        if any(among(values, STEPS[step](known)).mean() > 0.9 for step in ("right", "plain")):
            return says
    if shares_answers(answer):
        return (
            "the two halves share answers: each is drawn for itself, or with replacement. Shuffle a clip's answers "
            "once and cut them in two."
        )
    return (
        "a single halving gives a value that no way to halve each clip's answers leads to. Are they two means a clip, "
        "then Pearson's r over the clips, then 2r / (1 + r)?"
    )


def expect_drawn(values: "np.ndarray", answer: "Callable", given: tuple) -> None:
    """The halves come from the generator, and only from it."""
    import numpy as np

    again = reliability(answer, *given, 1, 0, "halving once more with a generator of the same seed")
    expect(
        abs(again - values[0]) < SAME,
        "two generators of the same seed give different values; draw from the generator it is given.",
    )
    if np.ptp(values) > SAME:
        return
    by_order = []
    for cut in (
        lambda g: (g[: len(g) // 2], g[len(g) // 2 :]),
        lambda g: (g[: -(-len(g) // 2)], g[-(-len(g) // 2) :]),
        lambda g: (g[: round(len(g) / 2)], g[round(len(g) / 2) :]),
        lambda g: (g[::2], g[1::2]),
    ):
        halves = np.array([[np.mean(half) for half in cut(g)] for g in GROUPS.values()])
        by_order.extend(correlations(halves[None, :, 0], halves[None, :, 1]))
    by_order = np.array(by_order)
    expect(
        not among(values, STEPS["right"](by_order)).all(),
        "the answers are halved in the order they stand in; shuffle them first with the generator.",
    )
    raise CheckFailed("each generator gives the same halves: draw from the generator it is given, and don't seed anew.")


def mistaken_means(singles: "np.ndarray") -> "list[tuple[str, np.ndarray]]":
    """What to say of other ways to sum single halvings up, and the values of each."""
    import numpy as np

    r = singles / (2 - singles)
    step, in_z = STEPS["right"], [np.tanh(np.arctanh(v).mean()) for v in (r, singles)]
    pairs = (singles[:, None] + singles)[np.triu_indices(len(singles), 1)] / 2
    return [
        ("it returns the median of the halvings; their mean is wanted.", [np.median(singles), step(np.median(r))]),
        (
            f"with {MANY} halvings it returns the value of a single one: shuffle anew for each, and take the mean of "
            "all.",
            step(all_halvings()),
        ),
        ("it returns the sum over the halvings; their mean is wanted.", [singles.sum(), step(r.sum())]),
        (
            "the halvings are averaged by Fisher's z (arctanh), another number; the plain mean is wanted.",
            [in_z[1], step(in_z[0])],
        ),
        (f"of {MANY} halvings it takes the mean of two only; take that of all.", pairs),
    ]


def expect_mean(answer: object, given: tuple) -> None:
    """The mean over many halvings; a stepped-up mean of r will do as well.

    Who draws one halving after the other gives exactly the mean of as many single ones, drawn from one generator. Who
    draws otherwise is only asked to come near the mean over all ways to halve.
    """
    import numpy as np

    began = time.process_time()
    value = np.array([reliability(answer, *given, MANY, 1, f"halving {MANY} times")])
    each = (time.process_time() - began) / MANY
    one = np.random.default_rng(1)
    singles = np.array([reliability(answer, *given, 1, one, "halving once") for _ in range(MANY)])
    if among(value, means_of(singles)).all():
        return
    for says, known in mistaken_means(singles):
        expect(not among(value, np.array(known)).all(), says)
    two = np.array([reliability(answer, *given, 2, 1, "halving twice")])
    in_order = among(two, means_of(singles[:2])).all()
    expect(
        not in_order,
        f"one halving is right, and the mean of two, but {MANY} give {value[0]:.4f} where the mean is "
        f"{singles.mean():.4f}.",
    )
    wanted = STEPS["right"](all_halvings())
    times = int(np.clip(SECONDS / max(each, 1e-9), MANY, MOST))
    for seed in (2, 3, 4):
        last = reliability(answer, *given, times, seed, f"halving {times} times")
        expect(
            abs(last - means_of(wanted)).min() < 5 * wanted.std() / times**0.5,
            f"one halving is right, but {times} give {last:.3f}; the mean over all ways to halve is "
            f"{wanted.mean():.3f}.",
        )


def verify_reliability(answer: object) -> str:
    import numpy as np

    expect_function(answer, NAME)
    clip = np.repeat(list(GROUPS), [len(g) for g in GROUPS.values()])
    marks = np.concatenate(list(GROUPS.values()))
    doing = "halving the answers to four clips, 2, 3, 2 and 5 of them"
    values = np.array([reliability(answer, clip, marks, 1, seed, doing) for seed in range(SEEDS)])
    right = STEPS["right"](all_halvings())
    expect(among(values, right).all(), "" if among(values, right).all() else explain(answer, values))
    expect_drawn(values, answer, (clip, marks))
    order = list(ORDER)
    mixed = "halving answers where those to one clip don't stand together"
    for names in (clip, np.array([f"clip {c}" for c in clip], dtype=object)):
        values = [reliability(answer, names[order], marks[order], 1, seed, mixed) for seed in range(SEEDS)]
        expect(
            among(np.array(values), right).all(),
            "it is right only while the answers to a clip stand together, clips in order; they come in any order, so "
            "find each clip's answers by its name.",
        )
    expect_mean(answer, (clip, marks))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expect_refused(
            answer, np.append(clip, 50), np.append(marks, 3.3), 1, np.random.default_rng(0),
            when="a clip with one answer",
            otherwise="one answer can't be halved, and nobody would be told.",
        )  # fmt: skip
    return "answers shuffled and halved within each clip, Pearson's r of the means, Spearman–Brown, mean of all."


TASKS = {
    "split_half_reliability": Task(
        verify_reliability,
        (
            "For one halving: what are the two numbers of a clip, and over what is their correlation taken? And how "
            "many listeners stand behind each number, compared with the mean that you will use?",
            "For each clip of np.unique(clip): generator.permutation(answer[clip == c]), cut at n // 2, the mean of "
            "each part. np.corrcoef of the two lists of means has r at [0, 1], and 2 * r / (1 + r) is the "
            "reliability with all listeners. Do that `halvings` times, shuffling anew, and return the mean. A clip "
            "with one answer raises the ValueError.",
        ),
    ),
}
