"""Call a student's function: on copies, with what it must leave alone, and where it should refuse."""

import contextlib
import copy
import dis
from collections.abc import Iterator
from types import CodeType
from typing import TYPE_CHECKING, Any

from lib.checks.compare import describe, students_code
from lib.checks.failure import CheckFailed, expect

if TYPE_CHECKING:
    import numpy as np


def expect_function(answer: object, name: str, ready_made: tuple[str, ...] = ()) -> None:
    """`answer` is a function, and calls nothing of `ready_made` (as "stft" or "librosa.filters"), which does it all."""
    import torch

    expect(
        callable(answer) and not isinstance(answer, type | torch.nn.Module),
        f'give the function itself, check("{name}", {name}); this is {describe(answer)}.',
    )
    used = names_used(answer)
    found = next((n for n in ready_made if all(part in used for part in n.split("."))), None)
    expect(found is None, f"it uses {found}, which does the whole task; here the steps themselves are to be written.")


def codes_of(answer: object) -> list[CodeType]:
    """The code of a function, and of the comprehensions, lambdas and functions inside it."""
    found = [code for code in [getattr(answer, "__code__", None)] if code]
    for code in found:
        found.extend(inner for inner in code.co_consts if isinstance(inner, CodeType))
    return found


def names_used(answer: object) -> set[str]:
    """The attributes, imports and globals that a function uses, but for functions and classes of the student's own."""
    names, others = set(), getattr(answer, "__globals__", {})
    for code in codes_of(answer):
        for step in dis.get_instructions(code):
            if step.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
                own = getattr(others.get(step.argval), "__module__", None) == others.get("__name__", "")
                names |= set() if own else {step.argval}
            elif step.opname in ("LOAD_ATTR", "LOAD_METHOD", "IMPORT_NAME", "IMPORT_FROM"):
                names |= set(step.argval.split("."))
    return names


def called(answer: object, *inputs: object, doing: str, what: str = "what it is given") -> Any:  # noqa: ANN401
    """What the function returns; it must leave its inputs as they are."""
    import torch

    # A generator is given as it is: copying one costs a reference to None, and without those Python 3.11 stops.
    given = [x if isinstance(x, torch.Generator) else copy.deepcopy(x) for x in inputs]
    with students_code(doing):
        result = answer(*given)
    expect(
        all(is_same(a, b) for a, b in zip(inputs, given, strict=True)),
        f"it changes {what} in place; leave that as it is and work on a copy.",
    )
    return result


def is_same(a: object, b: object) -> bool:
    """Whether two inputs are equal: arrays, tensors, tables or plain values."""
    import numpy as np
    import torch

    if isinstance(a, torch.Generator):
        return True
    if isinstance(a, torch.Tensor):
        return a.shape == b.shape and bool((a == b).all())
    if isinstance(a, np.ndarray):
        return np.array_equal(a, b)
    return bool(a.equals(b)) if hasattr(a, "equals") else a == b


def expect_refused(answer: object, *inputs: object, when: str, otherwise: str) -> None:
    """The function raises a ValueError `when` something is wrong; `otherwise` says what it does in place of that."""
    with students_code(f"giving it {when}, where it should raise a ValueError"):
        try:
            result = answer(*inputs)
        except ValueError:
            return
    raise CheckFailed(f"{when} should raise a ValueError; {otherwise} It returns {describe(result)}.")


def expect_array(value: object, name: str) -> "np.ndarray":
    import numpy as np

    expect(isinstance(value, np.ndarray), f"{name} should be a numpy array, but it is {describe(value)}.")
    return value


@contextlib.contextmanager
def global_generators_untouched(says: str) -> Iterator[None]:
    """What runs inside neither draws from nor seeds the generators of PyTorch, numpy and Python that all share."""
    import random

    import numpy as np
    import torch

    def states() -> tuple:
        kind, keys, *rest = np.random.get_state()
        return random.getstate(), (kind, keys.tolist(), *rest), torch.get_rng_state().tolist()

    before = states()
    yield
    expect(states() == before, says)


def gap_between(a: "np.ndarray", b: "np.ndarray") -> float:
    """The largest difference of two arrays, relative to the largest value of `b`; NaN counts as infinite."""
    import numpy as np

    gap = float(np.max(np.abs(a - b), initial=0.0))
    return gap / max(1e-300, float(np.max(np.abs(b), initial=0.0))) if gap == gap else float("inf")
