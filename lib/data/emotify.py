"""Emotify: 400 clips of music in four genres, and what listeners felt: 8,407 answers on nine emotions.

Aljanaki, Wiering and Veltkamp 2016, doi:10.1016/j.ipm.2015.03.004. A listener marked the emotions (of the Geneva
Emotional Music Scale) that a clip had called forth; a clip's share of an emotion is the part of its listeners who
marked it. The artists are not told, so that the groups are the clips.

The clips are the 30 s from 0:15 of the excerpts of a minute. 100 are of each genre, numbered 1 to 100 within it: track
1 of data.csv is classical_1, 101 rock_1, 201 electronic_1, 301 pop_1.
"""

import csv
import functools
import re
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from lib.data import store
from lib.data.errors import DataError
from lib.data.music import Clips, read_music, remedy, sort_out

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

EMOTIONS = (
    "amazement",
    "solemnity",
    "tenderness",
    "nostalgia",
    "calmness",
    "power",
    "joyful_activation",
    "tension",
    "sadness",
)
GENRES = ("classical", "rock", "electronic", "pop")  # in the order of the track numbers
START, SECONDS = 15.0, 30.0  # the stretch of an official excerpt
LEAST = 5.0  # seconds of a clip

_PER_GENRE = 100
_ANSWER = (*EMOTIONS, "mood", "liked", "disliked", "age", "gender", "mother_tongue")
_WHOLE = {"mood": range(1, 6), "age": range(150), **dict.fromkeys((*EMOTIONS, "liked", "disliked", "gender"), range(2))}

SYNTHETIC_SEED = 22
SYNTHETIC_CLIPS, SYNTHETIC_SECONDS, SYNTHETIC_LISTENERS = 10, 8.0, 12  # of each genre, of each clip, of each clip


def load_emotify(source: Literal["real", "synthetic"] = "real") -> Clips:
    """The clips, ordered by the track numbers of data.csv: a clip has 30 s, four of them have 10 to 28 s.

    The table's own columns: `listeners`, how many answered, and the nine `EMOTIONS`, their shares from 0 to 1. `name`
    is "classical_1". Nothing is decoded before `signals[i]` is asked for.

    `source="synthetic"` makes 40 clips of 8 s of the same form by code, with 12 invented listeners each, and says so.
    Raises `DataError` when the set can't be had, or a line of data.csv is not what it should be (naming the line).
    """
    if _checked(source, "load_emotify") == "synthetic":
        return synthetic_emotify()
    return read_emotify(store.fetch("emotify"))


def load_emotify_answers(source: Literal["real", "synthetic"] = "real") -> "pd.DataFrame":
    """The answers behind the shares, a row each, in the order of data.csv: 8,407 by real listeners.

    Columns: `name` of the clip, the nine `EMOTIONS` (0 or 1), `mood` of the listener before (1 bad to 5 good), `liked`
    and `disliked` (0 or 1), `age`, `gender` (0 or 1; the source does not say which is which) and `mother_tongue`. Ages
    are as the listeners gave them, 5 and 99 among them. Raises `DataError` as `load_emotify` does.
    """
    if _checked(source, "load_emotify_answers") == "synthetic":
        _say_synthetic()
        return _made_up_answers()[0]
    return read_answers(store.fetch("emotify") / "data.csv")


def _checked(source: str, asked: str) -> str:
    if source not in ("real", "synthetic"):
        raise DataError(f"{asked} knows the sources 'real' and 'synthetic', not {source!r}.")
    return source


def read_emotify(folder: Path) -> Clips:
    """The clips of a folder of the set, in either form.

    The cut set has data.csv and `classical_1.ogg` beside it. The official one has `classical/1.mp3` at any depth, a
    minute each: of them the same stretch is taken. When both are there, the cut set is. Raises `DataError`.
    """
    folder = Path(folder)
    table = _table(read_answers(folder / "data.csv"))
    cut = {p.stem: p for p in folder.glob("*.ogg") if _is_name(p.stem)}
    if cut:
        return sort_out("emotify", table, [cut.get(n, folder / f"{n}.ogg") for n in table["name"]], least=LEAST)
    official: dict[str, Path] = {}
    for path in sorted(folder.rglob("*.mp3")):
        name = f"{path.parent.name}_{path.stem}"
        if not _is_name(name):  # also the leavings of another system's archiver, ._1.mp3
            continue
        if name in official:
            raise _odd(f"{name} is there twice, as {official[name]} and {path}; remove one")
        official[name] = path
    paths = [official.get(n, folder / "{}/{}.mp3".format(*n.split("_"))) for n in table["name"]]
    read = functools.partial(read_music, start=START, seconds=SECONDS)
    return sort_out("emotify", table, paths, least=START + LEAST, read=read)


def read_answers(path: Path) -> "pd.DataFrame":
    """The table of `load_emotify_answers` from data.csv. Raises `DataError` naming the line that is wrong."""
    import pandas as pd

    if not path.is_file():
        raise _odd(f"{path} is missing")
    with path.open(encoding="utf-8", errors="replace", newline="") as file:
        lines = csv.reader(file, skipinitialspace=True)
        head = tuple(name.strip().replace(" ", "_") for name in next(lines, []))
        if head != ("track_id", "genre", *_ANSWER):
            raise _odd(f"the first line of {path} does not name the columns track id, genre, {', '.join(_ANSWER)}")
        rows = [_answer(row, f"line {lines.line_num} of {path}") for row in lines if row]
    if not rows:
        raise _odd(f"{path} holds no answers")
    return pd.DataFrame(rows, columns=["name", *_ANSWER])


def _answer(row: list[str], where: str) -> list:
    """One line of data.csv as the name of the clip and the values of `_ANSWER`."""
    row = [value.strip() for value in row]
    if len(row) != len(_ANSWER) + 2:
        raise _odd(f"{where} has {len(row)} values, not {len(_ANSWER) + 2}")
    track = int(row[0]) if row[0].isdecimal() else 0
    if not 1 <= track <= len(GENRES) * _PER_GENRE:
        raise _odd(f"{where} is about the track {row[0]!r}, there are 1 to {len(GENRES) * _PER_GENRE}")
    genre, number = GENRES[(track - 1) // _PER_GENRE], (track - 1) % _PER_GENRE + 1
    if row[1] != genre:
        raise _odd(f"{where} gives track {track} the genre {row[1]!r}, it is {genre}")
    values: list = [f"{genre}_{number}"]
    for column, value in zip(_ANSWER, row[2:], strict=True):
        allowed = _WHOLE.get(column)
        if allowed is None:
            values.append(value)
        elif value.isdecimal() and int(value) in allowed:
            values.append(int(value))
        else:
            raise _odd(f"{where} has {value!r} as {column}, not a number from {allowed[0]} to {allowed[-1]}")
    return values


def _table(answers: "pd.DataFrame") -> "pd.DataFrame":
    """The table of all clips that were answered about, from the answers."""
    import pandas as pd

    by_clip = answers.groupby("name", sort=False)
    names = sorted(by_clip.groups, key=lambda n: (GENRES.index(n.split("_")[0]), int(n.split("_")[1])))
    table = pd.DataFrame({"name": names, "genre": [name.split("_")[0] for name in names], "group": names})
    table["listeners"] = by_clip.size().loc[names].to_numpy()
    table[list(EMOTIONS)] = by_clip[list(EMOTIONS)].mean().loc[names].to_numpy()
    return table


def _is_name(name: str) -> bool:
    return re.fullmatch(rf"({'|'.join(GENRES)})_([1-9]\d?|100)", name) is not None


def _odd(what: str) -> DataError:
    return DataError(f"emotify: {what}. {remedy('emotify')}")


# ------------------------------------------------------------------------------------------ the stand-in


def synthetic_emotify() -> Clips:
    """Made-up music in the form of `load_emotify("real")`: 10 clips of 8 s of each genre, 12 invented listeners each.

    The genres differ in tempo, spectrum and drums. Power, tension and joy go with loud and quick clips, calmness,
    tenderness and sadness with soft and slow ones, so that both can be learnt, the emotions by their chance only.
    """
    import numpy as np
    import pandas as pd

    from lib.data.tunes import made_up_music

    _say_synthetic()
    answers, moods = _made_up_answers()
    table = _table(answers)
    signals = [
        made_up_music(np.random.default_rng((SYNTHETIC_SEED, i)), SYNTHETIC_SECONDS, genre, *moods[i])
        for i, genre in enumerate(table["genre"])
    ]
    return Clips(table, signals, pd.DataFrame(columns=["name", "reason"], dtype=object), synthetic=True)


def _say_synthetic() -> None:
    store.log_use("emotify:synthetic", f"seed-{SYNTHETIC_SEED}-{SYNTHETIC_CLIPS * len(GENRES)}")
    print("Synthetic stand-in for emotify: made by code, its numbers mean nothing.")


def _made_up_answers() -> "tuple[pd.DataFrame, np.ndarray]":
    """Answers, and arousal and valence (clips, 2) from −1 to 1 that they and the sound follow."""
    import numpy as np
    import pandas as pd

    rng = np.random.default_rng(SYNTHETIC_SEED)
    names = [f"{genre}_{number}" for genre in GENRES for number in range(1, SYNTHETIC_CLIPS + 1)]
    moods = rng.uniform(-1, 1, (len(names), 2))
    of_arousal = np.array([0, -0.5, -2, -0.5, -2.5, 2.5, 1.5, 2, -1.5])  # by emotion, in the order of EMOTIONS
    of_valence = np.array([0.5, 0, 1, 0, 0.5, 0, 2, -1.5, -2])
    chance = 1 / (1 + np.exp(1.2 - moods[:, :1] * of_arousal - moods[:, 1:] * of_valence))  # (clips, 9)
    listener = np.repeat(np.arange(len(names)), SYNTHETIC_LISTENERS)
    count = len(listener)
    answers = pd.DataFrame({"name": np.asarray(names, object)[listener]})
    answers[list(EMOTIONS)] = (rng.random((count, len(EMOTIONS))) < chance[listener]).astype(int)
    liked = rng.integers(-1, 2, count)
    answers["mood"] = rng.integers(1, 6, count)
    answers["liked"], answers["disliked"] = (liked > 0).astype(int), (liked < 0).astype(int)
    answers["age"], answers["gender"] = rng.integers(18, 70, count), rng.integers(0, 2, count)
    answers["mother_tongue"] = rng.choice(np.array(["English", "Dutch", "Greek"], object), count)
    return answers, moods
