"""Recordings of speech with what is known of each, and the reading of one sound file.

Sound is 16-bit and mono at 16 kHz throughout, whatever the files are: (samples,) int16, 32,768 is full scale.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lib.data.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

RATE = 16000  # samples a second
COLUMNS = ("name", "speaker", "sex", "seconds")  # what every table of recordings has

_STREAMED = 2**31 - 2**16  # a wav written to a pipe promises about this many bytes, or more: its length was unknown


@dataclass(frozen=True)
class Recordings:
    """n recordings of speech. Row i of `table` tells of `signals[i]`.

    Raises `DataError` when the table and the signals differ in number, or a column of `COLUMNS` lacks.
    """

    table: "pd.DataFrame"  # (n, …), rows 0 to n − 1: name, speaker, sex "F" or "M", seconds, and the set's own
    signals: Sequence["np.ndarray"]  # n arrays (samples,), int16 or float32; may be read from files when asked for
    rate: int = RATE
    synthetic: bool = False

    def __post_init__(self) -> None:
        if len(self.table) != len(self.signals):
            raise DataError(f"the table tells of {len(self.table)} recordings, there are {len(self.signals)} signals.")
        if lacking := [column for column in COLUMNS if column not in self.table]:
            raise DataError(f"the table of recordings lacks the column {', '.join(lacking)}.")
        if not self.table.index.equals(self.table.reset_index(drop=True).index):
            raise DataError("the rows of a table of recordings are numbered 0 to n − 1: use reset_index(drop=True).")

    def __len__(self) -> int:
        return len(self.table)

    @property
    def seconds(self) -> "np.ndarray":
        """(n,) float64, the length of each recording."""
        return self.table["seconds"].to_numpy(float)

    def select(self, rows: Sequence) -> "Recordings":
        """The recordings of some rows: a mask (n,) of booleans, or row numbers in the order wanted."""
        import numpy as np

        rows = np.asarray(rows)
        if rows.dtype == bool:
            if rows.shape != (len(self),):
                raise IndexError(f"a mask must have one value a recording ({len(self)}), this one has {rows.shape}")
            rows = np.flatnonzero(rows)
        elif len(rows) and not np.issubdtype(rows.dtype, np.integer):
            raise IndexError(f"rows must be booleans or whole numbers, not {rows.dtype}")
        numbers = np.arange(len(self))[rows.astype(int)]
        table = self.table.iloc[numbers].reset_index(drop=True)
        if isinstance(self.signals, Files):
            signals = Files([self.signals.paths[i] for i in numbers], self.signals.read)
        else:
            signals = [self.signals[i] for i in numbers]
        return Recordings(table, signals, self.rate, self.synthetic)


class Files(Sequence):
    """Signals that stay in their files until one is asked for: `files[i]` decodes file i."""

    def __init__(self, paths: Sequence[Path], read: Callable[[Path], "np.ndarray"] | None = None) -> None:
        self.paths, self.read = list(paths), read or read_speech

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, number: int) -> "np.ndarray":
        return self.read(self.paths[number])


def read_speech(path: Path, rate: int = RATE) -> "np.ndarray":
    """One sound file as (samples,) int16, mono, `rate` samples a second.

    Channels are averaged. Other rates are converted by a polyphase filter. A 16-bit mono file of the right rate
    comes out bit by bit. Raises `DataError`, naming the file, when it is missing, cut short, empty, silent from end
    to end, or no sound.
    """
    import numpy as np
    import soundfile

    path = Path(path)
    if not path.is_file():
        raise _unusable(path, "is missing")
    try:
        with soundfile.SoundFile(path) as file:
            promised, found_rate, log = file.frames, file.samplerate, file.extra_info
            exact = file.subtype == "PCM_16" and file.channels == 1 and found_rate == rate
            samples = file.read(dtype="int16" if exact else "float64")
    except (soundfile.SoundFileError, RuntimeError) as error:
        raise _unusable(path, f"can't be read as sound ({str(error).splitlines()[0].rstrip('.')})") from None
    if len(samples) < promised or _cut_short(log):
        raise _unusable(path, "is cut short")
    if len(samples) == 0:
        raise _unusable(path, "holds no samples")
    if not np.isfinite(samples).all():
        raise _unusable(path, "holds values that are not numbers (NaN or infinite)")
    samples = samples if exact else _as_16_bit(samples, found_rate, rate)
    if not samples.any():  # asked of the result: channels may cancel out, or all be softer than the last bit
        raise _unusable(path, "is silent from end to end")
    return samples


def _as_16_bit(samples: "np.ndarray", found: int, rate: int) -> "np.ndarray":
    """(samples,) or (samples, channels) float of full scale 1 → (samples at `rate`,) int16."""
    import numpy as np
    from scipy.signal import resample_poly

    if samples.ndim == 2:
        samples = samples.mean(axis=1)
    if found != rate:
        common = np.gcd(found, rate)
        samples = resample_poly(samples, rate // common, found // common)
    return np.clip(np.round(samples * 32768), -32768, 32767).astype(np.int16)


def _cut_short(log: str) -> bool:
    """Whether the head of a wav promises more bytes than follow; libsndfile reads what there is and only logs it."""
    told = re.search(r"^data : (\d+) \(should be (\d+)\)", log, re.MULTILINE)
    return told is not None and int(told[2]) < int(told[1]) < _STREAMED


def _unusable(path: Path, what: str) -> DataError:
    return DataError(f"{path} {what}. Put a sound copy of the file in its place.")


def length_bins(seconds: Sequence[float], bins: int = 20, least: int = 2) -> "np.ndarray":
    """The bin, 0 to at most `bins` − 1, of each recording, by length: (n,) int.

    The bins are equally wide from the shortest to the longest recording. One with fewer than `least` recordings is
    joined to the next shorter (the first to the next longer), so that none is nearly empty. Bin all parts of a data
    set in one call: separate calls give the same number different lengths.
    """
    import numpy as np

    seconds = np.asarray(seconds, float)
    if len(seconds) == 0 or not np.isfinite(seconds).all():
        raise ValueError("length_bins needs at least one length, all of them numbers")
    edges = np.linspace(seconds.min(), seconds.max(), bins + 1)
    binned = np.digitize(seconds, edges[1:-1])
    joined, kept = np.zeros(bins, int), -1
    room = 0  # recordings in the bin being filled
    for number, count in enumerate(np.bincount(binned, minlength=bins)):
        if kept < 0 or (room >= least and count >= least):
            kept, room = kept + 1, 0
        joined[number] = kept
        room += count
    return joined[binned]
