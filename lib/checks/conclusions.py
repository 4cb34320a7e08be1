"""The checks of what is concluded from scores: which combination to take, and the table of all runs."""

from typing import TYPE_CHECKING

from lib.checks.compare import describe
from lib.checks.failure import CheckFailed, expect
from lib.checks.functions import called, expect_function, expect_refused
from lib.checks.task import Task

if TYPE_CHECKING:
    import pandas as pd

# Each name says who would choose it; (balanced accuracy, low end of its interval).
SCORES = {
    "highest": (0.93, 0.90),
    "middle": (0.81, 0.77),
    "right": (0.76, 0.715),
    "lowest low end": (0.78, 0.705),
    "lowest score above": (0.735, 0.690),
    "nearest low end": (0.745, 0.698),
    "nearest score": (0.695, 0.650),
    "lowest": (0.62, 0.57),
}
CHOSEN = {
    "highest": "it takes the highest score of those that are allowed; the lowest is wanted, the hardest combination.",
    "middle": "it takes neither the lowest nor the highest of those that are allowed.",
    "lowest low end": "it takes the lowest low end; among those allowed, the lowest balanced accuracy counts.",
    "lowest score above": "it compares the balanced accuracy with the floor; the low end of the interval must hold it.",
    "nearest low end": "it takes the low end nearest to the floor, which may lie under it; under the floor is too low.",
    "nearest score": "it takes the score nearest to the floor, which may lie under it; under the floor is too low.",
    "lowest": "it takes the lowest score of all, and ignores the floor.",
}


def chosen(answer: object, scores: dict, *floor: float) -> str:
    got = called(answer, scores, *floor, doing=f"choosing among {len(scores)} combinations", what="the dict of scores")
    expect(
        isinstance(got, str) and got in scores,
        f"it returns {describe(got) if not isinstance(got, str) else repr(got)}; the name of a combination is wanted.",
    )
    return got


def verify_choice(answer: object) -> str:
    expect_function(answer, "choose_combination")
    for order in (list(SCORES), list(SCORES)[::-1]):
        got = chosen(answer, {name: SCORES[name] for name in order})
        expect(got == "right", CHOSEN.get(got, ""))
    expect(
        chosen(answer, {"at": (0.8, 0.7), "above": (0.9, 0.85)}) == "at",
        "a low end equal to the floor is not under it, so that combination is allowed: >= in place of >.",
    )
    expect(
        chosen(answer, {"a": (0.84, 0.79), "b": (0.9, 0.86), "c": (0.95, 0.91)}, 0.85) == "b",
        "`floor` is ignored: with floor=0.85 another combination is right.",
    )
    expect_refused(
        answer, {"a": (0.72, 0.68), "b": (0.65, 0.61)},
        when="no combination with its low end at or above the floor",
        otherwise="there is nothing to choose.",
    )  # fmt: skip
    return "the hardest combination whose interval stays at or above the floor, or an error when there is none."


MODELS = {  # (model, training): (balanced accuracy on clean, spoiled, unseen); None: this run was not made
    ("Conv1D", "clean"): (0.962, 0.701, 0.744),
    ("Conv1D", "augmented"): (0.951, 0.903, 0.868),
    ("Conv2D", "clean"): (0.987, 0.764, None),
    ("Conv2D", "mix-up"): (0.518, 0.502, 0.509),
    ("residual", "augmented"): (0.979, 0.957, 0.934),
    ("residual", "masks"): (0.981, 0.912, 0.925),
}
CONDITIONS = ("clean", "spoiled", "unseen")


def runs() -> "pd.DataFrame":
    """The runs in mixed order, one row each."""
    import numpy as np
    import pandas as pd

    table = pd.DataFrame(
        [
            (model, training, condition, value, value - 0.021 - 0.001 * k, value + 0.013)
            for (model, training), values in MODELS.items()
            for k, (condition, value) in enumerate(zip(CONDITIONS, values, strict=True))
            if value is not None
        ],
        columns=["model", "training", "condition", "balanced_accuracy", "low", "high"],
    )
    return table.iloc[np.random.default_rng(2).permutation(len(table))].reset_index(drop=True)


def indexed(table: object) -> "pd.DataFrame":
    """The student's table with (model, training) as its index."""
    import pandas as pd

    expect(isinstance(table, pd.DataFrame), f"conclusions should return a DataFrame, but it is {describe(table)}.")
    expect(
        table.columns.nlevels == 1,
        'the columns have two levels, because low and high are pivoted too: say values="balanced_accuracy".',
    )
    keys = ["model", "training"]
    if table.index.nlevels == 2 and set(table.index.names) == {None}:
        table = table.rename_axis(keys)
    names = [n for n in table.index.names if n]
    table = table.reset_index(level=[n for n in names if n in keys and n not in table.columns])
    missing = [k for k in keys if k not in table.columns]
    expect(
        not missing,
        f"the rows don't say their {' and '.join(missing)}: one row for each model and training, both in the index "
        "or both as columns.",
    )
    return table.set_index(keys)


def expect_rows(table: "pd.DataFrame") -> None:
    found = list(table.index)
    missing = [key for key in MODELS if key not in found]
    if missing:
        text = f"rows are missing: {', '.join(' '.join(k) for k in missing)}."
        if ("Conv2D", "mix-up") in missing:
            text += " A run that failed belongs in the table as well."
        elif missing == [("Conv2D", "clean")]:
            text += " It has no score in one condition; that is no reason to drop the row (dropna)."
        raise CheckFailed(text)
    expect(
        len(found) == len(MODELS),
        f"it has {len(found)} rows; there should be {len(MODELS)}, one for each model and training.",
    )


def expect_scores(table: "pd.DataFrame", given: "pd.DataFrame") -> None:
    import numpy as np

    missing = [c for c in (*CONDITIONS, "lost_on_clean") if c not in table.columns]
    expect(
        not missing, f"columns are missing: {', '.join(missing)}. There is one for each condition and lost_on_clean."
    )

    def laid_out(column: str) -> "pd.DataFrame":
        wide = given.set_index(["model", "training", "condition"])[column].unstack()
        return wide.loc[table.index, list(CONDITIONS)].to_numpy(float)

    got = table[list(CONDITIONS)].to_numpy(float)
    wanted = laid_out("balanced_accuracy")
    if np.allclose(got, wanted, rtol=0, atol=1e-9, equal_nan=True):
        return
    there = ~np.isnan(wanted)
    for column in ("low", "high"):
        expect(
            not np.allclose(got[there], laid_out(column)[there], rtol=0, atol=1e-9),
            f"the table shows the column {column}; it should show balanced_accuracy.",
        )
    expect(
        not np.allclose(got[there], wanted[there], rtol=0, atol=1e-9),
        "a condition without a run is filled in; leave it empty (NaN), a score of 0 would say that it was measured.",
    )
    raise CheckFailed(
        "the scores in the table are not those of the runs: do rows and conditions still belong together?"
    )


def expect_order(table: "pd.DataFrame") -> None:
    spoiled = table["spoiled"].tolist()
    if spoiled == sorted(spoiled, reverse=True):
        return
    expect(spoiled != sorted(spoiled), "the rows are sorted upwards; the best score on spoiled sound comes first.")
    by = next((c for c in ("clean", "lost_on_clean") if table[c].tolist() in _both_ways(table[c].tolist())), None)
    raise CheckFailed(
        f"the rows are {f'sorted by {by}' if by else 'not sorted'}; sort them by spoiled, the best first."
    )


def _both_ways(values: list) -> tuple[list, list]:
    return sorted(values), sorted(values, reverse=True)


def expect_loss(table: "pd.DataFrame") -> None:
    """`lost_on_clean` is the best clean score of all rows less the row's own."""
    import numpy as np

    clean, got = table["clean"], table["lost_on_clean"].to_numpy(float)

    def equals(wanted: object) -> bool:
        return np.allclose(got, np.asarray(wanted, float), rtol=0, atol=1e-9, equal_nan=True)

    if equals(clean.max() - clean):
        return
    mistakes = [
        (clean - clean.max(), "lost_on_clean has the wrong sign: a loss is positive."),
        (
            clean - table["spoiled"],
            "lost_on_clean is what spoiling takes; it should be what training took on clean sound.",
        ),
        (clean.iloc[0] - clean, "lost_on_clean is measured from the first row; measure it from the best clean score."),
        (clean.mean() - clean, "lost_on_clean is measured from the mean; measure it from the best clean score."),
        (
            clean.groupby("model").transform("max") - clean,
            "lost_on_clean is measured within each model; measure it from the best clean score of all rows.",
        ),
        (1 - clean, "lost_on_clean is measured from 1; measure it from the best clean score of all rows."),
        ((clean.max() - clean) / clean.max(), "lost_on_clean is a ratio; it should be the difference."),
        ((clean.max() - clean) * 100, "lost_on_clean is in percent; leave it a fraction as the scores are."),
    ]
    found = next((says for wanted, says in mistakes if equals(wanted)), None)
    raise CheckFailed(found or "lost_on_clean is wrong: the best clean score of all rows, less the row's own.")


def verify_conclusions(answer: object) -> str:
    expect_function(answer, "conclusions")
    given = runs()
    table = indexed(called(answer, given, doing="making the table of six trainings", what="the table of runs"))
    expect_rows(table)
    expect_scores(table, given)
    expect_order(table)
    expect_loss(table)
    return "one row for each training, failures included, the best on spoiled sound first, with what it lost on clean."


TASKS = {
    "choose_combination": Task(
        verify_choice,
        (
            "Two steps: which combinations are allowed at all? Which of these is the hardest?",
            "Keep the names whose low end is >= floor; raise a ValueError if none is left. Of the rest, take the name "
            "with the smallest balanced accuracy: min(names, key=…).",
        ),
    ),
    "conclusions": Task(
        verify_conclusions,
        (
            "A long table, one row a run, becomes a wide one, one row a training: pandas has a method for that.",
            'results.pivot(index=["model", "training"], columns="condition", values=…), then sort_values on '
            "spoiled, downwards. The new column: the largest clean score of all rows, less the row's own.",
        ),
        prepare=runs,
    ),
}
