"""Clips of music with what is known of each, and the reading of one sound file.

Sound is mono at 22,050 Hz throughout, whatever the files are: (samples,) float32, full scale ±1 (what a lossy format
decodes to may overshoot that a little).

A set's loader looks at every file but decodes none: `sort_out` opens it, reads its head and compares what that
promises with what is there. A file that fails leaves the table and is listed in `skipped` with the reason. Some faults
show only when the sound is decoded (silence, NaN, a damaged middle): then `signals[i]` raises `DataError`, naming it.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lib.data import registry
from lib.data.errors import DataError
from lib.data.speech import Files

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

RATE = 22050  # samples a second
COLUMNS = ("name", "genre", "group")  # what every table of clips has
ENDINGS = (".wav", ".flac", ".ogg", ".mp3", ".au")

_SILENCE = 2.0**-15  # the last bit of 16: what is nowhere louder is silent
_ABSURD = 1000.0  # times full scale: whole numbers stored as floats, or damage
_UNKNOWN = 2**62  # frames: libsndfile gives 2**63 − 1 for a flac that was written to a pipe
_MP3_FRAME = 1152  # samples
_STREAMED = 2**31 - 2**16  # a wav written to a pipe promises about this many bytes, or more: its length was unknown


@dataclass(frozen=True)
class Clips:
    """n clips of music. Row i of `table` tells of `signals[i]`.

    Raises `DataError` when the table and the signals differ in number, or a column of `COLUMNS` lacks.
    """

    table: "pd.DataFrame"  # (n, …), rows 0 to n − 1: name, genre, group (what may not be divided), and the set's own
    signals: Sequence["np.ndarray"]  # n arrays (samples,) float32; may be decoded when asked for, each time anew
    skipped: "pd.DataFrame"  # columns name, reason: files of the set that can't be used
    rate: int = RATE
    synthetic: bool = False

    def __post_init__(self) -> None:
        if len(self.table) != len(self.signals):
            raise DataError(f"the table tells of {len(self.table)} clips, there are {len(self.signals)} signals.")
        if lacking := [column for column in COLUMNS if column not in self.table]:
            raise DataError(f"the table of clips lacks the column {', '.join(lacking)}.")
        if not self.table.index.equals(self.table.reset_index(drop=True).index):
            raise DataError("the rows of a table of clips are numbered 0 to n − 1: use reset_index(drop=True).")

    def __len__(self) -> int:
        return len(self.table)

    def select(self, rows: Sequence) -> "Clips":
        """The clips of some rows: a mask (n,) of booleans, or row numbers in the order wanted. Decodes nothing."""
        import numpy as np

        rows = np.asarray(rows) if len(rows) else np.zeros(0, int)
        numbers = np.arange(len(self))[rows]
        if isinstance(self.signals, Files):
            signals = Files([self.signals.paths[i] for i in numbers], self.signals.read)
        else:
            signals = [self.signals[i] for i in numbers]
        table = self.table.iloc[numbers].reset_index(drop=True)
        return Clips(table, signals, self.skipped, self.rate, self.synthetic)


def read_music(path: Path, rate: int = RATE, start: float = 0.0, seconds: float | None = None) -> "np.ndarray":
    """One sound file (wav, flac, ogg, mp3, au) as (samples,) float32, mono, `rate` samples a second.

    Channels are averaged, other rates converted by a polyphase filter. `start` and `seconds` cut out a stretch; a file
    that ends earlier gives what there is of it.

    Raises `DataError`, naming the file, when it is missing, empty, no sound, silent from end to end, holds NaN or
    samples beyond a thousand times full scale, doesn't say how long it is (a flac from a pipe), or is cut short. That
    it is cut short shows in a wav or au by its head, in a flac by its frames, in an ogg by its last page (bytes behind
    that one count as the rest of another), and in an mp3 by the count that most encoders put at its start (Xing or
    Info), to within 0.1 s. It does not show in an mp3 without that count. Such a one must have a constant bit rate,
    too: of a varying one only a guess at the length is to be had, and it is cut to that. Bytes spoilt inside an ogg or
    mp3 may pass, since the decoder goes on at the next frame.
    """
    import numpy as np
    import soundfile

    path = Path(path)
    _look(path)
    try:
        with soundfile.SoundFile(path) as file:
            found, promised = file.samplerate, file.frames
            first = round(start * found)
            last = promised if seconds is None else min(promised, first + round(seconds * found))
            samples = file.read(last, dtype="float32", always_2d=True)  # from 0: a jump in an mp3 is not exact
    except (soundfile.SoundFileError, RuntimeError) as error:
        raise _unusable(path, _unreadable(error)) from None
    if len(samples) + _slack(path) < last:
        raise _unusable(path, "is cut short")
    samples = samples[first:].mean(axis=1)
    if len(samples) == 0:
        raise _unusable(path, f"holds no samples after {start:g} s" if start else "holds no samples")
    if not np.isfinite(samples).all():
        raise _unusable(path, "holds values that are not numbers (NaN or infinite)")
    if (loudest := np.abs(samples).max()) > _ABSURD:
        raise _unusable(path, f"holds samples of {loudest:.3g}, where full scale is 1")
    if found != rate:
        from scipy.signal import resample_poly

        common = np.gcd(found, rate)
        samples = resample_poly(samples, rate // common, found // common).astype(np.float32)
    if np.abs(samples).max() < _SILENCE:  # asked of the result: channels may cancel out
        raise _unusable(path, "is silent from end to end")
    return samples


def sort_out(
    key: str,
    table: "pd.DataFrame",
    paths: Sequence[Path],
    *,
    least: float,
    read: Callable[[Path], "np.ndarray"] = read_music,
    skipped: Sequence[tuple[str, str]] = (),
) -> Clips:
    """The clips of a set, those of `table` whose files pass a look at their heads.

    Parameters
    ----------
    key : the set's key in the registry.
    table : (n, …) with `COLUMNS`.
    paths : n files; one that is missing is skipped.
    least : seconds; a shorter file is skipped.
    read : decodes a file to (samples,) float32.
    skipped : pairs of name and reason known already.

    Raises
    ------
    DataError
        No clip is left.
    """
    import pandas as pd

    skipped, kept = list(skipped), []
    for row, (name, path) in enumerate(zip(table["name"], paths, strict=True)):
        try:
            if (seconds := _look(path)) < least:
                raise _unusable(path, f"has {seconds:.1f} s, less than {least:g}")
            kept.append(row)
        except _Unusable as error:
            skipped.append((name, error.what))
    if not kept:
        example = f", such as {skipped[0][0]}, which {skipped[0][1]}" if skipped else ""
        raise DataError(f"{key}: no clip can be used ({len(skipped)} were skipped{example}). {remedy(key)}")
    return Clips(
        table.iloc[kept].reset_index(drop=True),
        Files([Path(paths[row]) for row in kept], read),
        pd.DataFrame(skipped, columns=["name", "reason"], dtype=object),
    )


def remedy(key: str) -> str:
    """How a person can supply the set: a sentence or two."""
    return registry.get(key).remedy()


class _Unusable(DataError):
    """A file that can't be used; `what` is wrong with it, without its name."""

    def __init__(self, path: Path, what: str) -> None:
        super().__init__(f"{path} {what}. Put a sound copy of the file in its place.")
        self.what = what

    def __reduce__(self) -> tuple:  # so that it comes back from a worker process
        return DataError, self.args


def _unusable(path: Path, what: str) -> _Unusable:
    return _Unusable(path, what)


def _unreadable(error: Exception) -> str:
    text = str(error).splitlines()[0].rstrip(".")
    return f"can't be read as sound ({re.sub(r'Error opening .*: ', '', text)})"


def _look(path: Path) -> float:
    """The seconds that the head of a file promises. Raises `_Unusable` for what shows without decoding."""
    import soundfile

    if not path.is_file():
        raise _unusable(path, "is missing")
    if path.stat().st_size == 0:
        raise _unusable(path, "is empty")
    try:
        with soundfile.SoundFile(path) as file:
            frames, seconds, log = file.frames, file.frames / file.samplerate, file.extra_info
    except (soundfile.SoundFileError, RuntimeError) as error:
        raise _unusable(path, _unreadable(error)) from None
    if frames >= _UNKNOWN:
        again = "write it again, for example with `flac` or ffmpeg to a file"
        raise _unusable(path, f"doesn't say how long it is ({again})")
    if _cut_short(log):
        raise _unusable(path, "is cut short")
    return seconds


def _cut_short(log: str) -> bool:
    """Whether libsndfile, which reads what there is, notes that more was promised (wav, au) or a torn end (ogg)."""
    told = re.search(r"^ *(?:data|Data Size) *: (\d+) \(should be (\d+)\)", log, re.MULTILINE)
    less = told is not None and int(told[2]) < int(told[1]) < _STREAMED
    return less or re.search(r"(?:lacks an|without an) end-of-stream|junk after the last page", log, re.I) is not None


def _slack(path: Path) -> int:
    """Samples by which a whole file may fall short of its promise: some encoders of mp3 count frames without sound."""
    return 2 * _MP3_FRAME if path.suffix.lower() == ".mp3" else 0
