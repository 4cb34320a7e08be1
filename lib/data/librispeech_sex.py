"""LibriSpeech for telling a speaker's sex: one clip of 6 s from each of the 251 readers of train-clean-100.

Panayotov, Chen, Povey and Khudanpur 2015, doi:10.1109/ICASSP.2015.7178964. A recording is named reader-chapter-number.
SPEAKERS.TXT has the letter F or M of each; it does not say how it was determined.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from lib.data import kept, registry, store
from lib.data.errors import DataError
from lib.data.progress import bar
from lib.data.speech import RATE, Recordings, read_speech

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

SECONDS = 6.0  # of an utterance, from its start; a shorter one is whole
SPEAKERS = 251
SUBSET = "train-clean-100"

SYNTHETIC_SEED = 20
SYNTHETIC_SPEAKERS = 24
SYNTHETIC_SECONDS = 3.0


def load_librispeech_sex(source: Literal["real", "synthetic"] = "real") -> Recordings:
    """One recording of each of the 251 readers, ordered by name: (samples,) int16, at most 6 s.

    The table has no columns of its own; `sex` is "F" or "M" as in SPEAKERS.TXT, `speaker` the reader's number as text.

    The first call decodes the files and keeps the samples in the cache (47 MB); later calls take a moment.
    `source="synthetic"` makes 24 clips of 3 s of the same form by code and says so.
    Raises `DataError` when the set can't be had, is not complete, or a file is not what it should be.
    """
    if source == "synthetic":
        return synthetic_librispeech_sex()
    if source != "real":
        raise DataError(f"load_librispeech_sex knows the sources 'real' and 'synthetic', not {source!r}.")
    folder = store.fetch("librispeech_sex")
    key = f"{store.content_hash('librispeech_sex')} form 1, {SECONDS} s"
    arrays = kept.arrays("librispeech_sex", key, lambda: read_librispeech_sex(folder))
    return _recordings(arrays)


def read_librispeech_sex(folder: Path) -> dict[str, "np.ndarray"]:
    """Decode a folder of the set: `names`, `sexes`, `lengths` (251,), `samples` (sum of lengths,) int16 at 16 kHz.

    The folder is either the cut set, SPEAKERS.TXT and one flac a reader, or the official one, LibriSpeech with
    SPEAKERS.TXT and train-clean-100/<reader>/<chapter>/<utterance>.flac. Of the official one a reader's first
    utterance is taken, chapters ordered as text: the cut set was made so (of reader 40, who read the chapters 222 and
    121026, it has 40-121026-0000). Both give the same recordings. Raises `DataError` naming the file.
    """
    import numpy as np

    folder = Path(folder)
    cut = (folder / "SPEAKERS.TXT").exists() or any(folder.glob("*.flac"))
    top = folder if cut else folder / "LibriSpeech"
    sexes = _sexes(top / "SPEAKERS.TXT")
    files = _files(sorted(top.glob("*.flac")) if cut else _first_utterances(top / SUBSET), sexes)
    names, signals = sorted(files), []
    for name in bar(iterable=names, desc="decoding librispeech_sex", unit="file"):
        try:
            signals.append(read_speech(files[name])[: round(SECONDS * RATE)])
        except DataError as error:
            raise _odd(str(error).rstrip(".")) from None
        if not signals[-1].any():
            raise _odd(f"the first {SECONDS:g} s of {files[name]} are silent")
    return {
        "names": np.array(names),
        "sexes": np.array([sexes[name.split("-")[0]] for name in names]),
        "lengths": np.array([len(s) for s in signals]),
        "samples": np.concatenate(signals),
    }


def _sexes(path: Path) -> dict[str, str]:
    """Reader → "F" or "M", for those of train-clean-100, from lines `ID | SEX | SUBSET | MINUTES | NAME`."""
    if not path.is_file():
        raise _odd(f"{path} is missing")
    sexes = {}
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
        if line.startswith(";") or not line.strip():
            continue
        speaker, sex, subset, *rest = [*(part.strip() for part in line.split("|", 4)), "", ""]
        if not (speaker.isdecimal() and len(rest) >= 3):
            raise _odd(f"line {number} of {path} is not of the form ID | SEX | SUBSET | MINUTES | NAME: {line[:40]!r}")
        if subset != SUBSET:
            continue
        if sex not in ("F", "M"):
            raise _odd(f"line {number} of {path} gives reader {speaker} the sex {sex!r}, not F or M")
        if speaker in sexes:
            raise _odd(f"line {number} of {path} lists reader {speaker} a second time")
        sexes[speaker] = sex
    if len(sexes) != SPEAKERS:
        raise _odd(f"{path} lists {len(sexes)} readers of {SUBSET}, not {SPEAKERS}")
    return sexes


def _first_utterances(folder: Path) -> list[Path]:
    """The first flac of each reader's folder, by chapter and number as text."""
    found = [sorted(reader.glob("*/*.flac")) for reader in sorted(folder.glob("*"))]
    return [files[0] for files in found if files]


def _files(paths: list[Path], sexes: dict[str, str]) -> dict[str, Path]:
    """Name without ending → file, one for each reader of SPEAKERS.TXT."""
    of_reader: dict[str, Path] = {}
    for path in paths:
        reader, *rest = path.stem.split("-")
        if len(rest) != 2 or not all(part.isdecimal() for part in (reader, *rest)):
            raise _odd(f"{path} is not named reader-chapter-number.flac")
        if reader not in sexes:
            raise _odd(f"the reader of {path} is not among those of {SUBSET} in SPEAKERS.TXT")
        if reader in of_reader:
            raise _odd(f"reader {reader} is there twice, as {of_reader[reader]} and {path}; remove one")
        of_reader[reader] = path
    if lacking := sorted(set(sexes) - set(of_reader), key=int):
        raise _odd(f"{len(lacking)} of {len(sexes)} readers have no recording, the first is {lacking[0]}")
    return {path.stem: path for path in of_reader.values()}


def _odd(what: str) -> DataError:
    return DataError(f"librispeech_sex: {what}. {registry.get('librispeech_sex').remedy()}")


def _recordings(arrays: dict[str, "np.ndarray"]) -> Recordings:
    import numpy as np

    table = _table(arrays["names"].tolist(), arrays["sexes"].tolist(), np.asarray(arrays["lengths"]) / RATE)
    return Recordings(table, np.split(arrays["samples"], np.cumsum(arrays["lengths"])[:-1]))


def _table(names: list[str], sexes: list[str], seconds: "np.ndarray | list[float]") -> "pd.DataFrame":
    import pandas as pd

    speakers = [name.split("-")[0] for name in names]
    return pd.DataFrame({"name": names, "speaker": speakers, "sex": sexes, "seconds": seconds})


# ------------------------------------------------------------------------------------------ the stand-in


def synthetic_librispeech_sex() -> Recordings:
    """Made-up voices in the form of `load_librispeech_sex("real")`: 12 women's and 12 men's, a clip of 3 s each.

    The men's are lower, by more than the voices of one sex differ, so that a classifier has something to find.
    """
    import numpy as np

    from lib.data.voices import made_up_voice

    store.log_use("librispeech_sex:synthetic", f"seed-{SYNTHETIC_SEED}-{SYNTHETIC_SPEAKERS}")
    print("Synthetic stand-in for librispeech_sex: made by code, its numbers mean nothing.")
    rng = np.random.default_rng(SYNTHETIC_SEED)
    names = [f"{101 + i}-0-0000" for i in range(SYNTHETIC_SPEAKERS)]
    sexes = ["FM"[i % 2] for i in range(SYNTHETIC_SPEAKERS)]
    signals = [made_up_voice(rng, SYNTHETIC_SECONDS, sex, rng.uniform(-0.3, 0.3), rng.uniform(-1, 1)) for sex in sexes]
    return Recordings(_table(names, sexes, [len(s) / RATE for s in signals]), signals, synthetic=True)
