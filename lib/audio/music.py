"""The features of a set of music clips: computed once, by several processes, and kept.

>>> clips = load_emotify()
>>> features = music_features(clips)
>>> genre = clips.table["genre"].iloc[features.rows]                    # of those clips that have features
>>> features.beat_mel(0).shape                                          # (60, 128): steps from beat to beat
>>> sequences = features.all("fused")                                   # list of (segments, 140)
>>> features.failed                                                     # which clips have none, and why

Every clip has a file of its own in the cache (0.4 MB for 30 s), named by a hash of the clip's content and of the code
and libraries that make the features. So what was interrupted goes on where it stopped, a changed clip is computed
anew, and a second call decodes nothing of clips that have features. Arrays stay on disk until they are asked for.
"""

import hashlib
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Protocol

import joblib
import numpy as np
import pandas as pd
import soundfile
from threadpoolctl import threadpool_limits

from lib.audio import beats as one_clip
from lib.audio import signals as samples
from lib.audio.beats import LEAST_BEATS, RATE, STATISTICS
from lib.data import kept
from lib.data.errors import DataError
from lib.data.progress import bar
from lib.data.store import cache_folder

HALVED = ("mel", "chroma", "beat_mel", "beat_chroma")  # kept as float16
LIBRARIES = ("librosa", "numpy", "scipy", "soundfile")  # on whose versions the features depend
KINDS = ("mel", "chroma", "beats", "beat_mel", "beat_chroma", "fused")


class Clips(Protocol):
    """What is needed of a set of clips: `lib.data.music.Clips` has it."""

    table: pd.DataFrame
    signals: Sequence[np.ndarray]
    rate: int

    def __len__(self) -> int: ...


@dataclass(frozen=True)
class MusicFeatures:
    """The features of n clips; each is read from the cache when asked for. What they are: `lib.audio.beats.of_clip`.

    Spectrograms, chroma and medians are kept as float16: at most 0.03 dB and 0.0003 are lost.
    """

    names: list[str]  # n
    rows: np.ndarray  # (n,) the row of each in the clips that were given
    tempo: np.ndarray  # (n,) beats a minute as estimated, nan where fewer than two beats were found
    beatless: np.ndarray  # (n,) bool: fewer than two beats; medians are over half seconds instead
    statistics: np.ndarray  # (n, 223) float32: numbers for a classifier of vectors
    failed: pd.DataFrame  # name, reason: the clips without features
    files: list[Path]  # n, in the cache
    statistic_names: tuple[str, ...] = STATISTICS

    def __len__(self) -> int:
        return len(self.names)

    def mel(self, i: int) -> np.ndarray:
        """(frames, 128) float32 dB."""
        return self._of(i, "mel")[0]

    def chroma(self, i: int) -> np.ndarray:
        """(frames, 12) float32, C first, the strongest of each frame 1."""
        return self._of(i, "chroma")[0]

    def beats(self, i: int) -> np.ndarray:
        """(k,) frame numbers; the frames are 512 / 22,050 s apart."""
        return self._of(i, "beats")[0]

    def beat_mel(self, i: int) -> np.ndarray:
        """(segments, 128) float32 dB: the medians of `mel` between beats."""
        return self._of(i, "beat_mel")[0]

    def beat_chroma(self, i: int) -> np.ndarray:
        """(segments, 12) float32: the medians of `chroma` between beats."""
        return self._of(i, "beat_chroma")[0]

    def fused(self, i: int) -> np.ndarray:
        """(segments, 140) float32: `beat_mel` and `beat_chroma` side by side."""
        return np.hstack(self._of(i, "beat_mel", "beat_chroma"))

    def all(self, kind: str) -> list[np.ndarray]:
        """All n of a kind, "mel", "chroma", "beats", "beat_mel", "beat_chroma" or "fused", in memory."""
        if kind not in KINDS:
            raise ValueError(f"there is no kind {kind!r}; there are {', '.join(KINDS)}")
        return [getattr(self, kind)(i) for i in range(len(self))]

    def _of(self, i: int, *names: str) -> list[np.ndarray]:
        found = _read(self.files[i], *names)
        if found is None:
            raise DataError(
                f"{self.files[i]}, the features of {self.names[i]}, is gone or damaged: "
                "remove what is left of it and call music_features again."
            )
        return found


def music_features(clips: Clips, workers: int = 2) -> MusicFeatures:
    """The features of every clip, from the cache or computed by `workers` processes (1: by this one).

    The number of workers changes nothing in the result. A clip that is silent, shorter than a second, not finite or
    can't be decoded, or of which a library makes an error, is listed in `failed`, and the others go on.

    Parameters
    ----------
    clips : has `table["name"]`, `signals` and `rate`. Where `signals` has `paths` and `read`, as
        `lib.data.speech.Files`, known clips are recognised by the files' bytes, undecoded, and workers read for
        themselves.

    Raises
    ------
    ValueError
        The clips are not at 22,050 samples a second, none of them has features, or the files' reader is no function
        of a module (nor a partial of one).
    DataError
        The cache can't be written to.
    """
    if clips.rate != RATE:
        raise ValueError(f"the features are made for {RATE} samples a second, not {clips.rate}: read the clips at that")
    if workers < 1:
        raise ValueError(f"there must be at least one worker, not {workers}")
    names = [str(name) for name in clips.table["name"]]
    found, failed, todo = {}, {}, []
    folder = cache_folder() / ".music"
    for i, content in enumerate(_contents(clips.signals)):
        if isinstance(content, Exception):
            failed[i] = _why(content)
            continue
        file = folder / content[:2] / f"{content}.npz"
        found[i] = file, _summary(file)
        if found[i][1] is None:
            todo.append((i, file))
    workers = min(workers, max(len(todo), 1))
    jobs = (joblib.delayed(_made)(i, file, _reader(clips.signals, i)) for i, file in todo)
    # What goes to a worker is sent, not mapped from a temporary file: those would pile up in memory until the end.
    parallel = joblib.Parallel(
        workers, backend="loky" if workers > 1 else "sequential", return_as="generator_unordered", max_nbytes=None
    )
    for i, made in bar(iterable=parallel(jobs), total=len(todo), desc="music features", unit="clip"):
        if isinstance(made, str):
            failed[i] = made
        else:
            found[i] = found[i][0], made
    rows = np.array([i for i in range(len(names)) if i not in failed], int)
    missing = pd.DataFrame([(names[i], failed[i]) for i in sorted(failed)], columns=["name", "reason"])
    if len(rows) == 0:
        why = f"the first, {missing['name'][0]}: {missing['reason'][0]}" if len(missing) else "there are no clips"
        raise ValueError(f"none of {len(names)} clips has features; {why}")
    tempo, count, statistics = zip(*(found[i][1] for i in rows), strict=True)
    return MusicFeatures(
        names=[names[i] for i in rows],
        rows=rows,
        tempo=np.array(tempo),
        beatless=np.array(count) < LEAST_BEATS,
        statistics=np.stack(statistics),
        failed=missing,
        files=[found[i][0] for i in rows],
    )


def _contents(signals: Sequence[np.ndarray]) -> Iterator[str | Exception]:
    """For each clip a hash of all its features depend on, or why it can't be read."""
    paths, read = getattr(signals, "paths", None), getattr(signals, "read", None)
    code = [one_clip, samples, sys.modules[__name__]]
    settings = ""
    if paths is not None:  # what the bytes mean is up to the reader and, in a partial, its settings
        function = getattr(read, "func", read)
        module = sys.modules.get(getattr(function, "__module__", None))
        if getattr(module, "__file__", None) is None or not hasattr(function, "__qualname__"):
            raise ValueError(
                f"the reader must be a function of a module, not {function!r}: its file's content tells whether kept "
                "features are still right"
            )
        code.append(module)
        settings = f"{function.__qualname__} {getattr(read, 'args', '')} {getattr(read, 'keywords', '')}"
    # libsndfile, which decodes, comes with soundfile or with the system.
    versions = [*map(version, LIBRARIES), soundfile.__libsndfile_version__]
    key = f"{kept.code_hash(*code)} {settings} {' '.join(versions)} "
    for i in range(len(signals)):
        digest = hashlib.sha256(key.encode())
        try:
            if paths is not None:
                digest.update(Path(paths[i]).read_bytes())
            else:
                signal = np.ascontiguousarray(signals[i])
                digest.update(f"{signal.dtype} {signal.shape} ".encode() + signal.tobytes())
        except OSError as error:
            yield error if paths is None else DataError(f"{paths[i]} can't be read ({error.strerror})")
        except Exception as error:  # whatever a decoder may raise: one odd clip doesn't end a long run
            yield error
        else:
            yield digest.hexdigest()[:32]


def _why(error: Exception) -> str:
    """The reason to list: what is raised on purpose says enough, other errors need their kind."""
    return str(error) if isinstance(error, (DataError, ValueError)) else f"{type(error).__name__}: {error}"


def _reader(signals: Sequence[np.ndarray], i: int) -> Callable[[], np.ndarray]:
    """What a worker calls to have signal i: a path and how to read it are sent rather than samples."""
    if hasattr(signals, "paths"):
        return partial(signals.read, signals.paths[i])
    return partial(np.asarray, signals[i])


def _made(i: int, file: Path, read: Callable[[], np.ndarray]) -> tuple[int, tuple | str]:
    """Make and store the features of one clip; i and their summary, or why there are none."""
    try:
        # One thread: sums of several come in another order, and the processes are the threads.
        with threadpool_limits(1):
            made = one_clip.of_clip(read())
    except Exception as error:  # librosa's and the decoders' have no class in common
        return i, _why(error)
    _write(file, {name: a.astype(np.float16) if name in HALVED else a for name, a in made.items()})
    return i, (float(made["tempo"]), len(made["beats"]), made["statistics"])


def _summary(file: Path) -> tuple[float, int, np.ndarray] | None:
    """What is in memory of each clip: tempo, number of beats, statistics."""
    read = _read(file, "tempo", "beats", "statistics")
    return read and (float(read[0]), len(read[1]), read[2])


def _read(file: Path, *names: str) -> list[np.ndarray] | None:
    """Some of a file's arrays, float16 as float32; None when it is absent or damaged."""
    try:
        with np.load(file) as arrays:
            return [arrays[n].astype(np.float32) if arrays[n].dtype == np.float16 else arrays[n] for n in names]
    except Exception:  # what damage raises hangs on the byte it hit: zip, zlib, numpy's header, its parser …
        return None


def _write(file: Path, arrays: dict[str, np.ndarray]) -> None:
    """Store under a temporary name and rename, so that a file holds everything or isn't there."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=file.parent, prefix=".", delete=False) as new:
            try:
                np.savez(new, **arrays)
            except BaseException:
                os.unlink(new.name)
                raise
        os.chmod(new.name, 0o644)  # it is made for its owner only, and a cache may be shared
        os.replace(new.name, file)
    except OSError as error:
        raise DataError(
            f"features can't be kept in {file.parent} ({error.strerror}). Name a folder with room as NOTES_CACHE."
        ) from None
