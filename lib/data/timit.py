"""TIMIT: ten read sentences of each speaker, of American English in eight dialects. The free sample, or the whole set.

Garofolo et al. 1993, doi:10.35111/17gk-bn40 (Linguistic Data Consortium, LDC93S1). Every speaker reads the two SA
sentences; each SX sentence is shared by seven speakers, SI sentences are one speaker's own. A speaker's name is the
letter of the sex, three initials and a digit.
"""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from lib.data import kept, registry, store
from lib.data.errors import DataError
from lib.data.progress import bar
from lib.data.speech import RATE, Recordings, read_speech

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

SETS = {"sample": "timit_sample", "full": "timit"}  # source → key of the registry
SPEAKERS = {"sample": {"sample": 16}, "full": {"train": 462, "test": 168}}
KINDS = {"sa": 2, "si": 3, "sx": 5}  # sentences of each speaker
DOCUMENT = {"train": 400, "test": 150}  # speakers that the document this course goes back to took of each part

_SPEAKER, _SENTENCE = re.compile(r"[fm][a-z]{3}\d"), re.compile(r"(sa|si|sx)\d{1,4}")

SYNTHETIC_SEED = 21
SYNTHETIC_SPEAKERS = 8


def load_timit(source: Literal["sample", "full", "synthetic"] = "sample") -> Recordings:
    """The recordings, ordered by name ("falk0-sx276"): 160 of the sample, 6,300 of the full set.

    The table's own columns: dialect ("dr1" to "dr8"), sentence ("sx276"), kind ("sa", "si" or "sx": whoever splits
    by sentence must know that all speakers share the two "sa") and part ("train" or "test", of the sample "sample").
    `sex` is "F" or "M": what the speaker's name says, in the full set confirmed by SPKRINFO.TXT.

    The first call decodes the files and keeps the samples in the cache (16 MB, full 0.6 GB); later calls take a moment.
    `source="synthetic"` makes 24 recordings of 1.5 to 2.5 s by 8 speakers in the sample's form by code and says so.
    Raises `DataError` when the set can't be had, is not complete, or a file is not what it should be.
    """
    if source == "synthetic":
        return synthetic_timit()
    if source not in SETS:
        raise DataError(f"load_timit knows the sources 'sample', 'full' and 'synthetic', not {source!r}.")
    folder = store.fetch(SETS[source])
    key = f"{store.content_hash(SETS[source])} form 1"
    return _recordings(kept.arrays(SETS[source], key, lambda: read_timit(folder, source)))


def read_timit(folder: Path, source: Literal["sample", "full"] = "sample") -> dict[str, "np.ndarray"]:
    """Decode a folder of the set: `names`, `dialects`, `parts`, `lengths` (n,), `samples` (sum of lengths,) int16.

    The sample lies in timit/dr3-falk0/sx276, wav or flac. The full set lies in TRAIN or TEST/DR1/FCJF0/SX307.WAV,
    with DOC/SPKRINFO.TXT, in capitals or not, in `folder` or a folder of it. Raises `DataError` naming the file.
    """
    import numpy as np

    files = _files(Path(folder), source)
    names, signals = sorted(files), []
    for name in bar(iterable=names, desc=f"decoding {SETS[source]}", unit="file"):
        path = files[name][-1]
        try:
            signals.append(read_speech(path))
        except DataError as error:
            raise _odd(source, str(error).rstrip(".")) from None
        if len(signals[-1]) < _promised(path):
            raise _odd(source, f"{path} is cut short")
    return {
        "names": np.array(names),
        "dialects": np.array([files[name][1] for name in names]),
        "parts": np.array([files[name][0] for name in names]),
        "lengths": np.array([len(s) for s in signals]),
        "samples": np.concatenate(signals),
    }


def _files(folder: Path, source: str) -> dict[str, tuple[str, str, Path]]:
    """Name → part, dialect and file, of complete speakers."""
    if source == "sample":
        found = [("sample", p.parent.name.lower(), p) for e in ("wav", "flac") for p in folder.glob(f"timit/*/*.{e}")]
    else:  # part, region and speaker are three folders
        paths = [p for p in folder.rglob("*") if p.suffix.lower() == ".wav" and len(p.relative_to(folder).parts) > 3]
        found = [(p.parts[-4].lower(), "-".join(p.parts[-3:-1]).lower(), p) for p in paths]
        found = [(part, region, p) for part, region, p in found if part in SPEAKERS["full"]]
    files: dict[str, tuple[str, str, Path]] = {}
    for part, place, path in sorted(found):
        dialect, _, speaker = place.partition("-")
        if not (re.fullmatch(r"dr[1-8]", dialect) and _SPEAKER.fullmatch(speaker)):
            raise _odd(source, f"{path.parent} is not named like a region and a speaker")
        if not _SENTENCE.fullmatch(path.stem.lower()):
            raise _odd(source, f"{path} is not named like a sentence")
        name = f"{speaker}-{path.stem.lower()}"
        if name in files:
            raise _odd(source, f"{name} is there twice, as {files[name][-1]} and {path}; remove one")
        files[name] = part, dialect, path
    _check_complete(files, source)
    if source == "full":
        _check_sexes({name[:5] for name in files}, folder)
    return files


def _check_complete(files: dict[str, tuple[str, str, Path]], source: str) -> None:
    """Raise `DataError` unless the parts have their speakers, and each speaker all ten sentences in one place."""
    of_speaker: dict[str, list[str]] = {}
    for name in files:
        of_speaker.setdefault(name[:5], []).append(name)
    for speaker, names in of_speaker.items():
        if len({files[name][:2] for name in names}) > 1:
            raise _odd(source, f"speaker {speaker} is in two parts or regions, such as {files[names[-1]][-1].parent}")
        for kind, number in KINDS.items():
            if (there := sum(name[6:8] == kind for name in names)) != number:
                raise _odd(source, f"{files[names[0]][-1].parent} has {there} of {number} {kind.upper()} sentences")
    parts = [files[names[0]][0] for names in of_speaker.values()]
    for part, number in SPEAKERS[source].items():
        if parts.count(part) != number:
            raise _odd(source, f"there are {parts.count(part)} speakers in the part {part!r}, not {number}")


def _check_sexes(speakers: set[str], folder: Path) -> None:
    """Raise `DataError` unless SPKRINFO.TXT knows every speaker and has the sex that the name begins with."""
    path = next((p for p in sorted(folder.rglob("*")) if p.name.lower() == "spkrinfo.txt"), None)
    if path is None:
        raise _odd("full", f"DOC/SPKRINFO.TXT is missing in {folder}")
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    told = {  # initials and digit → sex; the lines are: ID Sex DR Use RecDate …
        words[0].lower(): words[1].lower()
        for words in (line.split() for line in lines if not line.startswith(";"))
        if len(words) > 1
    }
    for speaker in sorted(speakers):
        sex = told.get(speaker[1:])
        if sex is None:
            raise _odd("full", f"{path} does not list the speaker {speaker}")
        if sex != speaker[0]:
            raise _odd("full", f"{path} gives the speaker {speaker} the sex {sex.upper()!r}, the name says otherwise")


def _promised(path: Path) -> int:
    """Samples that the head of a NIST SPHERE file promises, which libsndfile does not check; 0 for other files."""
    with path.open("rb") as file:
        head = file.read(1024)
    told = re.search(rb"^sample_count -i (\d+)", head, re.MULTILINE) if head.startswith(b"NIST_1A") else None
    return int(told[1]) if told else 0


def _odd(source: str, what: str) -> DataError:
    return DataError(f"{SETS[source]}: {what}. {registry.get(SETS[source]).remedy()}")


def _recordings(arrays: dict[str, "np.ndarray"]) -> Recordings:
    import numpy as np

    lengths = np.asarray(arrays["lengths"])
    table = _table(arrays["names"].tolist(), arrays["dialects"].tolist(), arrays["parts"].tolist(), lengths / RATE)
    return Recordings(table, np.split(arrays["samples"], np.cumsum(lengths)[:-1]))


def _table(
    names: list[str], dialects: list[str], parts: list[str], seconds: "np.ndarray | list[float]"
) -> "pd.DataFrame":
    import pandas as pd

    return pd.DataFrame(
        {
            "name": names,
            "speaker": [name[:5] for name in names],
            "sex": [name[0].upper() for name in names],
            "seconds": seconds,
            "dialect": dialects,
            "sentence": [name[6:] for name in names],
            "kind": [name[6:8] for name in names],
            "part": parts,
        }
    )


def document_speakers(table: "pd.DataFrame") -> tuple["np.ndarray", "np.ndarray"]:
    """Masks (n,) of the recordings of the document's 400 training and 150 test speakers, of the full set's table.

    The document took the first of each part in the order of the library timit_utils, which sorts a part's speakers by
    name without the letter of the sex (its `SubCorpus.people_names`). Raises `DataError` for a table that lacks them.
    """
    masks = []
    for part, number in DOCUMENT.items():
        speakers = sorted(set(table["speaker"][table["part"] == part]), key=lambda name: name[1:])[:number]
        if len(speakers) < number:
            raise DataError(
                f"the document's speakers are {number} of the part {part!r}, this table has {len(speakers)}: "
                "use the table of load_timit('full')."
            )
        masks.append(((table["part"] == part) & table["speaker"].isin(speakers)).to_numpy())
    return masks[0], masks[1]


# ------------------------------------------------------------------------------------------ the stand-in


def synthetic_timit() -> Recordings:
    """Made-up voices in the form of `load_timit("sample")`: four women's, four men's, 3 sentences of 1.5 to 2.5 s each.

    A speaker keeps pitch and timbre from one sentence to the next, the melody differs.
    """
    import numpy as np

    from lib.data.voices import made_up_voice

    store.log_use("timit_sample:synthetic", f"seed-{SYNTHETIC_SEED}-{SYNTHETIC_SPEAKERS}")
    print("Synthetic stand-in for timit_sample: made by code, its numbers mean nothing.")
    rng = np.random.default_rng(SYNTHETIC_SEED)
    names, signals = [], []
    for i in sorted(range(SYNTHETIC_SPEAKERS), key=lambda i: i % 2):  # the women first, as by name
        for sentence in ("sa1", f"si{501 + i}", f"sx{1 + i // 2}"):
            names.append(f"{'fm'[i % 2]}syn{i}-{sentence}")
            voice = np.random.default_rng((SYNTHETIC_SEED, i))  # the same for each sentence
            signals.append(made_up_voice(voice, rng.uniform(1.5, 2.5), "FM"[i % 2], 0.0, rng.uniform(-1, 1)))
    dialects = [f"dr{int(name[4]) + 1}" for name in names]
    table = _table(names, dialects, ["sample"] * len(names), [len(s) / RATE for s in signals])
    return Recordings(table, signals, synthetic=True)
