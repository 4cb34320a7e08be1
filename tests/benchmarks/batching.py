"""Ways to batch sequences of different length: padding, and the time of an epoch of a real training, side by side.

Run with `python tests/benchmarks/batching.py [REPETITIONS]`. A small convolutional network learns from random
log-mel-like sequences (50 frames a second, 64 bands) with the lengths of RAVDESS (the real ones where NOTES_DATA has
them) and with lengths like MSP-Podcast's, 2.75 to 11 s with a heavy tail. All ways take turns, epoch by epoch, in a new
order each time, on one thread; the time is the processor's, so that other work on the machine disturbs little. Medians.
"""

import os
import random
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Dataset

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from lib.batching import LengthBatches, MultiDataLoader, pad_batch, padding_share

FRAMES, BANDS, BATCH, BUCKETS = 50, 64, 64, 20  # frames a second
OURS = "LengthBatches"
POOL = np.random.default_rng(0).normal(size=(2000, BANDS)).astype(np.float32)  # what the sequences are cut from


class Sequences(Dataset):
    """Sequences of given lengths, (frames, 64) float32, with a random class."""

    def __init__(self, frames: np.ndarray) -> None:
        self.frames = frames

    def __len__(self) -> int:
        return len(self.frames)

    def __getitem__(self, i: int) -> tuple:
        start = i % (len(POOL) - self.frames[i])
        return POOL[start : start + self.frames[i]], float(i % 2)


class Net(nn.Module):
    """Two convolutions over time and a mean over the real frames."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv1d(BANDS, 32, 5, padding=2), nn.ReLU(), nn.Conv1d(32, 32, 5, padding=2), nn.ReLU()
        )
        self.last = nn.Linear(32, 1)

    def forward(self, x: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        hidden = self.layers(x.transpose(1, 2))
        real = (torch.arange(x.shape[1]) < lengths[:, None])[:, None]
        return self.last((hidden * real).sum(2) / lengths[:, None])[:, 0]


def ravdess_seconds() -> tuple[np.ndarray, str]:
    """The recordings' lengths, or others like them."""
    files = sorted((Path(os.environ.get("NOTES_DATA", "")) / "ravdess").glob("*.flac"))
    if files:
        import soundfile

        return np.array([soundfile.info(f).duration for f in files]), "RAVDESS"
    seconds = np.random.default_rng(0).normal(3.7, 0.34, 1440).clip(2.9, 5.3)
    return np.round(seconds * 30) / 30, "lengths like RAVDESS's"


def msp_seconds(n: int = 5000) -> np.ndarray:
    """Log-normal, 2.75 to 11 s."""
    seconds = np.random.default_rng(0).lognormal(np.log(5), 0.4, 3 * n)
    return seconds[(seconds > 2.75) & (seconds < 11)][:n]


def pad_to(longest: int) -> Callable[[list], tuple]:
    """A collate function that makes each batch as long as the longest item of all."""

    def collate(items: list) -> tuple:
        x, lengths, target = pad_batch(items)
        return F.pad(x, (0, 0, 0, longest - x.shape[1])), lengths, target

    return collate


class Buckets:
    """The loader of the original pages: equally wide buckets, one drawn with equal chance for each batch."""

    def __init__(self, frames: np.ndarray) -> None:
        edges = np.linspace(frames.min(), frames.max(), BUCKETS + 1)
        bucket = np.digitize(frames, edges[1:-1])
        self.buckets = [np.flatnonzero(bucket == number) for number in np.unique(bucket)]

    def __iter__(self) -> Iterator[list[int]]:
        left = [iter(np.random.permutation(items).tolist()) for items in self.buckets]
        while left:
            items = random.choice(left)
            batch = [i for _, i in zip(range(BATCH), items, strict=False)]
            if batch:
                yield batch
            else:
                left.remove(items)


class Grouped:
    """transformers' sampler of similar lengths, cut into batches."""

    def __init__(self, frames: np.ndarray) -> None:
        from transformers.trainer_pt_utils import LengthGroupedSampler

        self.sampler = LengthGroupedSampler(BATCH, lengths=frames.tolist())

    def __iter__(self) -> Iterator[list[int]]:
        items = list(self.sampler)
        return (items[i : i + BATCH] for i in range(0, len(items), BATCH))


class Shuffled:
    """Batches of random items."""

    def __init__(self, frames: np.ndarray) -> None:
        self.n = len(frames)

    def __iter__(self) -> Iterator[list[int]]:
        items = np.random.permutation(self.n).tolist()
        return (items[i : i + BATCH] for i in range(0, self.n, BATCH))


def loaders(frames: np.ndarray) -> dict[str, DataLoader]:
    """Each way to make batches."""
    data = Sequences(frames)
    by = {"collate_fn": pad_batch}
    return {
        "pad to the longest": DataLoader(data, batch_sampler=Shuffled(frames), collate_fn=pad_to(frames.max())),
        "random batches": DataLoader(data, batch_sampler=Shuffled(frames), **by),
        "original buckets": DataLoader(data, batch_sampler=Buckets(frames), **by),
        "LengthGroupedSampler": DataLoader(data, batch_sampler=Grouped(frames), **by),
        OURS: MultiDataLoader(data, frames, BATCH),
    }


def epoch(net: nn.Module, loader: DataLoader) -> tuple[float, int, int]:
    """Train an epoch; its seconds of processor time, frames computed, batches."""
    optimizer = torch.optim.SGD(net.parameters(), 1e-3)
    began, computed, batches = time.process_time(), 0, 0
    for x, lengths, target in loader:
        loss = F.binary_cross_entropy_with_logits(net(x, lengths), target)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        computed += x.shape[0] * x.shape[1]
        batches += 1
    return time.process_time() - began, computed, batches


def compare(name: str, seconds: np.ndarray, repetitions: int) -> None:
    """Train with each way in turn and print what each took."""
    frames = 1 + np.floor(seconds * FRAMES).astype(int)
    ways, net = loaders(frames), Net()
    found = {way: [] for way in ways}
    for _ in range(repetitions):
        for way in random.sample(list(ways), len(ways)):
            found[way].append(epoch(net, ways[way]))
    print(f"{name}: {len(frames):,} items, {seconds.min():.2f} to {seconds.max():.2f} s, batches of {BATCH}")
    print(f"{'':22}{'padding':>9}{'batches':>9}{'batches/s':>11}{'s an epoch':>12}{'× ours':>8}{'(paired)':>18}")
    ours = np.array([t for t, _, _ in found[OURS]])
    for way, runs in found.items():
        taken, computed, batches = (np.array(column) for column in zip(*runs, strict=True))
        ratios = taken / ours
        print(
            f"{way:22}{np.mean(1 - frames.sum() / computed):9.2%}{np.median(batches):9.0f}"
            f"{np.median(batches / taken):11.1f}{np.median(taken):12.2f}{np.median(taken) / np.median(ours):8.2f}"
            f"{np.median(ratios):8.2f} ({ratios.min():.2f}–{ratios.max():.2f})"
        )
    print()


def sampler_alone() -> None:
    """What it costs to plan an epoch of 70,000 items."""
    lengths = np.random.default_rng(0).lognormal(np.log(5), 0.4, 70_000)
    sampler = LengthBatches(lengths, BATCH)
    taken = []
    for number in range(20):
        began = time.perf_counter()
        batches = sampler.batches(number)
        taken.append(time.perf_counter() - began)
    share = padding_share(lengths, batches)
    print(f"planning an epoch of {len(lengths):,} items: {np.median(taken) * 1e3:.0f} ms; padding {share:.2%}")


def main() -> None:
    repetitions = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    torch.set_num_threads(1)
    print(f"one thread, {repetitions} epochs of each\n")
    seconds, name = ravdess_seconds()
    compare(name, seconds, repetitions)
    compare("lengths like MSP-Podcast's", msp_seconds(), repetitions)
    heavy = np.random.default_rng(1).lognormal(np.log(5), 0.4, 5000)
    compare("the same without a longest length", heavy[heavy > 2.75], repetitions)
    sampler_alone()


if __name__ == "__main__":
    main()
