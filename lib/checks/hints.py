"""`hint`: two hints, then the solution, which is read from the authored notebook and kept nowhere else."""

import json
import re
from pathlib import Path

from lib.checks.core import HOME, Desk, task_named
from lib.checks.failure import CheckFailed

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
MARKED = re.compile(r"^[ \t]*#+ *BEGIN SOLUTION[^\n]*\n(.*?)^[ \t]*#+ *END SOLUTION", re.S | re.M)


def hint(level: int = 1, task: str | None = None) -> None:
    """Print a hint for a task, by default the one last checked.

    Parameters
    ----------
    level : 1 for a first hint, 2 for a closer one, 3 for the solution.
    task : the task, such as "lstm".

    Raises
    ------
    CheckFailed
        No such task or level, or nothing was checked yet.
    """
    name = task or Desk.last
    if name is None:
        raise CheckFailed(f"hint for which task? Say hint(1, task) with one of: {', '.join(HOME)}.")
    hints = task_named(name).hints
    if level not in (1, 2, 3):
        raise CheckFailed(
            f"there are hint(1), hint(2) and hint(3), which is the solution; there is no hint({level!r})."
        )
    Desk.shown[name] = max(Desk.shown.get(name, 0), level)
    if level < 3:
        print(f"Hint {level} for {name}: {hints[level - 1]}")
    else:
        print(f"The solution of {name}:\n\n{solution(name)}")


def solution(name: str) -> str:
    """The text of a task's solution cell, without nbgrader's markers.

    Raises
    ------
    CheckFailed
        When no authored notebook has the task.
    """
    for path in sorted(NOTEBOOKS.glob("*/*.ipynb")):
        if path.stem.endswith("_student"):
            continue
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            marks = cell.get("metadata", {}).get("nbgrader", {})
            if marks.get("grade_id") == name and marks.get("solution"):
                return MARKED.sub(r"\1", "".join(cell["source"])).rstrip()
    raise CheckFailed(f"the notebook with the solution of {name} is not here; the course's website shows it.")
