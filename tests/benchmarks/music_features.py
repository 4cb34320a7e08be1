"""Clips of music turned into features a second, by 1 and 2 processes and a plain loop; memory for 4 times the clips.

Run with `python tests/benchmarks/music_features.py [CLIPS]`. The clips, of 30 s, are made by code and stored as ogg.
The ways take turns, each time from an empty cache, and the fastest turn of each counts, so that other work on the
machine disturbs them alike. The plain loop is what tutorials do: decode, then one librosa call a feature, each with
its own Fourier transform. It makes mel, chroma and beats only; ours makes medians and statistics too and stores all.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import librosa
import numpy as np
import pandas as pd
import soundfile
from threadpoolctl import threadpool_limits

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from lib.audio.beats import RATE
from lib.audio.music import music_features
from lib.data.speech import Files

SECONDS, ROUNDS, MEMORY_CLIPS = 30, 3, 10


def decode(path: Path) -> np.ndarray:
    return soundfile.read(path, dtype="float32")[0]


def write_clips(folder: Path, n: int, first: int = 0) -> list[Path]:
    """n files: chords that change every two beats, with a noisy click at each beat."""
    t = np.arange(SECONDS * RATE) / RATE
    for seed in range(first, first + n):
        rng = np.random.default_rng(seed)
        beat = 60 / rng.uniform(70, 160)
        steps = rng.integers(0, 24, (SECONDS, 3))[(t / beat / 2).astype(int) % SECONDS]
        sound = 0.05 * np.sin(2 * np.pi * np.cumsum(220 * 2 ** (steps / 12), axis=0) / RATE).sum(1)
        sound += 0.2 * np.exp(-(t % beat) * 30) * rng.standard_normal(len(t)) + 0.002 * rng.standard_normal(len(t))
        # In pieces: libsndfile's encoder of ogg fails on very long single writes.
        with soundfile.SoundFile(folder / f"{seed:04}.ogg", "w", RATE, 1) as file:
            for start in range(0, len(sound), RATE):
                file.write(sound[start : start + RATE])
    return sorted(folder.glob("*.ogg"))[first : first + n]


def clips_of(paths: list[Path]) -> SimpleNamespace:
    return SimpleNamespace(
        table=pd.DataFrame({"name": [path.stem for path in paths]}), signals=Files(paths, decode), rate=RATE
    )


def plain_loop(paths: list[Path]) -> list[tuple]:
    made = []
    for path in paths:
        y = decode(path)
        mel = librosa.power_to_db(librosa.feature.melspectrogram(y=y, sr=RATE, n_mels=128))
        made.append((mel, librosa.feature.chroma_stft(y=y, sr=RATE), librosa.beat.beat_track(y=y, sr=RATE)))
    return made


@contextmanager
def empty_cache() -> Iterator[None]:
    """NOTES_CACHE is an empty folder; afterwards it is what it was."""
    before = os.environ.get("NOTES_CACHE")
    with tempfile.TemporaryDirectory() as cache:
        os.environ["NOTES_CACHE"] = cache
        try:
            yield
        finally:
            if before is None:
                del os.environ["NOTES_CACHE"]
            else:
                os.environ["NOTES_CACHE"] = before


def ours(workers: int, paths: list[Path]) -> None:
    with empty_cache():
        music_features(clips_of(paths), workers)


def speeds(paths: list[Path]) -> None:
    """Print clips/s of each way, and of a second call."""
    ways: dict[str, Callable] = {
        "plain loop of librosa": plain_loop,
        "music_features, 1 worker": partial(ours, 1),
        "music_features, 2 workers": partial(ours, 2),
    }
    best = dict.fromkeys(ways, float("inf"))
    for way in ways.values():  # librosa compiles, processes start
        way(paths[:4])
    for _ in range(ROUNDS):
        for name, way in ways.items():
            began = time.perf_counter()
            way(paths)
            best[name] = min(best[name], time.perf_counter() - began)
    with empty_cache():
        music_features(clips_of(paths), 2)
        began = time.perf_counter()
        music_features(clips_of(paths), 2)
        best["music_features, second call"] = time.perf_counter() - began
    print(f"{len(paths)} clips of {SECONDS} s, the fastest of {ROUNDS} turns, load {os.getloadavg()[0]:.1f}")
    for name, took in best.items():
        print(f"  {name:<30} {len(paths) / took:8.2f} clips/s {best['plain loop of librosa'] / took:8.2f} × plain loop")


def peak(workers: int, paths: list[Path]) -> tuple[float, float]:
    """MiB that a fresh process, and the largest of its workers, take at most."""
    call = [sys.executable, __file__, "--peak", str(workers), *map(str, paths)]
    return tuple(json.loads(subprocess.run(call, check=True, capture_output=True, text=True).stdout))


def memory(paths: list[Path]) -> None:
    """Print peak memory with n clips and with 4 n."""
    for workers in (1, 2):
        few, many = (peak(workers, part) for part in (paths[: len(paths) // 4], paths))
        print(f"peak memory, {workers} worker(s), {len(paths) // 4} and {len(paths)} clips")
        for name, a, b in zip(("parent", "worker"), few, many, strict=True):
            if workers > 1 or name == "parent":
                print(f"  {name:<30} {a:8.0f} MiB {b:8.0f} MiB {b / a:8.2f} ×")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--peak"]:
        with threadpool_limits(1):  # the parent's limit doesn't reach here
            ours(int(sys.argv[2]), [Path(path) for path in sys.argv[3:]])
        from joblib.externals.loky import get_reusable_executor

        if int(sys.argv[2]) > 1:
            get_reusable_executor().shutdown(wait=True)  # a child's peak is known once it has ended
        who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
        unit = 2**20 if sys.platform == "darwin" else 2**10  # bytes there, KiB on Linux
        print(json.dumps([resource.getrusage(w).ru_maxrss / unit for w in who]))
    else:
        with threadpool_limits(1), tempfile.TemporaryDirectory() as folder:  # processes are to be the only threads
            speeds(write_clips(Path(folder), int(sys.argv[1]) if len(sys.argv) > 1 else 24))
        with tempfile.TemporaryDirectory() as folder:
            memory(write_clips(Path(folder), 4 * MEMORY_CLIPS))
