"""The check of the submission file: the rows asked for, in the order asked for, or an error and no file."""

import contextlib
import csv
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from lib.checks.compare import students_code
from lib.checks.failure import CheckFailed, expect
from lib.checks.functions import called, expect_function
from lib.checks.task import Task

if TYPE_CHECKING:
    import numpy as np

COLUMNS = ["calmness", "power", "joy"]
FILE = "answers.csv"
TOLERANCE = 2e-6  # six decimals are enough


@dataclass(frozen=True)
class Submission:
    """What the function is given, but for the path."""

    ids: "np.ndarray"
    predicted: "np.ndarray"
    columns: list[str]
    expected: "np.ndarray"

    def wanted(self) -> "np.ndarray":
        place = {name: k for k, name in enumerate(self.ids.tolist())}
        return self.predicted[[place[name] for name in self.expected.tolist()]]


def example(numbers: bool = False) -> Submission:
    """Seven clips, of which five are asked for, in another order; with names or numbers as their ids."""
    import numpy as np

    values = np.random.default_rng(3).uniform(0.05, 0.95, (7, 3))
    if numbers:
        return Submission(np.array([12, 7, 30, 4, 9, 21, 15]), values, COLUMNS, np.array([30, 9, 12, 21, 4]))
    names = np.array(["rock/7", "pop/12", "rock/30", "pop/4", "classical/9", "rock/21", "electronic/15"])
    return Submission(names, values, COLUMNS, np.array(["rock/30", "pop/4", "rock/7", "electronic/15", "classical/9"]))


def written(answer: object, given: Submission) -> str:
    """The text of the file that the student's function writes."""
    with tempfile.TemporaryDirectory() as folder:
        home, path = Path(folder) / "elsewhere", Path(folder) / "out" / FILE
        home.mkdir()
        path.parent.mkdir()
        with contextlib.chdir(home):
            called(
                answer, path, given.ids, given.predicted, given.columns, given.expected,
                doing="writing five rows of seven predictions",
            )  # fmt: skip
        found = sorted(p.name for p in Path(folder).rglob("*") if p.is_file())
        expect(len(found) > 0, "there is no file afterwards; write it to `path`.")
        expect(path.is_file(), f"it writes {', '.join(found)} in place of `path`, which is …/{FILE}.")
        expect(found == [FILE], f"it leaves other files beside the one wanted: {', '.join(found)}.")
        try:
            return path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            raise CheckFailed("the file is not plain text in UTF-8.") from None


def table_of(text: str, columns: list[str]) -> tuple[list[str], list[list[str]]]:
    """The ids and the rows of values of a file, once its header is right."""
    rows = [row for row in csv.reader(text.splitlines()) if row]
    expect(len(rows) > 0, "the file is empty.")
    header, wanted = rows[0], ["id", *columns]
    shown = ",".join(header)
    if header != wanted:
        raise CheckFailed(f"the header is `{shown}`; it should be `{','.join(wanted)}`.{about_header(header, wanted)}")
    ragged = next((row for row in rows[1:] if len(row) != len(wanted)), None)
    expect(
        ragged is None,
        f"the row `{','.join(ragged or [])}` has {len(ragged or [])} fields; the header has {len(wanted)}.",
    )
    return [row[0] for row in rows[1:]], [row[1:] for row in rows[1:]]


def about_header(header: list[str], wanted: list[str]) -> str:
    """What is probably wrong with a header."""
    first = header[0].lstrip("# ")
    if [f.strip() for f in [first, *header[1:]]] == wanted:
        return " There are spaces or a # in it."
    if header[0] in ("", "index") or header[1:] == wanted:
        if header[1:] == wanted[1:]:
            return " The first column has no name: index_label='id'."
        return " pandas writes the numbers of the rows too: index=False."
    if len(header) == 1 and any(sign in header[0] for sign in ";\t"):
        return " Fields are separated by commas."
    if header == wanted[1:]:
        return " The ids have no column."
    if len(header) == len(wanted) and sorted(header) == sorted(wanted):
        return " The columns are in another order."
    if all(_is_number(f) for f in header[1:]):
        if header[1:] == [str(k) for k in range(len(header) - 1)]:
            return " These are the numbers of the columns in place of their names."
        return " The header is missing."
    return ""


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def expect_ids(found: list[str], given: Submission) -> None:
    """The ids of `expected`, in that order."""
    wanted, all_ids = [str(i) for i in given.expected.tolist()], [str(i) for i in given.ids.tolist()]
    if found == wanted:
        return
    shown = ", ".join(found[:3])
    if found == all_ids:
        text = "the rows are those of `ids`, in that order; `expected` says which are wanted, and in which order."
    elif found == [i for i in all_ids if i in wanted]:
        text = "the rows stand in the order of `ids`; they should be in that of `expected`."
    elif found in (sorted(wanted), sorted(wanted, key=lambda i: int(i) if i.isdigit() else 0)):
        text = "the rows are sorted by id; they should be in the order of `expected`."
    elif found and all(_is_number(i) for i in found) and [str(int(float(i))) for i in found] == wanted:
        text = f"the ids were whole numbers, and now are others: {shown} … Were they put into an array of floats?"
    elif found == [str(k) for k in range(len(found))]:
        text = "the ids are the numbers of the rows."
    elif sorted(found) == sorted(wanted):
        text = "the rows stand in another order than `expected`."
    elif set(wanted) < set(found):
        text = "it writes ids that `expected` doesn't have; leave those out."
    elif len(found) < len(wanted):
        text = f"it writes {len(found)} rows; `expected` has {len(wanted)}."
    else:
        text = f"the first ids are {shown}; they should be {', '.join(wanted[:3])}."
    raise CheckFailed(text)


def expect_values(rows: list[list[str]], given: Submission) -> None:
    """The numbers of the clips, in the columns of their names."""
    import numpy as np

    bad = next((f for row in rows for f in row if not _is_number(f)), None)
    expect(bad is None, f"`{bad}` is no number that float() can read.")
    got, wanted = np.array(rows, dtype=float), given.wanted()

    def equals(other: "np.ndarray") -> bool:
        return other.shape == got.shape and bool(np.all(np.abs(got - other) <= TOLERANCE))

    if equals(wanted):
        return
    order = np.argsort([given.ids.tolist().index(i) for i in given.expected.tolist()])
    for says, other in (
        ("the numbers stand beside other ids: they are the first predictions, as they came. Bring them into the order "
         "of `expected` as well.", given.predicted[: len(wanted)]),
        ("the numbers stand beside other ids: they are in the order of `ids`, the ids in that of `expected`.",
         wanted[order]),
        ("the numbers are in percent; leave them as they are.", wanted * 100),
        ("the numbers of each row are scaled to a sum of 1; leave them as they are.",
         wanted / wanted.sum(1, keepdims=True)),
        ("the numbers are set to 0 and 1; leave them as they are.", (wanted > 0.5).astype(float)),
    ):  # fmt: skip
        expect(not equals(other), says)
    expect(
        sorted(got.ravel().round(5)) != sorted(wanted.ravel().round(5)),
        "the numbers stand under other columns or beside other ids: `predicted` has its columns in the order of "
        "`columns`, its rows in that of `ids`.",
    )
    digits = next((d for d in range(6) if equals(wanted.round(d))), None)
    expect(
        digits is None,
        f"the numbers are rounded to {digits} decimals: ties come of that, and the ranks change. Write at least six.",
    )
    raise CheckFailed("the numbers are not those of `predicted`, though ids and header are right.")


def verify_written(answer: object, given: Submission) -> None:
    ids, rows = table_of(written(answer, given), given.columns)
    expect_ids(ids, given)
    expect_values(rows, given)


def expect_nothing_written(answer: object, given: Submission, when: str, otherwise: str) -> None:
    """A ValueError, and no file, not even a part of one."""
    with tempfile.TemporaryDirectory() as folder:
        path, text = Path(folder) / FILE, None
        with (
            contextlib.chdir(folder),
            students_code(f"giving it {when}, where it should raise a ValueError and write nothing"),
        ):
            try:
                answer(path, given.ids, given.predicted, given.columns, given.expected)
            except ValueError:
                left = [p.name for p in Path(folder).rglob("*") if p.is_file()]
                expect(
                    not left,
                    f"{when} raises a ValueError, but leaves {', '.join(left)} behind: check everything before the "
                    "file is opened.",
                )
                return
            text = path.read_text(errors="replace") if path.is_file() else ""
        raise CheckFailed(f"{when} should raise a ValueError; {otherwise}{consequence(text, given)}")


def consequence(text: str, given: Submission) -> str:
    """What stands in the file in place of an error."""
    rows = [row for row in csv.reader(text.splitlines()) if row][1:]
    missing = [str(i) for i in given.expected.tolist() if i not in given.ids.tolist()]
    if not missing or not rows:
        return ""
    row = next((row for row in rows if row[0] in missing), None)
    if row is None:
        return " Its row is left out." if len(rows) < len(given.expected) else ""
    if all(f in ("", "nan", "NaN") for f in row[1:]):
        return " Its row is filled with NaN, or nothing."
    if all(_is_number(f) and float(f) == 0 for f in row[1:]):
        return " Its row is filled with 0, which says that something was predicted."
    return " Its row is filled with numbers that nobody predicted."


def verify_refusals(answer: object) -> None:
    import numpy as np

    good = example()

    def with_value(value: float) -> Submission:
        predicted = good.predicted.copy()
        predicted[2, 1] = value
        return replace(good, predicted=predicted)

    twice = replace(
        good, ids=np.append(good.ids, good.ids[0]), predicted=np.vstack([good.predicted, [[0.1, 0.2, 0.3]]])
    )
    missing = replace(good, expected=np.append(good.expected, "pop/99"))
    cases = (
        (missing, "an expected id without a prediction", "it writes a file all the same."),
        (twice, "an id with two predictions", "which of the two would count?"),
        (with_value(np.nan), "a prediction that is NaN", "the file would be worth nothing."),
        (with_value(np.inf), "a prediction that is infinite", "np.isnan doesn't find it, np.isfinite does."),
        (with_value(-np.inf), "a prediction that is minus infinity", "np.isfinite finds it."),
        (replace(good, predicted=good.predicted[:-1], expected=good.expected[:3]), "fewer rows of predictions than ids",
         "zip stops at the shorter of the two and says nothing."),
        (replace(good, ids=good.ids[:-1], expected=good.expected[:3]), "more rows of predictions than ids",
         "zip stops at the shorter of the two and says nothing."),
        (replace(good, columns=COLUMNS[:2]), "fewer names of columns than predictions a row", "which is which?"),
        (replace(good, columns=[*COLUMNS, "tension"]), "more names of columns than predictions a row",
         "which is which?"),
        (replace(good, predicted=good.predicted[:, 0], columns=COLUMNS[:1]),
         "predictions of shape (n,) in place of (n, c)", "the shape is wrong, though the numbers may be right."),
    )  # fmt: skip
    for given, when, otherwise in cases:
        expect_nothing_written(answer, given, when, otherwise)


def verify_submission(answer: object) -> str:
    expect_function(answer, "write_submission")
    verify_written(answer, example())
    verify_written(answer, example(numbers=True))
    verify_refusals(answer)
    return "the header, a row for each id asked for in that order; what can't be right raises an error and no file."


def load_pandas() -> None:
    """Beforehand, so that its loading doesn't count against the student's time."""
    import pandas as pd  # noqa: F401


TASKS = {
    "write_submission": Task(
        verify_submission,
        (
            "First everything that can be wrong, then the file: a file that was begun stays behind after an error. "
            "How do you find the row of an id?",
            "Check predicted.shape against (len(ids), len(columns)), np.isfinite(predicted).all(), "
            "len(set(ids)) == len(ids), and that no expected id is missing. Then a table with the ids as its index, "
            '.loc[expected] brings the rows into order, and to_csv(path, index_label="id") writes them.',
        ),
        prepare=load_pandas,
    ),
}
