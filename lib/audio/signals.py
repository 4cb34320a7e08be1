"""What every function here takes for a recording: a 1-D array of int16 or floating-point samples."""

from collections.abc import Iterable, Sequence

import numpy as np

INT16_ONE = 32768  # the int16 number that stands for 1.0


def as_float(signal: Sequence[float], name: str = "the signal") -> np.ndarray:
    """The samples as (samples,) float32 with full scale at ±1: int16 is divided by 32,768, floats are left as they are.

    `name` is what an error calls the signal.

    Raises
    ------
    ValueError
        It has no samples or more than one channel, holds NaN or infinity, or whole numbers other than int16.
    """
    signal = np.asarray(signal)
    if signal.ndim != 1:
        raise ValueError(f"{name} must be one channel, (samples,); got {signal.shape}: average or choose first")
    if len(signal) == 0:
        raise ValueError(f"{name} is empty")
    if signal.dtype == np.int16:
        return signal.astype(np.float32) / np.float32(INT16_ONE)
    if not np.issubdtype(signal.dtype, np.floating):
        raise ValueError(f"{name} must be int16 or floating point, not {signal.dtype}")
    signal = signal.astype(np.float32, copy=False)
    if not np.isfinite(signal).all():
        raise ValueError(f"{name} holds NaN or infinity ({np.count_nonzero(~np.isfinite(signal))} samples)")
    return signal


def similar_lengths(lengths: Iterable[int], most: int) -> list[list[int]]:
    """Item numbers in groups of similar length, longest first, none over `most` together once padded.

    An item longer than `most` is a group of its own.
    """
    groups, longest = [], 0
    lengths = list(lengths)
    for item in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        if not groups or (len(groups[-1]) + 1) * longest > most:
            groups.append([])
            longest = lengths[item]
        groups[-1].append(item)
    return groups
