"""PhysioNet/CinC Challenge 2017: 8,528 single-lead ECGs of 9 to 61 s, or a made-up stand-in of the same form.

Classes (Clifford et al. 2017, doi:10.22489/CinC.2017.065-469): N normal sinus rhythm, A atrial fibrillation,
O another rhythm, ~ too noisy to say. The organisers corrected their labels twice: what the archive holds is
version 2, `REFERENCE-v3.csv` beside it is version 3.
"""

import csv
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from lib.data import kept, registry, store
from lib.data.errors import DataError

if TYPE_CHECKING:
    import numpy as np

CLASSES = ("N", "A", "O", "~")
RATE = 300  # samples a second
UNITS_PER_MV = 1000  # the files count in analogue-to-digital units, 1,000 of them a millivolt
FOLDS = 5
FOLD_SEED = 2017

SYNTHETIC_COUNTS = {"N": 40, "A": 16, "O": 12, "~": 6}  # records of each class in the stand-in
SYNTHETIC_SEED = 17


@dataclass(frozen=True)
class ECGRecords:
    """n single-lead ECGs. `signals[i]` is a 1-D int16 array in units of 1/1000 mV, `RATE` samples a second."""

    names: "np.ndarray"  # (n,) "A00001" …, in alphabetical order
    signals: list["np.ndarray"]
    labels: "np.ndarray"  # (n,) version 3: "N", "A", "O" or "~"
    labels_v2: "np.ndarray"  # (n,) version 2, the one most publications of 2017 to 2023 used
    folds: "np.ndarray"  # (n,) 0 to 4, each fold with every class in proportion to version 3
    synthetic: bool = False

    @property
    def lengths(self) -> "np.ndarray":
        """(n,) samples of each record."""
        import numpy as np

        return np.array([len(s) for s in self.signals])

    def __len__(self) -> int:
        return len(self.signals)


def load_cinc2017(source: Literal["real", "synthetic"] = "real") -> ECGRecords:
    """The challenge's training set. Raises `DataError` when it can't be had or a file is not what it should be.

    The first call decodes the recordings and keeps them in the cache (160 MB); later calls take a moment.
    `source="synthetic"` makes 74 records of the same form by code and says so.
    """
    if source == "synthetic":
        return synthetic_cinc2017()
    if source != "real":
        raise DataError(f"load_cinc2017 knows the sources 'real' and 'synthetic', not {source!r}.")
    folder = store.fetch("cinc2017")
    key = f"{store.content_hash('cinc2017')} form 1"
    return _records(kept.arrays("cinc2017", key, lambda: read_cinc2017(folder)))


def read_cinc2017(folder: Path) -> dict[str, "np.ndarray"]:
    """Decode a folder of the set: `names`, `labels`, `labels_v2`, `lengths` (n,), `samples` (sum of lengths,) int16.

    The recordings lie in `training2017/` or in `training2017.tar.xz`. Raises `DataError` naming the file.
    """
    import numpy as np

    folder = Path(folder)
    with tempfile.TemporaryDirectory(prefix="notes_cinc2017_") as scratch:
        inside = folder / "training2017"
        if not inside.is_dir():
            from lib.data.archive import extract

            extract(folder / "training2017.tar.xz", Path(scratch))
            inside = Path(scratch) / "training2017"
        older, newer = _labels(inside / "REFERENCE.csv"), _labels(folder / "REFERENCE-v3.csv")
        files = sorted(inside.glob("*.mat"))
        names = [file.stem for file in files]
        for labels, version in ((older, "REFERENCE.csv"), (newer, "REFERENCE-v3.csv")):
            if odd := sorted(set(names) ^ set(labels)):
                raise _odd(f"{version} and the recordings differ on {len(odd)} names, the first is {odd[0]}")
        signals = [_signal(file) for file in files]
    return {
        "names": np.array(names),
        "labels": np.array([newer[n] for n in names]),
        "labels_v2": np.array([older[n] for n in names]),
        "lengths": np.array([len(s) for s in signals]),
        "samples": np.concatenate(signals),
    }


def _labels(path: Path) -> dict[str, str]:
    """Record → class; a line of headings at the top is skipped."""
    try:
        rows = list(csv.reader(path.read_text(encoding="ascii").splitlines()))
    except FileNotFoundError:
        raise _odd(f"{path.name} is missing") from None
    except UnicodeDecodeError:
        raise _odd(f"{path.name} is not plain text") from None
    labels = {}
    for number, row in enumerate(rows, start=1):
        if len(row) == 2 and row[1] in CLASSES:
            labels[row[0]] = row[1]
        elif number > 1:
            raise _odd(f"{path.name}, line {number}: {','.join(row)!r} is not a record and one of {' '.join(CLASSES)}")
    if not labels:
        raise _odd(f"{path.name} holds no labels")
    return labels


def _signal(path: Path) -> "np.ndarray":
    """The samples of one MATLAB file, (steps,) int16."""
    import numpy as np
    from scipy.io import loadmat

    try:
        value = loadmat(path)["val"]
    except KeyError:
        raise _odd(f"{path.name} holds no recording (no variable `val`)") from None
    except Exception as error:  # scipy raises many kinds for a damaged file
        raise _odd(f"{path.name} can't be read ({error})") from None
    if value.ndim != 2 or value.shape[0] != 1 or value.shape[1] == 0 or value.dtype != np.int16:
        raise _odd(f"{path.name} is not one lead of 16-bit samples (shape {value.shape}, {value.dtype})")
    return value[0]


def _odd(what: str) -> DataError:
    return DataError(f"cinc2017: {what}. {registry.get('cinc2017').remedy()}")


def _records(arrays: dict[str, "np.ndarray"], synthetic: bool = False) -> ECGRecords:
    import numpy as np

    from lib.data.splits import stratified_folds

    ends = np.cumsum(arrays["lengths"])
    return ECGRecords(
        names=np.array(arrays["names"]),
        signals=np.split(arrays["samples"], ends[:-1]),
        labels=np.array(arrays["labels"]),
        labels_v2=np.array(arrays["labels_v2"]),
        folds=stratified_folds(arrays["labels"], FOLDS, FOLD_SEED),
        synthetic=synthetic,
    )


# ------------------------------------------------------------------------------------------ the stand-in


def synthetic_cinc2017() -> ECGRecords:
    """Made-up ECGs of the form of `load_cinc2017("real")`: 74 records of 14 to 31 s in four classes.

    Each beat is a sum of Gaussians (P, Q, R, S, T). N is regular; A is irregular and has no P waves; O has
    early, broad beats now and then; ~ is mostly noise. No number comes from a patient.
    """
    import numpy as np

    store.log_use("cinc2017:synthetic", f"seed-{SYNTHETIC_SEED}-{sum(SYNTHETIC_COUNTS.values())}")
    print("Synthetic stand-in for cinc2017: made by code, its numbers mean nothing.")
    rng = np.random.default_rng(SYNTHETIC_SEED)
    labels = rng.permutation([c for c, count in SYNTHETIC_COUNTS.items() for _ in range(count)])
    seconds = rng.choice([14, 20, 30, 31], len(labels))
    signals = [_made_up(rng, label, int(s)) for label, s in zip(labels, seconds, strict=True)]
    return _records(
        {
            "names": np.array([f"S{i:05d}" for i in range(1, len(labels) + 1)]),
            "labels": labels,
            "labels_v2": labels,
            "lengths": np.array([len(s) for s in signals]),
            "samples": np.concatenate(signals),
        },
        synthetic=True,
    )


def _made_up(rng: "np.random.Generator", label: str, seconds: int) -> "np.ndarray":
    """One ECG of a class, (seconds · RATE,) int16."""
    import numpy as np

    time = np.arange(seconds * RATE) / RATE
    spread = {"N": 0.03, "A": 0.25, "O": 0.04, "~": 0.1}[label]
    gaps = rng.uniform(0.65, 1.0) * np.clip(rng.normal(1, spread, 3 * seconds), 0.45, 1.9)
    early = rng.random(len(gaps)) < (0.15 if label == "O" else 0)
    beats = np.cumsum(np.where(early, 0.6, 1.0) * gaps)
    # Of each wave: millivolts, seconds from the R peak, width in seconds.
    waves = [(0.12, -0.17, 0.025), (-0.1, -0.03, 0.01), (1.0, 0, 0.012), (-0.2, 0.03, 0.012), (0.25, 0.28, 0.05)]
    ecg = np.zeros(len(time))
    for (height, shift, width), is_p in zip(waves, (True, False, False, False, False), strict=True):
        if is_p and label == "A":
            continue
        for beat, is_early in zip(beats, early, strict=True):
            broad = 2.5 if is_early else 1
            ecg += height * np.exp(-0.5 * ((time - beat - shift) / (width * broad)) ** 2)
    drift = 0.1 * np.sin(2 * np.pi * 0.3 * time + rng.uniform(0, 6))
    noise = rng.normal(0, 0.8 if label == "~" else 0.03, len(time))
    size = rng.uniform(0.5, 1.2) * (0.2 if label == "~" else 1)
    return np.round(UNITS_PER_MV * (size * ecg + drift + noise)).astype(np.int16)
