"""Call a student's code and compare what comes back, with an explanation where it differs."""

import contextlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain, combinations
from typing import TYPE_CHECKING, Any

from lib.checks.failure import CheckFailed, expect
from lib.checks.guard import OUT_OF_MEMORY, failed_at

if TYPE_CHECKING:
    import torch

TRANSLATED = (
    (r"same dtype|scalar type", "two tensors differ in dtype"),
    (r"mat1 and mat2 shapes|size mismatch|must match the size|inconsistent tensor size", "two shapes don't fit"),
    (r"expects each tensor to be equal size", "the pieces to be stacked differ in length; does one run past an end"),
    (r"missing the required", "the class has no `forward`"),
    (r"before Module\.__init__|super\(.*\)\.__init__", "call `super().__init__()` first"),
)


@dataclass(frozen=True)
class Mistake:
    """A known mistake: what it says to the student, and what it changes in the reference's recipe."""

    says: str
    changes: Mapping[str, object] = field(default_factory=dict)


@contextlib.contextmanager
def students_code(doing: str, sizes: Mapping[str, int] | None = None) -> Iterator[None]:
    """Turn what a student's code raises into a sentence with the line of the cell.

    `doing` ends “… while”; `sizes` names the sizes in use, so that the numbers of a shape error can be read.
    """
    import torch

    grad, dtype = torch.is_grad_enabled(), torch.get_default_dtype()
    try:
        yield
    except CheckFailed:
        raise
    except SystemExit:
        raise CheckFailed("it calls `exit`, which would stop Python; leave that out.") from None
    except MemoryError:
        raise CheckFailed(OUT_OF_MEMORY) from None
    except NotImplementedError as error:
        where, frame, raised_there = failed_at(error)
        if not raised_there:
            raise CheckFailed(explained(error, where, doing, sizes)) from None
        owner = type(frame.f_locals["self"]).__name__ if "self" in frame.f_locals else frame.f_code.co_name
        raise CheckFailed(f"there is nothing here yet: write {owner} first ({where}).") from None
    except Exception as error:
        if re.search(r"can't allocate|not enough memory|bad_alloc", str(error)):
            raise CheckFailed(OUT_OF_MEMORY) from None
        raise CheckFailed(explained(error, failed_at(error)[0], doing, sizes)) from None
    finally:
        torch.set_grad_enabled(grad)
        torch.set_default_dtype(dtype)


def explained(error: Exception, where: str, doing: str, sizes: Mapping[str, int] | None) -> str:
    """One sentence on an error: the line, what Python says, and what that means here."""
    said = str(error).splitlines()[0][:300] if str(error) else ""
    what = type(error).__name__ + (f": {said.rstrip('.')}" if said else "")
    text = f"{where or 'your code'} stops with {what}, while {doing}."
    meaning = next((m for pattern, m in TRANSLATED if re.search(pattern, str(error))), "")
    if meaning:
        text += f" That is: {meaning}."
    about_shapes = isinstance(error, RuntimeError | ValueError | IndexError)
    numbers = {int(n) for n in re.findall(r"\d+", said)} if about_shapes else set()
    named = {n: s for n, s in (sizes or {}).items() if s in numbers}
    if named:
        text += " Here " + ", ".join(f"{s} is the number of {n}" for n, s in named.items()) + "."
    if {"samples", "steps"} <= set(named) and "channels" not in said:
        text += " Are batch and time confused?"
    return text


def describe(value: object) -> str:
    """What a value is, in a few words."""
    import torch

    if value is None:
        return "None (is a `return` missing?)"
    if isinstance(value, torch.Tensor):
        return f"a tensor of shape {tuple(value.shape)}"
    if isinstance(value, tuple | list):
        return f"a {type(value).__name__} of {len(value)}"
    return f"the class {value.__name__}" if isinstance(value, type) else f"a value of type {type(value).__name__}"


def expect_tensor(value: object, name: str) -> None:
    import torch

    expect(isinstance(value, torch.Tensor), f"{name} should be a tensor, but it is {describe(value)}.")


def difference(ours: "torch.Tensor", theirs: "torch.Tensor") -> float:
    """The largest difference, relative to the largest value where that is above 1; NaN counts as infinite."""
    gap = (ours.detach() - theirs.detach()).abs().max().item() if ours.numel() else 0.0
    gap = float("inf") if gap != gap else gap
    return gap / max(1.0, ours.detach().abs().max().item() if ours.numel() else 1.0)


def find_mistakes(
    mistakes: Iterable[Mistake], matches: Callable[[dict[str, Any]], bool], together: int = 2
) -> list[Mistake]:
    """The fewest mistakes whose changes of the recipe reproduce what the student's code computes; [] when none do."""
    known = list(mistakes)
    sets = chain.from_iterable(combinations(known, n) for n in range(1, together + 1))
    for chosen in sets:
        changes: dict[str, Any] = {}
        for mistake in chosen:
            if set(changes) & set(mistake.changes):
                break
            changes |= mistake.changes
        else:
            if matches(changes):
                return list(chosen)
    return []


def told(mistakes: list[Mistake]) -> str:
    """One mistake as it is; two as a list."""
    if len(mistakes) == 1:
        return mistakes[0].says
    return "two things are wrong.\n" + "\n".join(f"  – {m.says}" for m in mistakes)
