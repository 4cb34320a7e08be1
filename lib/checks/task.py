"""What a task is."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Task:
    """A task that can be checked.

    verify : called with the student's answer; returns what was verified, for the ✓ line, or raises CheckFailed.
    hints : the first and the second hint; the third is the solution, which stands in the authored notebook.
    prepare : called first, outside the limits of time and memory; loads what the check itself needs.
    """

    verify: Callable[..., str]
    hints: tuple[str, str]
    prepare: Callable[[], object] = lambda: None
