"""The check of SpecAugment: masks over frames and bands of normalised spectrograms."""

from typing import TYPE_CHECKING

from lib.checks.compare import expect_tensor
from lib.checks.failure import CheckFailed, expect
from lib.checks.functions import called, expect_function, global_generators_untouched
from lib.checks.task import Task

if TYPE_CHECKING:
    import torch

ITEMS, FRAMES, BANDS = 500, 12, 10
WIDEST = 5  # about half of each axis, so that masks that are cut off at the end show
NAMES = {1: "time", 2: "band"}
WHERE = {1: "frame", 2: "band"}


def values() -> "torch.Tensor":
    """(ITEMS, FRAMES, BANDS) in 1 … 2, so that neither 0 nor the mean occurs."""
    import torch

    return 1 + torch.rand(ITEMS, FRAMES, BANDS, generator=torch.Generator().manual_seed(14))


def masked(
    answer: object, x: "torch.Tensor", time: tuple[int, int], band: tuple[int, int], generator: "torch.Generator"
) -> "torch.Tensor":
    """(items, frames, bands) bool: where the student's result is masked."""
    doing = f"masking a batch of shape {tuple(x.shape)} with time masks {time} and band masks {band}"
    with global_generators_untouched(
        "it draws from or seeds a random generator that all share; give `generator=generator` to every draw."
    ):
        got = called(answer, x, *time, *band, generator, doing=doing, what="the batch")
    expect_tensor(got, "what spec_augment returns")
    expect(got.shape == x.shape, f"the result has shape {tuple(got.shape)}; it should stay {tuple(x.shape)}.")
    changed = got != x
    filled = got[changed]
    expect(
        not bool(filled.isnan().any()), "masks are filled with NaN; fill them with 0, the mean of normalised values."
    )
    if bool((filled != 0).any()):
        kind = ""
        for name, value in (("minimum", x.min()), ("maximum", x.max()), ("mean", x.mean())):
            kind = f" with the batch's {name}" if bool((filled - value).abs().max() < 1e-5) else kind
        raise CheckFailed(
            f"what is masked is filled{kind or ' with something else than 0'}; fill it with 0, which is the mean of "
            "normalised spectrograms."
        )
    return changed


def lines(changed: "torch.Tensor", axis: int) -> "torch.Tensor":
    """(items, size) bool: the frames (axis 1) or bands (axis 2) that are masked as a whole; nothing else may be."""
    other = 3 - axis
    whole = changed.all(other)
    if bool((changed == whole.unsqueeze(other)).all()):
        return whole
    crossed = changed.all(axis)
    name, where = NAMES[axis], WHERE[axis]
    expect(
        not bool((changed == crossed.unsqueeze(axis)).all()),
        f"{name} masks run over the wrong axis: x is (clips, frames, bands), a {name} mask hides whole "
        f"{'frames, all their bands' if axis == 1 else 'bands, in all frames'}.",
    )
    raise CheckFailed(f"a {name} mask hides rectangles or single values; it should hide whole {where}s.")


def runs(hidden: "torch.Tensor") -> "torch.Tensor":
    """How many separate stretches each row (items, size) has."""
    import torch

    padded = torch.nn.functional.pad(hidden.int(), (1, 0))
    return (padded.diff(dim=1) == 1).sum(1)


def check_one(answer: object, x: "torch.Tensor", axis: int, generator: "torch.Generator") -> None:
    """One mask along one axis: its own in each item, of every width, anywhere."""
    import torch

    name, where, size = NAMES[axis], WHERE[axis], x.shape[axis]
    none, one = (0, WIDEST), (1, WIDEST)

    def draw() -> torch.Tensor:
        changed = masked(answer, x, *((one, none) if axis == 1 else (none, one)), generator)
        return lines(changed, axis)

    hidden = draw()
    expect(bool(hidden.any()), f"one {name} mask is asked for, and nothing is masked in {ITEMS} items.")
    expect(bool((hidden != hidden[:1]).any()), f"all items of a batch get the same {name} mask; draw one for each.")
    again = draw()
    expect(
        bool((hidden != again).any()),
        "two calls draw the same masks: is a generator made or seeded inside the function?",
    )
    hidden = torch.cat([hidden, again])
    expect(int(runs(hidden).max()) == 1, f"one {name} mask is asked for, but there are several, or it wraps.")
    widths = hidden.sum(1)
    expect(int(widths.max()) <= WIDEST, f"a {name} mask is {int(widths.max())} wide; the widest should be {WIDEST}.")
    counts = torch.bincount(widths, minlength=WIDEST + 1).tolist()
    expect(
        counts[WIDEST] < len(hidden),
        f"{name} masks are always {WIDEST} wide; the width is drawn, from 0 to the widest.",
    )
    expect(
        counts[WIDEST] > 0,
        f"{name} masks never get {WIDEST} wide in {len(hidden)} draws, the widest that is asked for: torch.randint "
        "leaves its upper end out.",
    )
    expect(counts[0] > 0, f"{name} masks are never 0 wide; the width is drawn from 0 to the widest.")
    first, last = int(hidden[:, 0].sum()), int(hidden[:, -1].sum())
    expect(last > 0, f"no {name} mask reaches the last {where}: the last start is {size} − width, which is allowed.")
    expect(first > 0, f"no {name} mask reaches the first {where}.")
    expect(
        bool((hidden[:, -1] & (widths < WIDEST)).any()),
        f"only the widest {name} masks reach the last {where}: the last start is {size} − width, whatever the width.",
    )
    expect(
        last <= 1.7 * first + 20,
        f"{name} masks are cut off at the end, where {last} lie in place of about {first}; draw the start from 0 to "
        f"{size} − width.",
    )
    expected = len(hidden) / (WIDEST + 1)
    expect(
        min(counts) > 0.5 * expected and max(counts) < 1.7 * expected,
        f"widths 0 to {WIDEST} of {name} masks come {counts} times; each should be equally likely. Are masks cut off "
        "at the end, or drawn twice?",
    )


def check_several(answer: object, x: "torch.Tensor", axis: int, generator: "torch.Generator") -> None:
    """Three masks: so many stretches at most, and this many in some item."""
    name, three = NAMES[axis], (3, 2)
    changed = masked(answer, x, *((three, (0, 0)) if axis == 1 else ((0, 0), three)), generator)
    most = int(runs(lines(changed, axis)).max())
    expect(
        most == 3,
        f"three {name} masks are asked for, and an item has {most} at most" + ("." if most < 3 else ": too many."),
    )


def verify_spec_augment(answer: object) -> str:
    import torch

    expect_function(answer, "spec_augment", ("SpecAugment", "mask_batch", "mask_along_axis_iid", "TimeMasking"))
    x = values()
    generator = torch.Generator().manual_seed(17)
    expect(
        not bool(masked(answer, x, (0, WIDEST), (0, WIDEST), generator).any()),
        "without any masks the batch is changed all the same.",
    )
    for axis in (1, 2):
        check_one(answer, x, axis, generator)
        check_several(answer, x, axis, generator)
    both = masked(answer, x, (1, WIDEST), (1, WIDEST), generator)
    time, band = both.all(2), both.all(1)
    expect(
        bool((both == (time[:, :, None] | band[:, None, :])).all()) and bool(time.any()) and bool(band.any()),
        "with one time mask and one band mask, what is hidden is not whole frames and whole bands.",
    )
    a, b = (masked(answer, x, (2, 5), (2, 4), torch.Generator().manual_seed(1)) for _ in range(2))
    expect(bool((a == b).all()), "a generator of the same seed gives other masks the second time.")
    masked(answer, x[:3, :4, :3], (1, 4), (1, 3), generator)  # as wide as the whole
    return "each item has masks of its own, of every width up to the widest, anywhere, filled with 0, on a copy."


TASKS = {
    "spec_augment": Task(
        verify_spec_augment,
        (
            "A mask has a width, from 0 to the widest, and a start, from 0 to size − width. How many of each are "
            "drawn for a batch?",
            "torch.randint(0, widest + 1, (len(x),), generator=generator) draws a width for each item; then its start. "
            "Work on x.clone(), set x[item, start : start + width] (frames) or x[item, :, start : start + width] "
            "(bands) to 0, and repeat for as many masks as are asked for.",
        ),
    ),
}
