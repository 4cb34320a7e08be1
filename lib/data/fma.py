"""Free Music Archive: 8,000 clips of 30 s in eight genres (fma_small), and Echo Nest's valence, energy, danceability.

Defferrard, Benzi, Vandergheynst and Bresson 2017, doi:10.48550/arXiv.1612.01840. The Echo Nest's numbers are computed
from the sound by a method that was never published: they are no listeners' answers.
"""

import csv
from pathlib import Path
from typing import TYPE_CHECKING

from lib.data import store
from lib.data.errors import DataError
from lib.data.music import Clips, remedy, sort_out

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

AFFECT = ("valence", "energy", "danceability")
FEATURES = (*AFFECT, "acousticness", "instrumentalness", "liveness", "speechiness", "tempo")  # tempo: beats a minute
LEAST = 15.0  # seconds, half a clip

_TRACKS = {"artist": ("artist", "id"), "subset": ("set", "subset"), "genre": ("track", "genre_top")}


def load_fma() -> Clips:
    """The clips of fma_small, ordered by track id; needs the folders fma_small and fma_metadata of the official files.

    `name` is the track id of six digits ("000002"), `group` the artist's id. The table's own columns are valence,
    energy and danceability from 0 to 1, NaN where the Echo Nest has none (most tracks). `skipped` lists files that are
    missing, can't be read or are shorter than 15 s: the official set is known to have some (98565, 98567, 98569, 99134,
    108925, 133297), whose mp3 is empty or breaks off.

    Raises `DataError` when the set can't be had, a table is not what it should be, or no clip can be used.
    """
    return read_fma(store.fetch("fma_small"))


def load_fma_affect() -> "pd.DataFrame":
    """The Echo Nest's numbers of tracks, without sound: one row a track, ordered by track id.

    Columns: `track_id`, `genre` (None where it is not known) and `FEATURES`. A copy with echonest_7714.csv has 7,714
    tracks and the genre of 639, those of fma_small; the official fma_metadata has 13,129 and the genre of any that
    tracks.csv knows. Some numbers lack (of the 7,714: 15 of valence, 14 of danceability, 112 of speechiness) and are
    NaN; such tracks may have a tempo of 0. The artist is not told.

    Raises `DataError` when the set can't be had or a table is not what it should be.
    """
    return read_fma_affect(store.fetch("fma_affect"))


def read_fma(folder: Path) -> Clips:
    """The clips of `folder`, in which fma_small/000/000002.mp3 and fma_metadata/{tracks,echonest}.csv lie."""
    import pandas as pd

    folder = Path(folder)
    tracks = _read_columns("fma_small", folder / "fma_metadata" / "tracks.csv", 2, _TRACKS)
    affect = _read_affect("fma_small", folder / "fma_metadata" / "echonest.csv", AFFECT)
    tracks = tracks[tracks["subset"] == "small"].join(affect)
    tracks["artist"] = pd.to_numeric(tracks["artist"], errors="coerce")
    names = [f"{track:06d}" for track in tracks.index]
    complete = (tracks["genre"].notna() & tracks["artist"].notna()).to_numpy()
    skipped = [(name, "has no genre or no artist in tracks.csv") for name in _where(names, ~complete)]
    files = {path.stem for path in (folder / "fma_small").glob("*/*.mp3")}
    skipped += [(name, "is not among the small set in tracks.csv") for name in sorted(files - set(names))]
    table = tracks[complete].reset_index(drop=True)
    table["name"] = names = _where(names, complete)
    table["group"] = table["artist"].astype(int).astype(str)
    paths = [folder / "fma_small" / name[:3] / f"{name}.mp3" for name in names]
    return sort_out("fma_small", table[["name", "genre", "group", *AFFECT]], paths, least=LEAST, skipped=skipped)


def read_fma_affect(folder: Path) -> "pd.DataFrame":
    """The table of `load_fma_affect` from a folder in either form: echonest_7714.csv, or the official fma_metadata."""
    import pandas as pd

    folder = Path(folder)
    if (folder / "echonest_7714.csv").is_file():
        table = _read_columns("fma_affect", folder / "echonest_7714.csv", 1, {name: (name,) for name in FEATURES})
        genres = _read_columns("fma_affect", folder / "fma_small_echonest_639.csv", 1, {"genre": ("genre",)})
    else:
        table = _read_affect("fma_affect", folder / "fma_metadata" / "echonest.csv", FEATURES)
        wanted = {"genre": _TRACKS["genre"]}
        genres = _read_columns("fma_affect", folder / "fma_metadata" / "tracks.csv", 2, wanted)
    genre = genres["genre"].reindex(table.index).astype(object)
    table.insert(0, "genre", genre.where(genre.notna(), None))
    return pd.DataFrame(table.rename_axis("track_id").reset_index())


def _where(names: list[str], mask: "np.ndarray") -> list[str]:
    return [name for name, wanted in zip(names, mask, strict=True) if wanted]


def _read_affect(key: str, path: Path, names: tuple[str, ...]) -> "pd.DataFrame":
    """Columns of the official echonest.csv, which has three lines of headings."""
    return _read_columns(key, path, 3, {name: ("echonest", "audio_features", name) for name in names})


def _read_columns(key: str, path: Path, headings: int, wanted: dict[str, tuple[str, ...]]) -> "pd.DataFrame":
    """Some columns of a table by what the lines of headings say above them, indexed and ordered by track id.

    The official tables have, below the headings, a line that begins with "track_id" and is otherwise empty. Only what
    is wanted is read, since tracks.csv has 260 MB. The columns of `FEATURES` become float64.
    """
    import pandas as pd

    if not path.is_file():
        raise _odd(key, f"{path} is missing")
    with path.open(encoding="utf-8", errors="replace", newline="") as file:
        lines = csv.reader(file)
        above = list(zip(*(next(lines, []) for _ in range(headings)), strict=False))
    places = {"track_id": 0}
    for name, heading in wanted.items():
        if heading not in above:
            raise _odd(key, f"{path} has no column {'/'.join(heading)}")
        places[name] = above.index(heading)
    try:
        table = pd.read_csv(path, header=None, skiprows=headings, usecols=list(places.values()), low_memory=False)
    except (ValueError, UnicodeDecodeError) as error:  # pandas' own errors are ValueErrors
        raise _odd(key, f"{path} is not a table ({str(error).strip()})") from None
    table = table.rename(columns={place: name for name, place in places.items()})
    table = table[table["track_id"].astype(str) != "track_id"]
    numbers = pd.to_numeric(table["track_id"], errors="coerce")
    if (odd := numbers % 1 != 0).any():  # nan % 1 is nan
        raise _odd(key, f"{path} has the track id {str(table['track_id'][odd].iloc[0])!r}")
    if numbers.duplicated().any():
        raise _odd(key, f"{path} has track {int(numbers[numbers.duplicated()].iloc[0])} twice")
    table = table.set_index(numbers.astype(int)).drop(columns="track_id").sort_index()
    for name in set(FEATURES) & set(table.columns):
        values = pd.to_numeric(table[name], errors="coerce")
        if (odd := values.isna() & table[name].notna()).any():
            raise _odd(key, f"{path} has {table[name][odd].iloc[0]!r} as {name} of track {table.index[odd][0]}")
        table[name] = values.astype(float)
    return table[list(wanted)]


def _odd(key: str, what: str) -> DataError:
    return DataError(f"{key}: {what}. {remedy(key)}")
