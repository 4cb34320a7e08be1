"""Which lines of `lib` a process executes, written down as they are: for proofs, see `prove.py`.

It imports nothing of `lib`, because it also watches earlier states of it. coverage.py does more, and takes longer to
start in each kernel and worker that a proof has.
"""

import os
import sys
import threading
from pathlib import Path

TRACE = "NOTES_TRACE"  # begins the names of the files into which traced processes write

# Runs as the first cell of a notebook that is traced, in the notebook's own kernel; never stored.
START = """
_tracing = {{}}
exec(compile(open({source!r}).read(), {source!r}, "exec"), _tracing)
_tracing["trace"]({root!r})
"""


def start(root: Path) -> str:
    """The cell that begins tracing of the `lib` under `root`."""
    return START.format(source=__file__, root=str(root))


def trace(root: str) -> None:
    """From now on, write every new line of `lib` under `root` that is executed; nothing if `$NOTES_TRACE` isn't set."""
    target = os.environ.get(TRACE)
    if not target or sys.gettrace() is not None:
        return
    above = root + os.sep
    own = os.path.join(root, "lib") + os.sep
    seen = set()
    out = open(f"{target}.{os.getpid()}", "a", encoding="utf-8", buffering=1)  # noqa: SIM115

    def on_line(frame: object, event: str, argument: object) -> object:
        place = (frame.f_code.co_filename, frame.f_lineno)
        if place not in seen:
            seen.add(place)
            out.write(f"{place[0].removeprefix(above)}\t{place[1]}\n")
        return on_line

    def on_call(frame: object, event: str, argument: object) -> object:
        if not frame.f_code.co_filename.startswith(own):
            return None
        return on_line(frame, event, argument)

    sys.settrace(on_call)
    threading.settrace(on_call)


def executed(target: Path) -> set[tuple[str, int]]:
    """The lines that traced processes wrote down, as (path from the root, line)."""
    lines: set[tuple[str, int]] = set()
    for file in target.parent.glob(f"{target.name}.*"):
        for line in file.read_text(encoding="utf-8").splitlines():
            path, _, number = line.rpartition("\t")
            if number.isdigit():
                lines.add((path, int(number)))
    return lines
