"""The check of the split by speaker."""

from typing import TYPE_CHECKING

from lib.checks.failure import expect
from lib.checks.functions import called, expect_array, expect_function, expect_refused, global_generators_untouched
from lib.checks.task import Task

if TYPE_CHECKING:
    import numpy as np

PEOPLE = {"F": 10, "M": 7}
SEEDS = 60  # a speaker whom no seed draws stays out by chance with probability below 1e-8


def rows() -> tuple["np.ndarray", "np.ndarray"]:
    """Speakers and sexes of utterances in mixed order, three to six a speaker."""
    import numpy as np

    rng = np.random.default_rng(8)
    people = [(f"{sex.lower()}{n:02}", sex) for sex, count in PEOPLE.items() for n in range(count)]
    said = [person for person in people for _ in range(rng.integers(3, 7))]
    said = [said[k] for k in rng.permutation(len(said))]
    return np.array([s for s, _ in said]), np.array([sex for _, sex in said])


def split(answer: object, speakers: "np.ndarray", sexes: "np.ndarray", share: float, seed: int) -> frozenset:
    """Who is held out, once it is clear that nobody is in both parts."""
    doing = f"splitting {len(speakers)} rows with share {share:g} and seed {seed}"
    with global_generators_untouched(
        "it draws from or seeds a random generator that all share, so other draws of the notebook change with it; "
        "make one of your own: np.random.default_rng(seed)."
    ):
        mask = called(answer, speakers, sexes, share, seed, doing=doing)
    expect_array(mask, "what split_by_speaker returns")
    n = len(speakers)
    expect(
        mask.dtype == bool or mask.shape == (n,),
        f"it returns row numbers or names, {mask.shape} of {mask.dtype}; a mask is wanted: one True or False a row.",
    )
    expect(mask.shape == (n,), f"the mask has shape {mask.shape}; it should be {(n,)}, one value a row.")
    expect(mask.dtype == bool, f"the mask has dtype {mask.dtype}; it should be bool.")
    held, kept = set(speakers[mask].tolist()), set(speakers[~mask].tolist())
    both = sorted(held & kept)
    expect(
        not both,
        f"speaker {both[0] if both else ''} has rows in both parts ({len(both)} of {len(held | kept)} speakers have): "
        "divide the speakers, not the rows.",
    )
    return frozenset(held)


def expect_numbers(held: frozenset, share: float) -> None:
    """The share of each sex's speakers is held out."""
    import math

    got = {sex: sum(str(s)[0] == sex.lower() for s in held) for sex in PEOPLE}
    exact = {sex: share * count for sex, count in PEOPLE.items()}
    wanted = {sex: max(1, round(number)) for sex, number in exact.items()}
    if got == wanted:
        return
    text = f"with share {share:g} of {PEOPLE['F']} women and {PEOPLE['M']} men it holds out {got['F']} and {got['M']}; "
    text += f"it should be {wanted['F']} and {wanted['M']}."
    if all(got[s] == PEOPLE[s] - wanted[s] for s in PEOPLE):
        text += " The mask is inverted: True means held out."
    elif 0 in got.values() and 1 in wanted.values() and min(exact.values()) < 1:
        text += " At least one of each sex is held out, also where the share rounds to none."
    elif got == {s: math.floor(x) for s, x in exact.items()}:
        text += " The number is rounded down; round it to the nearest."
    elif got == {s: math.ceil(x) for s, x in exact.items()}:
        text += " The number is rounded up; round it to the nearest."
    else:
        text += " Draw from each sex apart."
    expect(False, text)


def verify_split(answer: object) -> str:
    import numpy as np

    expect_function(answer, "split_by_speaker")
    speakers, sexes = rows()
    draws = [split(answer, speakers, sexes, 0.32, seed) for seed in range(8)]
    for held in draws:
        expect_numbers(held, 0.32)
    expect(
        split(answer, speakers, sexes, 0.32, 0) == draws[0],
        "two calls with the same seed hold out different speakers; draw from np.random.default_rng(seed).",
    )
    expect(
        len(set(draws)) > 1,
        "every seed holds out the same speakers: they should be drawn at random, by a generator made from `seed`.",
    )
    mixed = np.random.default_rng(1).permutation(len(speakers))
    expect(
        split(answer, speakers[mixed], sexes[mixed], 0.32, 0) == draws[0],
        "the same rows in another order hold out other speakers; sort the speakers before you draw (np.unique does).",
    )
    for share in (0.26, 0.05):
        expect_numbers(split(answer, speakers, sexes, share, 1), share)
    drawn = frozenset().union(*draws, *(split(answer, speakers, sexes, 0.32, s) for s in range(8, SEEDS)))
    never = sorted(set(speakers.tolist()) - drawn)
    expect(
        not never,
        f"in {SEEDS} draws speaker {never[0] if never else ''} is never held out; all should be equally likely.",
    )
    numbers = np.array([int(s[1:]) + 100 * (s[0] == "m") for s in speakers])
    split(answer, numbers, (sexes == "M").astype(int), 0.32, 0)
    lonely = ~np.isin(speakers, [f"m{n:02}" for n in range(1, PEOPLE["M"])])
    expect_refused(
        answer, speakers[lonely], sexes[lonely], 0.32, 0,
        when="a sex with a single speaker",
        otherwise="one part would have nobody of that sex.",
    )  # fmt: skip
    return "whole speakers held out, the share of each sex, drawn by the seed alone."


TASKS = {
    "split_by_speaker": Task(
        verify_split,
        (
            "What is drawn: rows, or speakers? Draw for each sex apart, then mark every row of those who were drawn.",
            "For each sex: np.unique(speakers[sexes == sex]), at least two of them, or a ValueError. "
            "np.random.default_rng(seed).choice(people, number, replace=False) draws, with number = "
            "max(1, round(share · how many)); np.isin(speakers, drawn) marks their rows.",
        ),
    ),
}
