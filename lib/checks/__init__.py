"""Tell a student whether a cell is right, and if not, what is wrong.

    from lib.checks import check, hint

    check("lstm", LSTM)   # one line with ✓ and what was verified, or a short text that names the mistake
    hint(1)               # a first hint for the task last checked; hint(2) says more, hint(3) shows the solution

A check needs no files, no data and no network, takes under five seconds, and stops whatever it tries: an endless
loop, a huge allocation, `sys.exit()`. It leaves random states and settings as it found them.
"""

from lib.checks.core import check
from lib.checks.failure import CheckFailed
from lib.checks.hints import hint

__all__ = ["CheckFailed", "check", "hint"]
