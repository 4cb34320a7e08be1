"""Recognise a known mistake by the values it leads to, and call an answer without its warnings."""

import warnings
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from lib.checks.compare import describe
from lib.checks.failure import expect
from lib.checks.functions import called

if TYPE_CHECKING:
    import numpy as np

CLOSE = 1e-5  # relative to the largest value; float32 is enough


def quietly(answer: object, *inputs: object, doing: str, what: str = "what it is given") -> Any:  # noqa: ANN401
    """`called` without warnings: 0/0 on the way to a right value is no mistake, and a wrong value is told by itself."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return called(answer, *inputs, doing=doing, what=what)


def expect_number(value: object, name: str) -> float:
    """`value` as a float; an array or a tensor without axes is a number too.

    Raises
    ------
    CheckFailed
        When it is something else: an array, a pair, None.
    """
    import numpy as np
    import torch

    if isinstance(value, np.ndarray | torch.Tensor) and tuple(value.shape) == ():
        value = value.item()
    is_matrix = isinstance(value, np.ndarray) and value.shape == (2, 2)
    more = " Is it the table of np.corrcoef? The correlation stands at [0, 1]." if is_matrix else ""
    shape = f"an array of shape {value.shape}" if isinstance(value, np.ndarray) else describe(value)
    expect(
        isinstance(value, float | int | np.floating | np.integer) and not isinstance(value, bool),
        f"{name} should return one number, but it is {shape}.{more}",
    )
    return float(value)


def is_close(got: "np.ndarray", wanted: "np.ndarray") -> bool:
    """Whether two arrays have the same shape and values; NaN equals NaN."""
    import numpy as np

    got, wanted = np.asarray(got, float), np.asarray(wanted, float)
    if got.shape != wanted.shape:
        return False
    finite = np.abs(wanted[np.isfinite(wanted)])
    return np.allclose(got, wanted, rtol=0, atol=CLOSE * max(1e-300, finite.max(initial=0.0)), equal_nan=True)


def recognised(got: "np.ndarray", mistakes: Iterable[tuple[str, "np.ndarray"]]) -> str | None:
    """What to say of the first mistake whose values are those; None when none are."""
    return next((says for says, values in mistakes if is_close(got, values)), None)
