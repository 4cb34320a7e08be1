"""Items of different length in one batch: what is inside an item, and what is only padding.

A batch holds items along its second axis, `x` (B, T, …), each filled up with anything to the longest. `lengths`
(B,) says how many of the T steps belong to each item.
"""

import torch
from torch import Tensor


def check_lengths(lengths: Tensor, batch: int, steps: int) -> None:
    """Raise `ValueError` unless `lengths` are `batch` whole numbers from 1 to `steps`."""
    if not isinstance(lengths, Tensor) or lengths.shape != (batch,) or lengths.dtype.is_floating_point:
        what = f"{tuple(lengths.shape)} {lengths.dtype}" if isinstance(lengths, Tensor) else type(lengths).__name__
        raise ValueError(f"lengths must be a tensor of {batch} whole numbers, one an item; got {what}")
    if batch == 0:
        raise ValueError("the batch is empty")
    low, high = (int(n) for n in torch.aminmax(lengths))
    if low < 1 or high > steps:
        raise ValueError(f"lengths must lie between 1 and the {steps} steps of the batch; got {low} to {high}")


def length_mask(lengths: Tensor, steps: int) -> Tensor:
    """(B,) whole numbers → (B, steps) bool, true at the steps that belong to the item."""
    return torch.arange(steps, device=lengths.device) < lengths[:, None]


def masked_mean(x: Tensor, lengths: Tensor) -> Tensor:
    """The mean of each item's own steps, (B, T, C) and (B,) → (B, C).

    What lies behind an item has no influence, not even when it isn't finite. An item of no steps gives zeros.
    """
    inside = length_mask(lengths, x.shape[1])[..., None]
    return x.masked_fill(~inside, 0).sum(1) / lengths.clamp(min=1)[:, None].to(x.dtype)


def strided(lengths: Tensor | int, stride: int, kernel: int | None = None) -> Tensor | int:
    """How many steps are left of `lengths` after a layer that moves on by `stride`.

    With a `kernel` (and no padding) those that lie wholly inside the item: `(length − kernel) // stride + 1`, at
    least 0. Without one those that see any of it, as with `ceil_mode` or zeros filled up behind:
    `length / stride`, rounded up.
    """
    if kernel is None:
        return (lengths + stride - 1) // stride
    left = (lengths - kernel) // stride + 1
    return left.clamp(min=0) if isinstance(left, Tensor) else max(left, 0)
