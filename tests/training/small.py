"""Small data and networks for the tests, and what they run in processes of their own.

`torchrun small.py train FOLDER` trains with as many processes as it is launched with, and writes what came out to
FOLDER. `python small.py kill FOLDER` trains some cases with checkpoints in FOLDER/CASE, in a child that is
killed without any farewell in the middle of an epoch.
"""

import contextlib
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

from lib.batching import LengthBatches, MultiDataLoader
from lib.training import Callback, Training, TrainingConfig

FEATURES = 6


def net(outputs: int = 1, dropout: float = 0.0, seed: int = 0) -> nn.Sequential:
    """A two-layer network with weights that depend on the seed alone."""
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Linear(FEATURES, 12), nn.ReLU(), nn.Dropout(dropout), nn.Linear(12, 8), nn.Tanh(), nn.Linear(8, outputs)
    )


def tensors(n: int = 100, classes: int = 2, seed: int = 0) -> TensorDataset:
    """Points whose class depends on the first features, with noise; all classes occur."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(n, FEATURES, generator=generator)
    score = x[:, 0] - 0.5 * x[:, 1] + 0.5 * torch.randn(n, generator=generator)
    edges = torch.linspace(-1, 1, classes + 1)[1:-1] if classes > 2 else torch.tensor([0.3])
    return TensorDataset(x, torch.bucketize(score, edges))


class Noisy(Dataset):
    """Adds noise from PyTorch's global generator to each item, anew each time."""

    def __init__(self, data: TensorDataset) -> None:
        self.data = data

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, i: int) -> tuple:
        x, y = self.data[i]
        return x + 0.3 * torch.randn(FEATURES), y


class NoisyBatches(Noisy):
    """The same, whole batches at once."""

    def __getitems__(self, indices: list[int]) -> tuple:
        x, y = self.data[indices]
        return x + 0.3 * torch.randn(x.shape), y


class Buckets:
    """A loader whose order is drawn from PyTorch's global generator while it goes."""

    def __init__(self, data: TensorDataset, size: int = 16) -> None:
        self.data, self.size = data, size

    def __len__(self) -> int:
        return -(-len(self.data) // self.size)

    def __iter__(self):
        left = list(range(len(self.data)))
        while left:
            rows = [left.pop(int(torch.randint(len(left), ()))) for _ in range(min(self.size, len(left)))]
            x, y = self.data[rows]
            yield x + 0.3 * torch.randn(x.shape), y


def of_similar_length(data: Dataset) -> DataLoader:
    """A loader that is read by item numbers, as if the items were the longer the later they come."""
    return DataLoader(data, batch_sampler=LengthBatches(range(1, len(data) + 1), 16))


class Sequences(Dataset):
    """Sequences of 3 to 9 steps, whose class is the sign of their sum; `made` lists what was asked for."""

    def __init__(self, n: int = 60, seed: int = 0) -> None:
        generator = torch.Generator().manual_seed(seed)
        self.lengths = torch.randint(3, 10, (n,), generator=generator).tolist()
        self.items = [torch.randn(k, 2, generator=generator) for k in self.lengths]
        self.made = []

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, i: int) -> tuple:
        self.made.append(i)
        return self.items[i], int(self.items[i].sum() > 0)


class MeanNet(nn.Module):
    """Averages the real steps of a sequence."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.linear = nn.Linear(2, 1)

    def forward(self, x: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        return self.linear(x.sum(1) / lengths[:, None])


def sequences_config(data: Sequences, **changes) -> TrainingConfig:
    """Trains on sequences of similar length; 8 batches an epoch."""
    loader = MultiDataLoader(data, data.lengths, 8, seed=1)
    return config(**{"model": MeanNet(), "train": loader, "validation": None} | changes)


def config(case: str = "plain", **changes) -> TrainingConfig:
    """A configuration by name, everything random in it except for "plain"."""
    train = tensors(100)
    settings = {"epochs": 4, "batch_size": 16, "learning_rate": 0.01, "show": "off", "validation": tensors(40, seed=1)}
    if case != "plain":
        settings |= {"dropout": 0.3, "schedule": "cosine", "warmup": 0.2, "clip_norm": 0.5, "accumulate_to": 32}
        settings |= {"head": "5", "head_epochs": 2, "class_weights": "balanced", "seed": 3}
    if case == "noisy":
        train = Noisy(train)
    elif case == "batches":
        train = NoisyBatches(train)
    elif case == "workers":
        train, settings["workers"] = Noisy(train), 2
    elif case == "loader":
        train = DataLoader(Noisy(train), batch_size=16, shuffle=True)
    elif case == "buckets":
        train = Buckets(train)
    elif case == "lengths":
        train = of_similar_length(Noisy(train))
    settings |= changes
    return TrainingConfig(**{"model": net(dropout=settings.pop("dropout", 0.0)), "train": train} | settings)


CASES = ("noisy", "batches", "workers", "loader", "buckets", "lengths")
KILLED = ("batches", "workers", "buckets")


class StopAt(Callback):
    """Calls a function after so many batches."""

    def __init__(self, batches: int, what: Callable[[], None]) -> None:
        self.left, self.what = batches, what

    def after_batch(self, training: Training) -> None:
        self.left -= 1
        if self.left == 0:
            self.what()


def resumable(case: str, folder: Path, batches: int = 0, what: Callable[[], None] = lambda: None) -> TrainingConfig:
    """A case with checkpoints, which calls `what` after so many batches."""
    checkpoints = {"folder": folder, "checkpoint_steps": 3, "checkpoint_every": 2}
    return config(case, callbacks=[StopAt(batches, what)], **checkpoints)


def outcome(run: Training) -> dict:
    """What a run gave, but for the seconds it took: text that is equal only when every bit is."""
    history = [{k: repr(v) for k, v in row.items() if k != "examples_per_second"} for row in run.history]
    weights = {k: v.cpu().double().flatten().tolist() for k, v in run.model.state_dict().items()}
    return {"history": history, "weights": weights, "best": run.best_epoch}


class Interrupted(Exception):
    """What an interrupted run raises."""


def interrupt() -> None:
    raise Interrupted


# Runs whose result doesn't depend on how many processes share the work: no dropout, no noise.
SHARED = {
    "plain": {"show": "lines"},
    "accumulated": {"accumulate_to": 40, "class_weights": [1, 3], "clip_norm": 0.1, "head": "5", "head_epochs": 1},
    "loader": {"train": DataLoader(tensors(100), batch_size=16, shuffle=True), "class_weights": "balanced"},
    "lengths": {"train": of_similar_length(tensors(100)), "validation": of_similar_length(tensors(40, seed=1))},
    "classes": {"train": tensors(100, 4), "validation": tensors(40, 4, seed=1)},
}


def shared(name: str, **changes) -> dict:
    """Train one of `SHARED` and tell what came out, also for data whose last batch is of one sample only."""
    classes = 4 if name == "classes" else 2
    run = Training(config(model=net(1 if classes == 2 else 4), **SHARED[name] | {"epochs": 3} | changes)).run()
    test = tensors(33, classes, seed=2)
    return {
        "processes": run.accelerator.num_processes,
        **outcome(run),
        "logits": run.predict(test).tolist(),
        "items": sorted(run.item_errors(test)["item"].tolist()),
    }


def train(folder: str) -> None:
    """Train all of `SHARED`; one of them once more, interrupted and resumed."""
    told = {name: shared(name) for name in SHARED}
    again = {"folder": Path(folder) / "checkpoints", "checkpoint_steps": 2}
    with contextlib.suppress(Interrupted):
        shared("accumulated", callbacks=[StopAt(12, interrupt)], **again)
    told["resumed"] = shared("accumulated", callbacks=[StopAt(0, interrupt)], **again)
    if os.environ["RANK"] == "0":
        (Path(folder) / "told.json").write_text(json.dumps(told))
    # Leave together: a process that ends while its threads still serve the other one is aborted.
    torch.distributed.barrier()
    torch.distributed.destroy_process_group()


def kill(folder: str) -> None:
    """Train cases in children, which are killed; forked, so that PyTorch and scikit-learn are loaded once only."""
    import sklearn.metrics  # noqa: F401

    for case in KILLED:
        child = os.fork()
        if child == 0:
            Training(resumable(case, Path(folder) / case, 33, lambda: os.kill(os.getpid(), signal.SIGKILL))).run()
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


if __name__ == "__main__":
    {"train": train, "kill": kill}[sys.argv[1]](sys.argv[2])
