"""RAVDESS speech: 1,440 acted sentences by 24 actors in eight emotions, or a made-up stand-in of the same form.

Livingstone and Russo 2018, doi:10.1371/journal.pone.0196391. The files are named 03-01-EE-II-SS-RR-AA: emotion,
intensity, statement, repetition, actor. Neutral has one intensity, the others two.
"""

import re
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from lib.data import kept, registry, store
from lib.data.errors import DataError
from lib.data.progress import bar
from lib.data.speech import RATE, Recordings, read_speech

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

EMOTIONS = ("neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised")  # 01 to 08
INTENSITIES = ("normal", "strong")
ACTORS = 24

_NAME = re.compile(r"03-01-0([1-8])-0([12])-0([12])-0([12])-(0[1-9]|1\d|2[0-4])")

SYNTHETIC_SEED = 18
SYNTHETIC_ACTORS = 6
# Of each emotion: arousal and valence of the made-up voice. Illustrative, not measured.
SYNTHETIC_MOODS = {
    "neutral": (-0.3, 0.0), "calm": (-0.7, 0.3), "happy": (0.6, 0.9), "sad": (-0.6, -0.8),
    "angry": (1.0, -0.8), "fearful": (0.7, -0.7), "disgust": (0.0, -0.6), "surprised": (0.8, 0.6),
}  # fmt: skip


def load_ravdess(source: Literal["real", "synthetic"] = "real") -> Recordings:
    """The 1,440 recordings, ordered by name.

    The table's own columns: emotion (`EMOTIONS`), intensity ("normal" or "strong"), statement (1 "Kids are talking by
    the door", 2 "Dogs are sitting by the door") and repetition (1 or 2). Speakers are "01" to "24".

    The first call decodes the files and keeps the samples in the cache (170 MB); later calls take a moment.
    `source="synthetic"` makes 96 recordings of 1 to 2 s of the same form by code and says so.
    Raises `DataError` when the set can't be had, is not complete, or a file is not what it should be.
    """
    if source == "synthetic":
        return synthetic_ravdess()
    if source != "real":
        raise DataError(f"load_ravdess knows the sources 'real' and 'synthetic', not {source!r}.")
    folder = store.fetch("ravdess")
    key = f"{store.content_hash('ravdess')} form 1"
    return _recordings(kept.arrays("ravdess", key, lambda: read_ravdess(folder)))


def read_ravdess(folder: Path) -> dict[str, "np.ndarray"]:
    """Decode a folder of the set: `names` (1440,), `lengths` (1440,), `samples` (sum of lengths,) int16 at 16 kHz.

    The files, wav or flac, lie in `folder` or in folders of it. Raises `DataError` naming the file.
    """
    import numpy as np

    files = _files(Path(folder))
    names, signals = sorted(files), []
    for name in bar(iterable=names, desc="decoding ravdess", unit="file"):
        try:
            signals.append(read_speech(files[name]))
        except DataError as error:
            raise _odd(str(error).rstrip(".")) from None
    return {
        "names": np.array(names),
        "lengths": np.array([len(s) for s in signals]),
        "samples": np.concatenate(signals),
    }


def _files(folder: Path) -> dict[str, Path]:
    """Name without ending → file, for all 1,440."""
    files = {}
    for path in sorted(p for ending in ("wav", "flac") for p in folder.rglob(f"03-*.{ending}")):
        if path.stem not in all_names():
            raise _odd(f"{path.name} is not named like a recording of speech (03-01-EE-II-SS-RR-AA)")
        if path.stem in files:
            raise _odd(f"{path.stem} is there twice, as {files[path.stem]} and {path}; remove one")
        files[path.stem] = path
    if lacking := sorted(all_names() - set(files)):
        raise _odd(f"{len(lacking)} of 1,440 recordings are missing, the first is {lacking[0]}")
    return files


def all_names() -> set[str]:
    """The names of the 1,440 recordings."""
    codes = product(range(1, 9), (1, 2), (1, 2), (1, 2), range(1, ACTORS + 1))
    return {f"03-01-{e:02}-{i:02}-{s:02}-{r:02}-{a:02}" for e, i, s, r, a in codes if not (e == 1 and i == 2)}


def _odd(what: str) -> DataError:
    return DataError(f"ravdess: {what}. {registry.get('ravdess').remedy()}")


def _recordings(arrays: dict[str, "np.ndarray"], synthetic: bool = False) -> Recordings:
    import numpy as np

    table = _table(arrays["names"].tolist())
    table.insert(3, "seconds", np.asarray(arrays["lengths"]) / RATE)
    signals = np.split(arrays["samples"], np.cumsum(arrays["lengths"])[:-1])
    return Recordings(table, signals, synthetic=synthetic)


def _table(names: list[str]) -> "pd.DataFrame":
    """What the names tell, one row a recording."""
    import pandas as pd

    rows = []
    for name in names:
        emotion, intensity, statement, repetition, actor = _NAME.fullmatch(name).groups()
        rows.append(
            {
                "name": name,
                "speaker": actor,
                "sex": "M" if int(actor) % 2 else "F",
                "emotion": EMOTIONS[int(emotion) - 1],
                "intensity": INTENSITIES[int(intensity) - 1],
                "statement": int(statement),
                "repetition": int(repetition),
            }
        )
    return pd.DataFrame(rows)


# ------------------------------------------------------------------------------------------ the stand-in


def synthetic_ravdess() -> Recordings:
    """Made-up voices in the form of `load_ravdess("real")`: 6 actors × 8 emotions × 2 recordings of 1 to 2 s.

    Voices of aroused emotions are higher, louder and brighter, so that a classifier has something to find.
    """
    import numpy as np

    from lib.data.voices import made_up_voice

    codes = list(product(range(1, 9), (1, 2), range(1, SYNTHETIC_ACTORS + 1)))
    store.log_use("ravdess:synthetic", f"seed-{SYNTHETIC_SEED}-{len(codes)}")
    print("Synthetic stand-in for ravdess: made by code, its numbers mean nothing.")
    rng = np.random.default_rng(SYNTHETIC_SEED)
    made = {}
    for emotion, statement, actor in codes:
        arousal, valence = SYNTHETIC_MOODS[EMOTIONS[emotion - 1]]
        intensity = 1 if emotion == 1 else statement  # the second statement is spoken strongly
        arousal = min(1.0, arousal * (1.25 if intensity == 2 else 1.0))
        name = f"03-01-{emotion:02}-{intensity:02}-{statement:02}-01-{actor:02}"
        made[name] = made_up_voice(rng, rng.uniform(1, 2), "M" if actor % 2 else "F", arousal, valence)
    names = sorted(made)
    signals = [made[name] for name in names]
    arrays = {
        "names": np.array(names),
        "lengths": np.array([len(s) for s in signals]),
        "samples": np.concatenate(signals),
    }
    return _recordings(arrays, synthetic=True)
