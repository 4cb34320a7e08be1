"""The check of the occlusion map: what a score loses when a patch of the picture is covered."""

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

from lib.checks.compare import Mistake, describe, expect_tensor, find_mistakes, told
from lib.checks.failure import CheckFailed, expect
from lib.checks.functions import called, expect_array, expect_function, gap_between
from lib.checks.task import Task

if TYPE_CHECKING:
    import numpy as np
    import torch

PICTURE = (11, 10)  # steps and bands
PATCH = (4, 3)  # so that 3 rows and 4 columns of patches cover it, the last of both cut off
FILL = -1.5
TOLERANCE = 1e-4  # of differences in float32, relative to the largest


class Score:
    """A score of pictures that every value has its own part in, as of a network: it carries gradients."""

    def __init__(self, size: tuple[int, int]) -> None:
        import torch

        generator = torch.Generator().manual_seed(8)
        self.size = size
        self.weight = torch.randn(size, generator=generator, requires_grad=True)  # some patches speak against it
        self.other = torch.randn(size, generator=generator)

    def __call__(self, x: object) -> "torch.Tensor":
        expect_tensor(x, "what `score` is called with")
        got, (steps, bands) = tuple(x.shape), self.size
        expect(
            got != (steps, bands),
            f"`score` is called with a single picture, {got}; it wants a batch, {(1, steps, bands)}: picture[None].",
        )
        expect(
            len(got) == 3 and got[1:] == (steps, bands),
            f"`score` is called with a tensor of shape {got}; it wants whole pictures, (B, {steps}, {bands}), of which "
            "a patch is covered.",
        )
        return (x * self.weight).sum((1, 2)) + (x * self.other).sum((1, 2)).tanh()


@dataclass(frozen=True)
class MapRecipe:
    """How the map is made; the defaults are right."""

    sign: int = 1
    less: bool = True
    fill: str = "fill"
    left: str = ""
    only: bool = False
    moved: bool = False
    swapped: bool = False
    then: str = ""


MAP_MISTAKES = [
    Mistake("the sign is turned: what a patch matters is the score of the whole picture less that without the patch.",
            {"sign": -1}),
    Mistake("these are the scores of the covered pictures; the map shows what the score of the whole picture loses.",
            {"less": False}),
    Mistake("the patch is covered with 0, whatever `fill` is.", {"fill": "zero"}),
    Mistake("the patch is covered with the picture's mean, whatever `fill` is.", {"fill": "mean"}),
    Mistake("the patch is covered with the picture's smallest value, whatever `fill` is.", {"fill": "min"}),
    Mistake("`fill` is added to the patch; the patch is set to it.", {"fill": "add"}),
    Mistake("the patches before stay covered: start from the whole picture again for each.", {"left": "rows"}),
    Mistake("the patches before stay covered: start from the whole picture again for each.", {"left": "columns"}),
    Mistake("it covers everything but the patch; the patch alone is to be covered.", {"only": True}),
    Mistake("the last patches are moved inwards to be whole, so they overlap others; they are smaller.",
            {"moved": True}),
    Mistake("`patch` is (frames, bands); here its two numbers are swapped.", {"swapped": True}),
    Mistake("the sign of the differences is lost; a patch that speaks against the class has a negative one.",
            {"then": "abs"}),
    Mistake("the differences below 0 are lost; a patch that speaks against the class has a negative one.",
            {"then": "positive"}),
    Mistake("the differences are divided by the score of the whole picture; leave them differences.",
            {"then": "relative"}),
    Mistake("the differences are divided by the largest; leave them as they are.", {"then": "largest"}),
    Mistake("the map is scaled to 0 … 1; leave the differences as they are.", {"then": "scaled"}),
    Mistake("the differences are divided by the size of the patch; leave them as they are.", {"then": "size"}),
    Mistake("the differences are squared; leave them as they are.", {"then": "square"}),
]  # fmt: skip


def map_recipe(score: Score, picture: "torch.Tensor", patch: tuple[int, int], recipe: MapRecipe) -> "np.ndarray":
    """The map (rows, columns), made by `recipe`."""
    import numpy as np
    import torch

    (high, wide), (steps, bands) = (patch[::-1] if recipe.swapped else patch), picture.shape
    rows, columns = -(-steps // high), -(-bands // wide)
    fills = {"fill": FILL, "zero": 0.0, "mean": picture.mean(), "min": picture.min()}
    pictures, sizes = torch.zeros(rows, columns, steps, bands), np.ones((rows, columns))
    covered = torch.zeros(steps, bands, dtype=torch.bool)
    cells = list(product(range(rows), range(columns)))
    with torch.no_grad():
        base = score(picture[None]).item()
        for row, column in sorted(cells, key=lambda c: c[::-1]) if recipe.left == "columns" else cells:
            top, first = row * high, column * wide
            if recipe.moved:
                top, first = min(top, max(0, steps - high)), min(first, max(0, bands - wide))
            if not recipe.left:
                covered[:] = False
            covered[top : top + high, first : first + wide] = True
            sizes[row, column] = covered.sum()
            hidden = ~covered if recipe.only else covered
            pictures[row, column] = torch.where(
                hidden, picture + FILL if recipe.fill == "add" else fills[recipe.fill], picture
            )
        values = score(pictures.flatten(0, 1)).reshape(rows, columns).double().numpy()
    values = recipe.sign * ((base if recipe.less else 0.0) - values)
    if not recipe.less:
        values = -values
    then = {
        "": lambda v: v,
        "abs": np.abs,
        "positive": lambda v: v.clip(min=0),
        "relative": lambda v: v / base,
        "largest": lambda v: v / np.abs(v).max(),
        "scaled": lambda v: (v - v.min()) / max(1e-12, np.ptp(v)),
        "size": lambda v: v / sizes,
        "square": np.square,
    }
    return then[recipe.then](values)


def expect_shape(values: "np.ndarray", picture: tuple[int, int], patch: tuple[int, int]) -> None:
    """One number a patch, rows along time, the last ones of both directions too."""
    (steps, bands), (high, wide) = picture, patch
    wanted, got = (-(-steps // high), -(-bands // wide)), values.shape
    text = f"for a picture {picture} and a patch {patch} the map has shape {got}; it should be {wanted}."
    if got in ((steps // high, bands // wide), (steps // high, wanted[1]), (wanted[0], bands // wide)):
        text += (
            " The last row or column of patches is missing: where the patch doesn't divide the picture, it is smaller."
        )
    elif got == picture:
        text += " One number a patch is wanted, not one for each value of the picture."
    elif got == (steps - high + 1, bands - wide + 1):
        text += " The patches overlap: the next begins where one ends."
    elif got == wanted[::-1]:
        text += " Rows and columns are swapped: rows go along time."
    elif values.size == wanted[0] * wanted[1]:
        text += " The numbers are there; the grid is missing (reshape)."
    expect(got == wanted, text)


def mapped(answer: object, picture: "torch.Tensor", patch: tuple[int, int]) -> "np.ndarray":
    """The student's map of a picture."""
    import numpy as np
    import torch

    doing = f"making the map of a picture of shape {tuple(picture.shape)} with patches of {patch}"
    score = Score(tuple(picture.shape))
    try:  # a function is given, not the Score itself, of which `called` would make a copy
        values = called(answer, lambda x: score(x), picture, patch, FILL, doing=doing, what="the picture")
    except CheckFailed as failure:
        text = str(failure)
        if "requires grad" in text or "single memory location" in text:
            remedy = (
                "the score carries gradients, which numpy has not: compute it inside `with torch.no_grad():`."
                if "requires grad" in text
                else "expand makes no copies, all its pictures are one: add .clone(), or use repeat."
            )
            raise CheckFailed(f"{remedy}\n{text}") from None
        raise
    expect(
        not isinstance(values, torch.Tensor),
        f"it returns {describe(values)}{' that carries gradients' if getattr(values, 'requires_grad', False) else ''}; "
        "a numpy array is wanted: compute inside torch.no_grad(), then .numpy().",
    )
    values = expect_array(values, "the map")
    expect(
        values.dtype != object and np.issubdtype(values.dtype, np.floating),
        f"the map holds {values.dtype}; plain floats are wanted.",
    )
    return values


def verify_occlusion_map(answer: object) -> str:
    import torch

    expect_function(answer, "occlusion_map")
    picture = torch.randn(PICTURE, generator=torch.Generator().manual_seed(9)) + 0.4
    values = mapped(answer, picture, PATCH)
    score = Score(PICTURE)

    def matches(changes: dict) -> bool:
        wanted = map_recipe(score, picture, PATCH, MapRecipe(**changes))
        return wanted.shape == values.shape and gap_between(values, wanted) < TOLERANCE

    if not matches({}):
        found = find_mistakes(MAP_MISTAKES, matches)
        expect(not found, told(found) if found else "")
        expect_shape(values, PICTURE, PATCH)
        raise CheckFailed(
            "the map has the right shape, but other values: each is score(picture) less the score of the picture with "
            "that one patch set to `fill`."
        )
    for size, patch in (((8, 6), (4, 3)), ((5, 4), (9, 9))):
        other = torch.randn(size, generator=torch.Generator().manual_seed(10))
        values = mapped(answer, other, patch)
        expect_shape(values, size, patch)
        expect(
            gap_between(values, map_recipe(Score(size), other, patch, MapRecipe())) < TOLERANCE,
            f"a picture {size} with patches of {patch} gives a wrong map, though {PICTURE} with {PATCH} was right.",
        )
    return "what the score loses by each patch, rows along time, the last patches smaller; the picture is as it was."


TASKS = {
    "occlusion_map": Task(
        verify_occlusion_map,
        (
            "Two loops: over the first step of each patch, and over the first band. A slice that reaches beyond the "
            "end is no error, it is just shorter.",
            "score(picture[None]) is the score of the whole. For each start in range(0, T, frames) and each in "
            "range(0, bands, width): picture.clone(), set the slice to `fill`, and take the score of this as a batch "
            "of one. All inside torch.no_grad(); the differences go into an array with a row for each start in time.",
        ),
    ),
}
