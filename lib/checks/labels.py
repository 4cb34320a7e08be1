"""The check of merging classes of a data set and dropping the small ones."""

from typing import TYPE_CHECKING

from lib.checks.compare import describe
from lib.checks.failure import CheckFailed, expect
from lib.checks.functions import expect_array, expect_function
from lib.checks.recognise import quietly
from lib.checks.task import Task

if TYPE_CHECKING:
    import numpy as np

# Each class tries something: its rows in the data.
ROWS = {
    "pop": 5,
    "metal": 3,
    "hard rock": 2,
    "rock": 4,
    "jazz": 2,
    "swing": 1,
    "folk": 3,
    "polka": 2,
    "idm": 3,
    "ska": 4,
}
# "rock" has a new name of its own, so what became rock must not be renamed again; "waltz" is not there at all.
MERGED = {
    "metal": "rock",
    "hard rock": "rock",
    "rock": "guitar",
    "swing": "jazz",
    "idm": "electronic",
    "waltz": "dance",
}
LEAST = 3


def labels(kind: type) -> "np.ndarray":
    """The labels in mixed order: of dtype object, or of the text dtype that np.array makes of a list."""
    import numpy as np

    names = [name for name, rows in ROWS.items() for _ in range(rows)]
    return np.array([names[k] for k in np.random.default_rng(4).permutation(len(names))], dtype=kind)


def right(given: list[str], merged: dict[str, str], least: int, *, equal_stays: bool = True) -> list[str | None]:
    """The labels that are wanted; with equal_stays=False a class of `least` rows is dropped too."""
    new = [merged.get(name, name) for name in given]
    return [name if new.count(name) >= least + (not equal_stays) else None for name in new]


def one_by_one(given: list[str], merged: dict[str, str]) -> list[str]:
    """Each pair of `merged` applied to what the pairs before made."""
    for old, new in merged.items():
        given = [new if name == old else name for name in given]
    return given


def mistakes(given: list[str], merged: dict[str, str], least: int) -> list[tuple[str, list]]:
    """What to say of each mistaken outcome."""
    early = [name if given.count(name) >= least else None for name in given]
    chain = one_by_one(given, merged)
    only = [merged.get(name) for name in given]
    back = right(given, merged, least)
    return [
        (
            "small classes are dropped before they are merged; merge first, then count.",
            [name and merged.get(name, name) for name in early],
        ),
        (
            f"a class with exactly {least} rows is dropped; only those with fewer than `least` are: < in place of <=.",
            right(given, merged, least, equal_stays=False),
        ),
        (
            "a label is renamed twice: what became rock is then renamed as rock was. Each label is looked up once, by "
            "its old name.",
            right(chain, {}, least),
        ),
        (
            "labels that `merged` doesn't name are lost; they keep their name: merged.get(label, label).",
            right(only, {}, least) if None not in only else [n if only.count(n) >= least else None for n in only],
        ),
        ("`merged` is ignored: no label has its new name.", right(given, {}, least)),
        ("nothing is dropped: classes with fewer than `least` rows become None.", [merged.get(n, n) for n in given]),
        (
            "the rows that stay still have their old names.",
            [old if new else None for old, new in zip(given, back, strict=True)],
        ),
        (
            "it is the wrong way round: the large classes are dropped and the small ones stay.",
            [merged.get(old, old) if new is None else None for old, new in zip(given, back, strict=True)],
        ),
    ]


def expect_kept(got: "np.ndarray", wanted: list) -> None:
    """One entry a row, each a text or None."""
    import numpy as np

    removed = len(got) != len(wanted) and len(got) == sum(name is not None for name in wanted)
    expect(not removed, "the dropped rows are removed; they stay, with None, so that labels and clips match.")
    expect(got.shape == (len(wanted),), f"{len(wanted)} labels give shape {got.shape}; one label a row is wanted.")
    if any(isinstance(name, str) and name in ("None", "nan", "NaN") for name in got):
        raise CheckFailed(
            'dropped rows hold the text "None" or "nan"; they should hold None itself, in an object array.'
        )
    expect(
        not any(isinstance(name, float) and np.isnan(name) for name in got),
        "dropped rows hold NaN; they should hold None.",
    )
    expect("" not in got.tolist(), "dropped rows hold an empty text; they should hold None.")
    found = next((name for name in got if name is not None and not isinstance(name, str)), None)
    expect(found is None, f"among the labels is {describe(found)}; each is a text or None.")


def compare(answer: object, given: "np.ndarray", merged: dict[str, str], least: int, doing: str) -> None:
    """One set of labels."""
    import numpy as np

    got = quietly(answer, given, merged, least, doing=doing, what="labels or merged")
    expect_array(got, "what merge_classes returns")
    names = given.tolist()
    wanted = right(names, merged, least)
    expect_kept(got, wanted)
    found = got.tolist()
    if found != wanted:
        known = mistakes(names, merged, least)
        says = next((says for says, values in known if found == values), None)
        expect(says is None, says or "")
        cut = [(a, b) for a, b in zip(found, wanted, strict=True) if a != b and a and b and b.startswith(a)]
        expect(
            not cut,
            f"{doing}, {cut[0][1]!r} becomes {cut[0][0]!r}: an array of dtype {given.dtype} cuts longer names. "
            "Make the new labels of dtype object first." if cut else "",
        )  # fmt: skip
        row = next(k for k, (a, b) in enumerate(zip(found, wanted, strict=True)) if a != b)
        raise CheckFailed(
            f"{doing}, a row of {names[row]!r} becomes {found[row]!r}; it should be {wanted[row]!r} "
            f"(of {names.count(names[row])} rows before merging, at least {least} wanted after it)."
        )
    expect(
        got.dtype == np.dtype(object), f"the labels have dtype {got.dtype}; dtype object is wanted, it can hold None."
    )


def verify_merge_classes(answer: object) -> str:
    import numpy as np

    expect_function(answer, "merge_classes")
    compare(answer, labels(object), MERGED, LEAST, f"merging ten classes and dropping those under {LEAST} rows")
    compare(answer, labels(str), MERGED, LEAST, "merging classes of labels that are an array of text")
    swapped = np.array(["a", "b", "b", "c", "c", "c"], dtype=object)
    compare(answer, swapped, {"a": "b", "b": "a"}, 2, "giving two classes each other's name")
    compare(answer, swapped, {}, 1, "merging nothing and dropping nothing")
    compare(answer, swapped, {}, 4, "dropping every class")
    return "renamed once, counted after merging, classes of `least` rows kept, None in the rows that are dropped."


TASKS = {
    "merge_classes": Task(
        verify_merge_classes,
        (
            "Two steps in this order: the new name of each row, then how often each new name occurs. What is the new "
            "name of a class that `merged` doesn't name?",
            "merged.get(label, label) for each label of the input; then count the new names (collections.Counter or "
            "np.unique with return_counts=True) and put None where the count is under `least`. Build the result as "
            "np.array([...], dtype=object), one entry a row.",
        ),
    ),
}
