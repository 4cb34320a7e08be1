"""GTZAN: 1,000 excerpts of 30 s in ten genres, without those that repeat others or are distorted.

Tzanetakis and Cook 2002, doi:10.1109/TSA.2002.800560. What is wrong with it: Sturm 2013, doi:10.48550/arXiv.1306.1461.

`data/gtzan.toml` lists the 70 excerpts that the fault-filtered division of Kereliuk, Sturm and Larsen 2015
(doi:10.1109/TMM.2015.2478068) leaves out, as repetitions or distorted, and the artist of 919 of the 1,000 from Sturm's
index (doi:10.1145/2390848.2390851). It does not list excerpts in a wrong genre: Sturm 2012 counts 43 conspicuous and
63 contentious ones, and they stay. Nor does the division leave out all repetitions: some remain that have one
title in the index; they are in one group, but for those that more than one artist plays.
"""

import re
import tomllib
from pathlib import Path

from lib.data import registry, store
from lib.data.errors import DataError
from lib.data.music import Clips, sort_out

GENRES = ("blues", "classical", "country", "disco", "hiphop", "jazz", "metal", "pop", "reggae", "rock")
KNOWN = registry.REPOSITORY / "data" / "gtzan.toml"
LEAST = 15.0  # seconds, half an excerpt

_NAME = re.compile(rf"({'|'.join(GENRES)})\.\d{{5}}")


def load_gtzan() -> Clips:
    """The 930 excerpts that are neither repetitions nor distorted, less what can't be read; ordered by name.

    `name` is "blues.00000". `group` is the artist, of classical music the composer. The artist of 81 of the 1,000 is
    not known; 78 of them are each a group by itself, so that two may yet be by one artist. Of several artists of one
    excerpt the one with more excerpts counts. `skipped` lists the 70, and files that are missing, can't be read
    (jazz.00054 of the common wav copy) or are shorter than 15 s.

    Raises `DataError` when the set is not on this machine (its site no longer gives it), or no excerpt can be used.
    """
    return read_gtzan(store.fetch("gtzan"))


def read_gtzan(folder: Path) -> Clips:
    """The excerpts of a folder in which, at any depth, there are files named `blues.00000.wav` or `.au`.

    Raises `DataError` when an excerpt is there twice, or none can be used.
    """
    import pandas as pd

    files: dict[str, Path] = {}
    for path in sorted(p for p in Path(folder).rglob("*") if p.suffix.lower() in (".wav", ".au")):
        if not _NAME.fullmatch(path.stem):  # also the leavings of another system's archiver, ._blues.00000.wav
            continue
        if path.stem in files:
            raise DataError(f"gtzan: {path.stem} is there twice, as {files[path.stem]} and {path}; remove one.")
        files[path.stem] = path
    left_out, artists = known()
    names = sorted({f"{genre}.{number:05d}" for genre in GENRES for number in range(100)} - set(left_out))
    table = pd.DataFrame({"name": names, "genre": [name.split(".")[0] for name in names]})
    table["group"] = [artists.get(name, name) for name in names]
    absent = Path(folder, "absent")
    return sort_out(
        "gtzan", table, [files.get(name, absent) for name in names], least=LEAST, skipped=sorted(left_out.items())
    )


def known() -> tuple[dict[str, str], dict[str, str]]:
    """From `data/gtzan.toml`: excerpt → why it is left out, and excerpt → artist."""
    told = tomllib.loads(KNOWN.read_text(encoding="utf-8"))
    left_out = {
        name: f"repeats {other}: the same artist and title" if other else "is a repetition or distorted"
        for name, other in told["left_out"].items()
    }
    artists = {}
    for genre, excerpts in told["artists"].items():
        for artist, ranges in excerpts.items():
            for part in ranges.split(","):
                first, _, last = part.strip().partition("-")
                artists |= {f"{genre}.{n:05d}": artist for n in range(int(first), int(last or first) + 1)}
    return left_out, artists
