"""Hours of sound spoiled a second, each kind at its middle strength: by batch, item by item, and by other libraries.

Run with `python tests/benchmarks/corruptions.py [SECONDS]`: about so many seconds of measuring for each kind. One
thread. The clips are noise of 3 s at 16 kHz, as pieces in training are. The ways take turns and the fastest turn of
each counts, so that other work on the machine disturbs them alike. audiomentations and torch-audiomentations are
compared with where they have the same kind and are installed; neither is a dependency.
"""

import importlib
import sys
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import ModuleType

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from lib.audio.corruptions import CORRUPTIONS, RandomCorruptions, corrupt

RATE, CLIPS, SECONDS, ROUNDS = 16000, 32, 3.0, 3
PINK = -3.01  # dB an octave
IN_TRAINING = (  # all kinds but the codecs and what changes pace or pitch
    "white_noise", "pink_noise", "babble", "reverberation", "low_pass", "high_pass", "telephone", "band_mask",
    "clipping", "gain", "quantisation", "time_mask", "packet_loss",
)  # fmt: skip


def of_audiomentations(a: ModuleType) -> dict[str, Callable]:
    """Its ways of the same kinds, at the same strengths."""
    loudness = {"min_gain_db": -20, "max_gain_db": 20}
    return {
        "white_noise": partial(a.AddGaussianSNR, 10, 10),
        "pink_noise": partial(a.AddColorNoise, 10, 10, PINK, PINK),
        "low_pass": partial(a.LowPassFilter, 2000, 2000, 48, 48, zero_phase=True),
        "high_pass": partial(a.HighPassFilter, 400, 400, 48, 48, zero_phase=True),
        "clipping": partial(a.ClippingDistortion, 10, 10),
        "gain": partial(a.Gain, **loudness),
        "quantisation": partial(a.BitCrush, 4, 4),
        "time_mask": partial(a.TimeMask, 0.66, 0.67),
        "mp3": partial(a.Mp3Compression, 24, 24, backend="fast-mp3-augment"),
        "pitch": partial(a.PitchShift, 3, 3),
        "tempo": partial(a.TimeStretch, 1.3, 1.3),
    }


def of_torch_audiomentations(a: ModuleType) -> dict[str, Callable]:
    loudness = {"min_gain_in_db": -20, "max_gain_in_db": 20}
    return {
        "white_noise": partial(a.AddColoredNoise, 10, 10.01, 0, 0.01),
        "pink_noise": partial(a.AddColoredNoise, 10, 10.01, PINK, PINK + 0.01),
        "low_pass": partial(a.LowPassFilter, 2000, 2001),
        "high_pass": partial(a.HighPassFilter, 400, 401),
        "gain": partial(a.Gain, **loudness),
    }


def by_item(name: str, strength: float, x: torch.Tensor) -> list[torch.Tensor]:
    """One call an item: what batching alone brings."""
    return [corrupt(item[None], name, strength, others=x if name == "babble" else None) for item in x]


def by_audiomentations(change: Callable, x: torch.Tensor) -> list:
    return [change(item, RATE) for item in x.numpy()]


def by_torch_audiomentations(change: Callable, x: torch.Tensor) -> torch.Tensor:
    return change(x[:, None], RATE)


def ways(name: str) -> dict[str, Callable]:
    """What is compared for a kind, each from a batch."""
    strength = CORRUPTIONS[name].strengths[2]
    found = {"batch": lambda x: corrupt(x, name, strength), "item by item": partial(by_item, name, strength)}
    others = (
        ("audiomentations", of_audiomentations, by_audiomentations, {}),
        ("torch_audiomentations", of_torch_audiomentations, by_torch_audiomentations, {"output_type": "tensor"}),
    )
    for package, kinds, call, options in others:
        try:
            make = kinds(importlib.import_module(package)).get(name)
            if make is not None:
                found[package] = partial(call, make(p=1.0, **options))
        except ImportError:
            pass
    return found


def fastest(compared: dict[str, Callable], x: torch.Tensor, seconds: float) -> dict[str, float]:
    """Hours of sound a second of each way, in its best turn."""
    best = dict.fromkeys(compared, float("inf"))
    for change in compared.values():  # filters are designed, memory is taken
        change(x[:2])
    ended, rounds = time.perf_counter() + seconds, 0
    while rounds < ROUNDS or time.perf_counter() < ended:
        for way, change in compared.items():
            began = time.perf_counter()
            change(x)
            best[way] = min(best[way], time.perf_counter() - began)
        rounds += 1
    return {way: len(x) * SECONDS / 3600 / took for way, took in best.items()}


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # of the other libraries
    torch.set_num_threads(1)
    torch.manual_seed(0)
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 3
    x = 0.1 * torch.randn(CLIPS, int(SECONDS * RATE))
    columns = ("batch", "item by item", "audiomentations", "torch_audiomentations")
    print("hours/s".ljust(16), *(f"{column:>22}" for column in columns), "   ms an item, batch")
    for name in CORRUPTIONS:
        speeds = fastest(ways(name), x, seconds)
        cells = (f"{speeds[column]:22.3f}" if column in speeds else f"{'–':>22}" for column in columns)
        print(name.ljust(16), *cells, f"{SECONDS / 3.6 / speeds['batch']:19.2f}", flush=True)
    spoil = RandomCorruptions({name: CORRUPTIONS[name].strengths[1:4:2] for name in IN_TRAINING}, chance=1)
    many = x.repeat(8, 1)  # so that all kinds have their share, in every turn the same
    speed = fastest({"": lambda x: spoil(x, torch.Generator().manual_seed(0))}, many, seconds)[""]
    print(f"RandomCorruptions of {len(IN_TRAINING)} kinds: {speed:.3f} hours/s, {SECONDS / 3.6 / speed:.2f} ms an item")
