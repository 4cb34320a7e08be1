"""Run a student's code so that nothing it does reaches further than the check.

What can go wrong: it never ends, asks for more memory than there is, prints without end, calls `sys.exit()`,
leaves gradients switched off or the random generators seeded. Each becomes a sentence, and what was changed is put
back. Ctrl-C always gets through.
"""

import contextlib
import io
import linecache
import random
import signal
import sysconfig
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from lib.checks.failure import CheckFailed

TIME_LIMIT = 4.0  # seconds for a whole check; a right answer needs well under one
PATIENCE = 3  # times as long, while the machine is so busy that the check hardly runs
MEMORY_LIMIT = 2 * 2**30  # bytes that a check may take beyond what the process holds already
SHOWN_LINES = 8  # of what the student's code printed

OUT_OF_MEMORY = "it asks for far more memory than this task needs (over 2 GB). Is a size or an axis wrong?"
# A student's code is any code that lies in none of these.
OTHERS_CODE = tuple(
    str(Path(p).resolve())
    for p in {Path(__file__).parent, *(sysconfig.get_path(n) for n in ("stdlib", "platstdlib", "purelib", "platlib"))}
)


class TimeUp(BaseException):
    """The time is over. No `Exception`, so that a student's `except Exception` does not swallow it."""


class Printed(io.TextIOBase):
    """Keeps the beginning of what is printed and drops the rest."""

    def __init__(self, limit: int = 2000) -> None:
        self.text, self.limit = "", limit

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if len(self.text) < self.limit:
            self.text += text[: self.limit - len(self.text)]
        return len(text)


def is_students(filename: str) -> bool:
    """Whether a file or cell is not Python's, an installed package's or the check's own."""
    if filename.startswith("<") and not filename.startswith("<ipython"):
        return filename in ("<stdin>", "<string>")
    if "site-packages" in filename or "dist-packages" in filename:
        return False
    return not str(Path(filename).resolve()).startswith(OTHERS_CODE)


def place(filename: str, number: int) -> str:
    """A line of the student's cell, as words: its number and its text."""
    text = linecache.getline(filename, number).strip()
    return f"line {number} of your cell" + (f" (`{text}`)" if text else "")


def running_at(frame: FrameType | None) -> str:
    """The innermost line of the student's code that a frame stands in, or nothing when the check itself runs."""
    while frame is not None and not is_students(frame.f_code.co_filename):
        if frame.f_code.co_filename.startswith(str(Path(__file__).parent)):
            return ""
        frame = frame.f_back
    return place(frame.f_code.co_filename, frame.f_lineno) if frame else ""


def failed_at(error: BaseException) -> tuple[str, FrameType | None, bool]:
    """Where an error arose: the student's line, its frame, and whether that line itself raised it."""
    last, where, raised_there = None, "", False
    trace = error.__traceback__
    while trace is not None:
        if is_students(trace.tb_frame.f_code.co_filename):
            last, where = trace.tb_frame, place(trace.tb_frame.f_code.co_filename, trace.tb_lineno)
            raised_there = trace.tb_next is None
        trace = trace.tb_next
    return where, last, raised_there


@contextlib.contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise `TimeUp` when the block takes longer; only the main thread of a Unix process can be interrupted."""
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return

    over = False
    began = time.monotonic(), time.process_time()

    def ring(number: int, frame: FrameType | None) -> None:
        waited, worked = time.monotonic() - began[0], time.process_time() - began[1]
        if not over and (worked > seconds / 2 or waited > PATIENCE * seconds):
            raise TimeUp(running_at(frame))

    handler = signal.signal(signal.SIGALRM, ring)
    # It rings again and again, because a bare `except:` in the student's code swallows what it raises.
    was = signal.setitimer(signal.ITIMER_REAL, seconds, 0.05)
    try:
        yield
    finally:
        # First and without a call: Python looks for signals only after calls and jumps, so no ring comes in between.
        over = True
        signal.setitimer(signal.ITIMER_REAL, *was)
        signal.signal(signal.SIGALRM, handler)


@contextlib.contextmanager
def memory_limit(extra: int) -> Iterator[None]:
    """Let the process's address space grow by at most `extra` bytes, where the system can say and limit it."""
    try:
        import resource

        pages = int(Path("/proc/self/statm").read_text().split()[0])
        soft, hard = resource.getrlimit(resource.RLIMIT_AS)
        top = pages * resource.getpagesize() + extra
        for limit in (soft, hard):
            top = top if limit == resource.RLIM_INFINITY else min(top, limit)
        resource.setrlimit(resource.RLIMIT_AS, (top, hard))
    except (ImportError, OSError, ValueError):
        yield
        return
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


@contextlib.contextmanager
def settings_kept() -> Iterator[None]:
    """Put random states and PyTorch's global settings back afterwards; inside, gradients are on.

    Inside there is one thread: a pool of threads that could not start under the memory limit would end the process.
    """
    import numpy as np
    import torch

    # The first backward pass starts threads, also for a GPU; that must not happen under the memory limit.
    with torch.enable_grad():
        torch.ones(2, requires_grad=True).sum().backward()
    states = random.getstate(), np.random.get_state(), torch.get_rng_state()
    grad, dtype, threads = torch.is_grad_enabled(), torch.get_default_dtype(), torch.get_num_threads()
    torch.set_num_threads(1)
    torch.set_grad_enabled(True)
    torch.set_default_dtype(torch.float32)
    try:
        yield
    finally:
        torch.set_grad_enabled(grad)
        torch.set_default_dtype(dtype)
        torch.set_num_threads(threads)
        random.setstate(states[0])
        np.random.set_state(states[1])
        torch.set_rng_state(states[2])


@contextlib.contextmanager
def guarded() -> Iterator[Printed]:
    """Run a whole check inside; yields what the student's code printed.

    Raises
    ------
    CheckFailed
        Also when the time or the memory is over, and when the check itself meets something it did not foresee.
    """
    printed = Printed()
    try:
        with (
            settings_kept(),
            contextlib.redirect_stdout(printed),
            contextlib.redirect_stderr(printed),
            memory_limit(MEMORY_LIMIT),
            time_limit(TIME_LIMIT),
        ):
            yield printed
    except TimeUp as up:
        where = f" It was at {up}." if str(up) else ""
        raise CheckFailed(f"it was stopped after {TIME_LIMIT:.0f} seconds: does a loop never end?{where}") from None
    except MemoryError:
        raise CheckFailed(OUT_OF_MEMORY) from None
    except CheckFailed:
        raise
    except Exception as error:
        kind = type(error).__name__
        raise CheckFailed(f"the check met something it did not foresee ({kind}: {error}). Please report it.") from None
