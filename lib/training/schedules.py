"""Learning-rate schedules, as factors of the rate that was set."""

import math


def factor(schedule: str, step: int, steps: int, warmup: float = 0.0, final_factor: float = 0.01) -> float:
    """The factor of the learning rate at a step.

    Parameters
    ----------
    schedule : "constant", "exponential" or "cosine" (Loshchilov and Hutter 2017, doi:10.48550/arXiv.1608.03983,
        without restarts).
    step, steps : this step, from 0, of so many.
    warmup : fraction of the steps in which the factor grows in equal parts; the last of them reaches 1.
    final_factor : the factor at the very last step; "constant" stays at 1.

    Raises
    ------
    ValueError
        For a schedule of another name.
    """
    warm = round(warmup * steps)
    if step < warm:
        return (step + 1) / warm
    # From 0 at the first step after the warm-up to 1 at the last step of all.
    way = (step - warm) / max(1, steps - 1 - warm)
    if schedule == "constant":
        return 1.0
    if schedule == "exponential":
        return final_factor**way
    if schedule == "cosine":
        return final_factor + (1 - final_factor) * (1 + math.cos(math.pi * way)) / 2
    raise ValueError(f"unknown schedule {schedule!r}")
