"""What `Training` costs over a loop of its own: seconds an epoch and microseconds a step, side by side in one run.

Run with `python tests/benchmarks/training.py [EPOCHS]`. The data are those of the ECG unit: 68,000 × 40 × 17, batches
of 192. Both take turns, epoch by epoch, and the fastest counts, so that other work on the machine disturbs them alike.
"""

import sys
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from lib.training import Callback, Training, TrainingConfig

N, STEPS, FEATURES, BATCH = 68_000, 40, 17, 192


class MeanNet(nn.Module):
    """The smallest network of the unit, where overhead shows most."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(FEATURES, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 1)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x.mean(1))


class LSTMNet(nn.Module):
    """The unit's usual network."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm, self.last = nn.LSTM(FEATURES, 32, batch_first=True), nn.Linear(32, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(self.lstm(x)[1][0][0])


def bare(net: nn.Module, data: TensorDataset, fused: bool) -> float:
    """Seconds of an epoch of the shortest loop that trains: nothing is measured, checked or kept."""
    optimizer = torch.optim.AdamW(net.parameters(), 1e-3, fused=fused or None)
    x, y = data.tensors
    y = y.float()[:, None]
    began = time.perf_counter()
    for rows in torch.randperm(len(x)).split(BATCH):
        loss = F.binary_cross_entropy_with_logits(net(x.index_select(0, rows)), y.index_select(0, rows))
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    return time.perf_counter() - began


def with_loader(net: nn.Module, data: TensorDataset) -> float:
    """The same with PyTorch's DataLoader, as most tutorials have it."""
    optimizer = torch.optim.AdamW(net.parameters(), 1e-3)
    began = time.perf_counter()
    for x, y in DataLoader(data, batch_size=BATCH, shuffle=True):
        loss = F.binary_cross_entropy_with_logits(net(x), y.float()[:, None])
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    return time.perf_counter() - began


class Alternate(Callback):
    """Runs the other loops between the epochs of `Training`."""

    def __init__(self, make: type[nn.Module], data: TensorDataset) -> None:
        self.net, self.data = make(), data
        self.seconds = {"bare loop, AdamW": [], "bare loop, fused AdamW": [], "bare loop, DataLoader": []}

    def before_epoch(self, training: Training) -> None:
        self.seconds["bare loop, AdamW"].append(bare(self.net, self.data, fused=False))
        self.seconds["bare loop, fused AdamW"].append(bare(self.net, self.data, fused=True))
        self.seconds["bare loop, DataLoader"].append(with_loader(self.net, self.data))


def main() -> None:
    epochs = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    x = torch.randn(N, STEPS, FEATURES)
    data = TensorDataset(x, (x[:, :, 0].mean(1) > 0).long())
    print(f"{torch.get_num_threads()} threads; {-(-N // BATCH)} steps an epoch; best of {epochs} epochs\n")
    for make in (MeanNet, LSTMNet):
        others = Alternate(make, data)
        run = Training(TrainingConfig(model=make(), train=data, epochs=epochs, callbacks=[others], show="off")).run()
        seconds = others.seconds | {"Training": [N / row["examples_per_second"] for row in run.history]}
        base = min(seconds["bare loop, fused AdamW"])
        print(f"{make.__name__:26}{'s an epoch':>12}{'µs a step':>12}{'× bare, fused':>15}")
        for name, taken in seconds.items():
            best = min(taken)
            print(f"{name:26}{best:12.3f}{best / -(-N // BATCH) * 1e6:12.0f}{best / base:15.2f}")
        print()


if __name__ == "__main__":
    main()
