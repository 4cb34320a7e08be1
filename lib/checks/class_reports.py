"""The check of the report of a confusion matrix: precision, recall, F1 and their averages."""

from typing import TYPE_CHECKING

from lib.checks.compare import describe
from lib.checks.failure import CheckFailed, expect
from lib.checks.functions import expect_function
from lib.checks.recognise import expect_number, is_close, quietly, recognised
from lib.checks.task import Task

if TYPE_CHECKING:
    import numpy as np

REPORTS = ("classification_report", "precision_recall_fscore_support", "f1_score", "precision_score", "recall_score")
KEYS = ("precision", "recall", "f1", "support", "accuracy", "macro_f1", "weighted_f1")
# Rows true, columns said; the last matrix has a class that is never said and one that there is none of.
MATRICES = (
    ((50, 3, 2), (10, 20, 5), (1, 4, 6)),
    ((40, 5, 3, 2), (6, 20, 1, 3), (0, 0, 0, 7), (9, 4, 0, 11)),
    ((30, 2, 8, 0), (5, 9, 1, 0), (4, 3, 25, 0), (6, 1, 2, 0)),
    ((7, 2, 0), (0, 0, 0), (3, 8, 0)),
)
NO_NAN = "a class that is never said, or that there is none of, has 0 / 0 somewhere, which counts as 0."


def share(part: "np.ndarray", whole: "np.ndarray") -> "np.ndarray":
    """part / whole, and 0 where whole is 0."""
    import numpy as np

    whole = np.asarray(whole, float)
    return np.where(whole == 0, 0.0, part / np.where(whole == 0, 1, whole))


def report(confusion: "np.ndarray") -> dict:
    """The report that is wanted."""
    import numpy as np

    hits, true, said = np.diag(confusion).astype(float), confusion.sum(1), confusion.sum(0)
    f1 = share(2 * hits, true + said)
    return {
        "precision": share(hits, said),
        "recall": share(hits, true),
        "f1": f1,
        "support": true.astype(float),
        "accuracy": np.array(hits.sum() / true.sum()),
        "macro_f1": np.array(f1.mean()),
        "weighted_f1": np.array(f1 @ true / true.sum()),
    }


def report_mistakes(confusion: "np.ndarray") -> dict[str, list]:
    """What to say of each mistaken value of each key."""
    import numpy as np

    right = report(confusion)
    p, r, f1, true = (right[k] for k in ("precision", "recall", "f1", "support"))
    hits, said, n = np.diag(confusion).astype(float), confusion.sum(0), confusion.sum()
    swapped = "precision and recall are swapped: rows are true, so precision divides by the sums of columns."
    of_means = share(np.array(2 * p.mean() * r.mean()), np.array(p.mean() + r.mean()))
    there = f1[true > 0]
    found = {
        "precision": [(swapped, r), ("precision is over all rows; divide by how often a class is said.", hits / n)],
        "recall": [(swapped, p), ("recall is over all rows; divide by how many of a class there are.", hits / n)],
        "support": [
            ("support counts how often each class is said; it counts the true rows of each.", said),
            ("support counts the hits; it counts the true rows of each class.", hits),
            ("support is given as shares; it counts the rows.", true / n),
        ],
        "f1": [
            ("f1 is the mean of precision and recall; the harmonic mean is wanted, 2·p·r / (p + r).", (p + r) / 2),
            ("f1 lacks its factor 2: 2·p·r / (p + r).", f1 / 2),
            ("f1 is the geometric mean of precision and recall; the harmonic one is 2·p·r / (p + r).", np.sqrt(p * r)),
            ("f1 is 2·p·r, not yet divided by p + r.", 2 * p * r),
        ],
        "accuracy": [
            ("accuracy is an array, the hits over each class: that is recall; all hits over all rows is wanted.", r),
            ("accuracy is an array, the hits over what is said: that is precision; all hits over all rows.", p),
            ("accuracy is the mean recall; all hits over all rows are wanted.", r.mean()),
            ("accuracy is the mean precision; all hits over all rows are wanted.", p.mean()),
            ("accuracy is the share of errors; the share of hits is wanted.", 1 - hits.sum() / n),
            ("accuracy counts the hits; divide by the number of rows.", hits.sum()),
        ],
        "macro_f1": [
            ("macro_f1 is weighted by support: macro and weighted are swapped.", right["weighted_f1"]),
            ("macro_f1 is the F1 of the mean precision and the mean recall; the mean of the classes' F1.", of_means),
            ("macro_f1 leaves out a class of F1 0; it counts as 0.", f1[f1 > 0].mean()),
            ("macro_f1 leaves out a class that there is none of; it counts as 0.", there.mean()),
            ("macro_f1 is the accuracy (a micro average); the mean of the classes' F1 is wanted.", right["accuracy"]),
        ],
        "weighted_f1": [
            ("weighted_f1 is the plain mean: weight by support, the true rows of each class.", right["macro_f1"]),
            ("weighted_f1 is weighted by how often each class is said; weight by support.", f1 @ said / n),
            ("weighted_f1 is not divided by the number of rows.", f1 @ true),
            ("weighted_f1 is the accuracy; the mean of F1 weighted by support is wanted.", right["accuracy"]),
        ],
    }  # fmt: skip
    for key, known in found.items():
        if key != "support":
            known.append((f"{key} is in percent; a share of 1 is wanted.", 100 * right[key]))
            known.append((f"{key} is rounded; leave the value as it is.", right[key].round(2)))
            known.append(
                (f"{key} is cut to whole numbers: an array of int holds no shares; make it of float.", right[key] // 1)
            )
    return found


def compare_report(answer: object, confusion: "np.ndarray") -> None:
    """One matrix: the keys, then each value."""
    import numpy as np

    classes = len(confusion)
    doing = f"reporting a confusion matrix of {classes} classes"
    got = quietly(answer, confusion, doing=doing, what="the confusion matrix")
    expect(isinstance(got, dict), f"class_report should return a dict, but it is {describe(got)}.")
    missing = [key for key in KEYS if key not in got]
    expect(not missing, f"the dict lacks {', '.join(missing)}; it has {', '.join(map(str, got))}.")
    wanted, known = report(confusion), report_mistakes(confusion)
    for key in KEYS:
        value = got[key]
        if key in KEYS[:4]:
            expect(isinstance(value, np.ndarray), f"{key} should be a numpy array, but it is {describe(value)}.")
            expect(value.dtype.kind in "fiu", f"{key} has dtype {value.dtype}; numbers are wanted.")
        elif not (isinstance(value, np.ndarray) and value.shape == (classes,)):
            value = np.array(expect_number(value, key))
        value = np.asarray(value, float)
        if is_close(value, wanted[key]):
            continue
        expect(not np.isnan(value).any(), f"{key} has NaN: {NO_NAN}")
        expect(not np.isinf(value).any(), f"{key} is infinite: {NO_NAN}")
        says = recognised(value, known[key])
        expect(says is None, says or "")
        expect(value.shape == wanted[key].shape, f"{key} has shape {value.shape}; it should be {wanted[key].shape}.")
        raise CheckFailed(f"the keys are right, but of {classes} classes {key} differs from the reference.")


def verify_class_report(answer: object) -> str:
    import numpy as np

    expect_function(answer, "class_report", REPORTS)
    for matrix in MATRICES:
        compare_report(answer, np.array(matrix))
    return "precision, recall and F1 of each class with its support, accuracy, both averages of F1; 0/0 counts as 0."


TASKS = {
    "class_report": Task(
        verify_class_report,
        (
            "Three rows of numbers give everything: the diagonal, the sums of the rows, the sums of the columns. Which "
            "of the sums counts what there is, and which what is said?",
            "Precision is the diagonal over confusion.sum(axis=0), recall the diagonal over confusion.sum(axis=1), "
            "each 0 where it divides by 0 (np.divide has out= and where=). F1 is 2·p·r / (p + r) for each class; its "
            "plain mean is macro_f1, np.average with weights=support is weighted_f1. Accuracy is the sum of the "
            "diagonal over the sum of all.",
        ),
    ),
}
