"""MSP-Podcast: segments of podcasts with ratings of how they sound, or a made-up stand-in of the same form.

Lotfian and Busso 2019, doi:10.1109/TAFFC.2017.2736999. The laboratory gives the corpus to institutions that sign its
agreement. Activation, valence and dominance are means of several listeners' marks from 1 (very calm, very negative,
very weak) to 7 (very active, very positive, very strong).
"""

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from lib.data import kept, registry, store
from lib.data.errors import DataError
from lib.data.progress import bar
from lib.data.speech import RATE, Files, Recordings

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

LABELS = ("Labels/labels_consensus.csv", "labels_consensus.csv")
AUDIO = ("Audios/Audio", "Audios", "Audio")
RATINGS = {"EmoAct": "activation", "EmoVal": "valence", "EmoDom": "dominance"}
SEXES = {"Female": "F", "Male": "M", "Unknown": "?"}
UNKNOWN = "Unknown"  # who spoke, in segments that nobody attributed
ACTIVE = 5.0  # "somewhat active" and more is active

SYNTHETIC_SEED = 19
SYNTHETIC_SPEAKERS = 20
SYNTHETIC_FACTOR = 50  # the stand-in has so many times fewer segments a speaker, and so does its limit


def load_msp_podcast(source: Literal["real", "synthetic"] = "real", limit: int = 500, seed: int = 123) -> Recordings:
    """The segments whose speaker is known, ordered by name, at most `limit` of each speaker, drawn by `seed`.

    The table's own columns: activation, valence, dominance (1 to 7), active (activation of at least 5) and split (the
    corpus's own part). `sex` is "?" where the corpus does not say. The signals are decoded when asked for; the lengths
    come from the heads of the files and are kept in the cache.
    `source="synthetic"` makes about 130 segments of 0.6 to 2.4 s by code and says so, with `limit` 50 times smaller.
    Raises `DataError` when the set can't be had, a file is missing, or the labels are not what they should be.
    """
    if limit < 1:
        raise DataError(f"load_msp_podcast: limit is a number of segments a speaker, at least 1, not {limit}.")
    if source == "synthetic":
        return synthetic_msp_podcast(limit, seed)
    if source != "real":
        raise DataError(f"load_msp_podcast knows the sources 'real' and 'synthetic', not {source!r}.")
    return read_msp_podcast(store.fetch("msp_podcast"), limit, seed)


def read_msp_podcast(folder: Path, limit: int = 500, seed: int = 123) -> Recordings:
    """What `load_msp_podcast("real")` returns, of a folder with the labels and the audio."""
    table = select_segments(_labels(Path(folder)), limit, seed)
    paths = _audio(Path(folder), table["name"].tolist())
    table.insert(3, "seconds", _seconds(paths))
    return Recordings(table, Files(paths))


def select_segments(labels: "pd.DataFrame", limit: int, seed: int) -> "pd.DataFrame":
    """The original's choice of segments from the columns of `labels_consensus.csv`, as the table of recordings.

    Segments without a known speaker go; of a speaker with more than `limit` so many are drawn.
    """
    import numpy as np
    import pandas as pd

    labels = labels[labels["SpkrID"] != UNKNOWN].sort_values("FileName", ignore_index=True)
    order = np.random.default_rng(seed).permutation(len(labels))
    rank = labels.iloc[order].groupby("SpkrID").cumcount().sort_index()  # of a segment among its speaker's
    labels = labels[rank < limit].reset_index(drop=True)
    return pd.DataFrame(
        {
            "name": labels["FileName"],
            "speaker": labels["SpkrID"],
            "sex": labels["Gender"].map(SEXES),
            **{ours: labels[theirs] for theirs, ours in RATINGS.items()},
            "active": labels["EmoAct"] >= ACTIVE,
            "split": labels["Split_Set"],
        }
    )


def _labels(folder: Path) -> "pd.DataFrame":
    """The table of labels, checked: text as text, ratings as float64."""
    import pandas as pd

    path = next((folder / name for name in LABELS if (folder / name).is_file()), None)
    if path is None:
        raise _odd("labels_consensus.csv is missing")
    try:
        labels = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise _odd(f"{path.name} can't be read as a table ({str(error).strip().rstrip('.')})") from None
    wanted = ["FileName", "SpkrID", "Gender", *RATINGS, "Split_Set"]
    if lacking := [column for column in wanted if column not in labels]:
        raise _odd(f"{path.name} lacks the column {', '.join(lacking)}")
    for column in RATINGS:
        labels[column] = pd.to_numeric(labels[column], errors="coerce")
        _refuse(labels, ~labels[column].between(1, 7), f"{path.name}: {column} is not a number from 1 to 7")
    _refuse(labels, ~labels["Gender"].isin(SEXES), f"{path.name}: Gender is none of {', '.join(SEXES)}")
    _refuse(labels, labels["SpkrID"] == "", f"{path.name}: SpkrID is empty")
    _refuse(labels, labels["FileName"].duplicated(), f"{path.name}: the segment was listed before")
    if not (labels["SpkrID"] != UNKNOWN).any():
        raise _odd(f"{path.name} has no segment with a known speaker")
    return labels[wanted]


def _refuse(labels: "pd.DataFrame", bad: "pd.Series", what: str) -> None:
    if bad.any():
        raise _odd(f"{what} ({bad.sum()} segments, the first is {labels['FileName'][bad].iloc[0]})")


def _audio(folder: Path, names: list[str]) -> list[Path]:
    """The file of each segment. One look at the folder is far quicker than one at each of 100,000 files."""
    audio = next((folder / name for name in AUDIO if any((folder / name).glob("*.wav"))), None)
    if audio is None:
        raise _odd(f"there are no wav files in {', '.join(AUDIO[:-1])} or {AUDIO[-1]}")
    there = {entry.name for entry in os.scandir(audio)}
    if lacking := [name for name in names if name not in there]:
        raise _odd(
            f"{len(lacking)} of {len(names)} segments of the labels have no file in {audio}, the first is {lacking[0]}"
        )
    return [audio / name for name in names]


def _seconds(paths: list[Path]) -> "np.ndarray":
    """(n,) float64, the length of each file, from the cache while neither size nor time of change differ."""
    import numpy as np

    digest = hashlib.sha256()
    for path in paths:
        state = path.stat()
        digest.update(f"{path} {state.st_size} {state.st_mtime_ns}\n".encode())

    def read() -> dict[str, np.ndarray]:
        with ThreadPoolExecutor(8) as threads:  # mostly waiting for the disk
            lengths = threads.map(_length, paths)
            return {"seconds": np.array(list(bar(iterable=lengths, total=len(paths), desc="lengths", unit="file")))}

    return np.array(kept.arrays("msp_podcast", f"{digest.hexdigest()} seconds", read)["seconds"])


def _length(path: Path) -> float:
    import soundfile

    try:
        length = soundfile.info(path).duration
    except (soundfile.SoundFileError, RuntimeError):
        raise _odd(f"{path.name} can't be read as sound") from None
    if length == 0:
        raise _odd(f"{path.name} holds no samples")
    return length


def _odd(what: str) -> DataError:
    return DataError(f"msp_podcast: {what}. {registry.get('msp_podcast').remedy()}")


# ------------------------------------------------------------------------------------------ the stand-in


def synthetic_msp_podcast(limit: int = 500, seed: int = 123) -> Recordings:
    """Made-up voices in the form of `load_msp_podcast("real")`, put through the same steps.

    20 speakers, one of them with more segments than the limit, and some segments of nobody known. The corpus's
    segments last 2.75 to 11 s; these 0.6 to 2.4 s, so that a trial run is short. Nothing is written to disk.
    """
    import numpy as np
    import pandas as pd

    from lib.data.voices import made_up_voice

    store.log_use("msp_podcast:synthetic", f"seed-{SYNTHETIC_SEED}-{SYNTHETIC_SPEAKERS}")
    print("Synthetic stand-in for msp_podcast: made by code, its numbers mean nothing.")
    rng = np.random.default_rng(SYNTHETIC_SEED)
    speakers = rng.permutation(
        [str(s) for s in range(1, SYNTHETIC_SPEAKERS + 1) for _ in range(14 if s == 1 else rng.integers(4, 9))]
        + [UNKNOWN] * 6
    )
    activation = np.clip(rng.normal(4.3, 1.2, len(speakers)), 1, 7)
    valence = np.clip(rng.normal(4, 1.1, len(speakers)), 1, 7)
    labels = pd.DataFrame(
        {
            "FileName": [f"MSP-SYNTHETIC_{i:04}.wav" for i in range(len(speakers))],
            "SpkrID": speakers,
            "Gender": [UNKNOWN if s == UNKNOWN else "Male" if int(s) % 2 else "Female" for s in speakers],
            "EmoAct": activation,
            "EmoVal": valence,
            "EmoDom": np.clip(activation + rng.normal(0, 0.6, len(speakers)), 1, 7),
            "Split_Set": "Train",
        }
    )
    table = select_segments(labels, max(1, limit // SYNTHETIC_FACTOR), seed)
    # Few long ones, as in the corpus.
    seconds = 0.6 + 1.8 * np.random.default_rng(SYNTHETIC_SEED + 1).beta(1.2, 2.5, len(table))
    signals = [
        made_up_voice(np.random.default_rng((SYNTHETIC_SEED, i)), s, row.sex, (row.activation - 4) / 3,
                      (row.valence - 4) / 3)
        for i, (s, row) in enumerate(zip(seconds, table.itertuples(), strict=True))
    ]  # fmt: skip
    table.insert(3, "seconds", [len(signal) / RATE for signal in signals])
    return Recordings(table, signals, synthetic=True)
