"""UCI Heart Disease: the patients of four hospitals as one table, or a made-up stand-in of the same form.

Columns (source: `heart-disease.names` of the set): age in years; sex 1 male; cp chest pain 1 to 4;
trestbps resting blood pressure in mm Hg; chol serum cholesterol in mg/dl; fbs fasting sugar above
120 mg/dl; restecg resting ECG 0 to 2; thalach highest heart rate per minute; exang angina on exertion;
oldpeak ST depression in mV/10; slope of the ST segment 1 to 3; ca vessels coloured 0 to 3; thal thallium
scan 3 normal, 6 fixed, 7 reversible; disease 1 when a vessel is narrowed by more than half.
"""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from lib.data import registry, store
from lib.data.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

FEATURES = (
    "age", "sex", "cp", "trestbps", "chol", "fbs", "restecg",
    "thalach", "exang", "oldpeak", "slope", "ca", "thal",
)  # fmt: skip
COLUMNS = (*FEATURES, "disease")
# The order in which the rows are joined.
HOSPITALS = {"switzerland": 123, "cleveland": 303, "va": 200, "hungarian": 294}

SYNTHETIC_ROWS = 60  # patients of each hospital in the stand-in
SYNTHETIC_SEED = 45


def load_heart(source: Literal["real", "synthetic"] = "real") -> "pd.DataFrame":
    """The table of patients: 920 rows × 15 columns (`COLUMNS` and `hospital`), row labels 0 to 919.

    Features are float64 with NaN where the file has `?`; `disease` is int64, 1 for a diagnosis above 0;
    `hospital` is cleveland, hungarian, switzerland or va. Nothing is cleaned: zeros in chol and trestbps
    stay. `source="synthetic"` makes 240 rows of the same form by code and says so.
    Raises `DataError` when the set can't be had or a file is not what it should be.
    """
    if source == "synthetic":
        return synthetic_heart()
    if source != "real":
        raise DataError(f"load_heart knows the sources 'real' and 'synthetic', not {source!r}.")
    return read_heart(store.fetch("heart"))


def read_heart(folder: Path) -> "pd.DataFrame":
    """Read the four files of `folder`; what `load_heart("real")` returns. Raises `DataError`."""
    import pandas as pd

    rows, hospitals = [], []
    for hospital, expected in HOSPITALS.items():
        part = list(_rows(Path(folder) / f"processed.{hospital}.data"))
        if len(part) != expected:
            raise _odd(f"processed.{hospital}.data has {len(part)} patients instead of {expected}")
        rows += part
        hospitals += [hospital] * expected
    frame = pd.DataFrame(rows, columns=list(COLUMNS), dtype="float64")
    if frame["disease"].isna().any():
        raise _odd("a patient has no diagnosis")
    frame["disease"] = (frame["disease"] > 0).astype("int64")
    frame["hospital"] = hospitals
    frame.attrs.update(name="heart", synthetic=False)
    return frame


def _rows(path: Path) -> Iterator[list[float]]:
    """The patients of one file, each 14 numbers, NaN for `?`."""
    try:
        text = path.read_text(encoding="ascii")
    except FileNotFoundError:
        raise _odd(f"{path.name} is missing") from None
    except UnicodeDecodeError:
        raise _odd(f"{path.name} is not plain text") from None
    except OSError as error:
        raise _odd(f"{path.name} can't be read ({error.strerror})") from None
    if not text.strip():
        raise _odd(f"{path.name} is empty")
    for number, line in enumerate(text.splitlines(), start=1):
        cells = line.split(",")
        if len(cells) != len(COLUMNS):
            raise _odd(f"{path.name}, line {number}: {len(cells)} columns instead of {len(COLUMNS)}")
        try:
            row = [math.nan if cell == "?" else float(cell) for cell in cells]
        except ValueError as error:
            raise _odd(f"{path.name}, line {number}: {error}") from None
        if any(not math.isfinite(value) for cell, value in zip(cells, row, strict=True) if cell != "?"):
            raise _odd(f"{path.name}, line {number}: a value is not a finite number")
        yield row


def _odd(what: str) -> DataError:
    return DataError(f"heart: {what}. {registry.get('heart').remedy()}")


def synthetic_heart() -> "pd.DataFrame":
    """A made-up table of the form of `load_heart("real")`: 240 rows × 15 columns, 60 a hospital.

    Every number comes from a generator with a fixed seed; none comes from a patient. Each hospital has
    both classes and the gaps the original has: chol 0 throughout in Switzerland and here and there at the
    VA, few values of slope, ca and thal outside Cleveland, one blood pressure of 0, a few negative oldpeak.
    """
    import numpy as np
    import pandas as pd

    store.log_use("heart:synthetic", f"seed-{SYNTHETIC_SEED}-rows-{SYNTHETIC_ROWS}")
    print("Synthetic stand-in for heart: made by code, its numbers mean nothing.")
    rng = np.random.default_rng(SYNTHETIC_SEED)
    # Share with disease; share with chol recorded as 0; shares missing of chol, fbs, slope, ca, thal, exercise.
    pattern = {
        "switzerland": (0.85, 1.0, 0.0, 0.6, 0.15, 0.95, 0.4, 0.03),
        "cleveland": (0.45, 0.0, 0.0, 0.0, 0.0, 0.02, 0.02, 0.0),
        "va": (0.75, 0.25, 0.05, 0.05, 0.5, 0.95, 0.8, 0.25),
        "hungarian": (0.35, 0.0, 0.1, 0.05, 0.65, 0.95, 0.9, 0.03),
    }
    n = SYNTHETIC_ROWS
    parts = []
    for hospital, (share, zero_chol, *gaps, no_exercise) in pattern.items():
        sick = np.zeros(n)
        sick[: round(share * n)] = 1
        rng.shuffle(sick)

        def near(middle: float, shift: float, spread: float, sick: "np.ndarray" = sick) -> "np.ndarray":
            return np.round(rng.normal(middle + shift * sick, spread))

        def flag(base: float, more: float, sick: "np.ndarray" = sick) -> "np.ndarray":
            return (rng.random(n) < base + more * sick).astype(float)

        part = pd.DataFrame(
            {
                "age": near(51, 4, 9).clip(28, 77),
                "sex": flag(0.65, 0.2),
                "cp": 1 + np.minimum(3, rng.integers(0, 3, n) + flag(0.2, 0.5) * 2),
                "trestbps": near(130, 4, 18).clip(90, 200),
                "chol": near(235, 10, 50).clip(100, 500),
                "fbs": flag(0.13, 0.05),
                "restecg": rng.choice([0.0, 1.0, 2.0], n, p=[0.6, 0.2, 0.2]),
                "thalach": near(148, -18, 22).clip(70, 200),
                "exang": flag(0.2, 0.35),
                "oldpeak": np.round(np.abs(rng.normal(0.4 + 0.8 * sick, 0.7)), 1),
                "slope": 1 + rng.integers(0, 2, n) + flag(0.05, 0.1),
                "ca": np.minimum(3, rng.poisson(0.3 + 0.8 * sick)).astype(float),
                "thal": np.where(flag(0.2, 0.45) > 0, 7.0, np.where(rng.random(n) < 0.07, 6.0, 3.0)),
                "disease": sick.astype("int64"),
            }
        )
        part.loc[rng.random(n) < zero_chol, "chol"] = 0.0
        for column, lost in zip(("chol", "fbs", "slope", "ca", "thal"), gaps, strict=True):
            part.loc[rng.random(n) < lost, column] = np.nan
        part.loc[rng.random(n) < no_exercise, ["trestbps", "thalach", "exang", "oldpeak"]] = np.nan
        part["hospital"] = hospital
        parts.append(part)
    frame = pd.concat(parts, ignore_index=True)
    frame.loc[frame.index[frame["hospital"] == "va"][0], ["trestbps", "oldpeak"]] = [0.0, -0.5]
    frame.loc[frame.index[frame["hospital"] == "switzerland"][:5], "oldpeak"] = [-0.1, -0.5, -0.9, -1.1, -2.0]
    frame.attrs.update(name="heart", synthetic=True)
    return frame
