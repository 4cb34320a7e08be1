"""Hours of sound turned into log-mel spectrograms a second: batched torchaudio against librosa file by file.

Run with `python tests/benchmarks/logmel.py [SECONDS]`: about so many seconds of measuring for each way. The clips are
noise with lengths like RAVDESS's (3 to 5.3 s) or MSP-Podcast's (2.75 to 11 s). The ways take turns and the fastest
turn of each counts, so that other work on the machine disturbs them alike. On a GPU where there is one.
"""

import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import librosa
import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from lib.audio.logmel import LogMel, log_mels

RATE, CLIPS, ROUNDS = 16000, 192, 5
LENGTHS = {"like RAVDESS": (3.0, 5.3), "like MSP-Podcast": (2.75, 11.0)}  # seconds


def by_librosa(signals: list[np.ndarray]) -> list[np.ndarray]:
    """As most tutorials do it: one clip after the other."""
    made = []
    for signal in signals:
        wave = signal.astype(np.float32) / 32768
        power = librosa.feature.melspectrogram(
            y=wave, sr=RATE, n_fft=640, hop_length=320, n_mels=64, htk=True, norm=None, pad_mode="constant"
        )
        made.append(librosa.power_to_db(power, top_db=None).T)
    return made


def one_by_one(signals: list[np.ndarray]) -> list[torch.Tensor]:
    """The same module without batches: what batching alone brings."""
    logmel = LogMel()
    with torch.no_grad():
        return [logmel(torch.from_numpy(signal.copy())[None])[0][0] for signal in signals]


def with_threads(threads: int, make: Callable, signals: list[np.ndarray]) -> object:
    torch.set_num_threads(threads)
    return make(signals)


def ways() -> dict[str, Callable]:
    """What is compared, the reference first."""
    found = {
        "librosa, file by file": partial(with_threads, 1, by_librosa),
        "torchaudio, file by file, 1 thread": partial(with_threads, 1, one_by_one),
        "torchaudio, batched, 1 thread": partial(with_threads, 1, log_mels),
        "torchaudio, batched, 2 threads": partial(with_threads, 2, log_mels),
    }
    if torch.cuda.is_available():
        on_gpu = partial(log_mels, device="cuda", batch_seconds=3600)
        found[f"torchaudio, batched, {torch.cuda.get_device_name()}"] = on_gpu
    return found


def measure(name: str, low: float, high: float, seconds: float) -> None:
    rng = np.random.default_rng(0)
    lengths = (RATE * rng.uniform(low, high, CLIPS)).astype(int)
    signals = [(3000 * rng.standard_normal(n)).astype(np.int16) for n in lengths]
    hours = lengths.sum() / RATE / 3600
    best = dict.fromkeys(ways(), float("inf"))
    for make in ways().values():  # librosa compiles, a GPU starts
        make(signals[:8])
    ended = time.perf_counter() + seconds * len(best)
    rounds = 0
    while rounds < ROUNDS or time.perf_counter() < ended:
        for way, make in ways().items():
            began = time.perf_counter()
            make(signals)
            best[way] = min(best[way], time.perf_counter() - began)
        rounds += 1
    print(f"{name}: {CLIPS} clips of {low:g} to {high:g} s, {60 * hours:.1f} minutes, {rounds} rounds")
    reference = next(iter(best.values()))
    for way, took in best.items():
        print(f"  {way:<45} {hours / took:6.2f} hours/s {reference / took:6.2f} × librosa")


if __name__ == "__main__":
    for name, (low, high) in LENGTHS.items():
        measure(name, low, high, float(sys.argv[1]) if len(sys.argv) > 1 else 5)
