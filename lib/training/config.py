"""Everything that decides a training, in one place."""

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import torch
from torch import nn

from lib.training.callbacks import Callback

CHOICES = {
    "optimizer": ("adam", "adamw", "sgd"),
    "schedule": ("constant", "exponential", "cosine"),
    "mixed_precision": ("no", "bf16", "fp16"),
    "show": ("auto", "notebook", "lines", "off"),
}


@dataclass(kw_only=True)
class TrainingConfig:
    """The settings of a training. Wrong values raise `ValueError` or `TypeError` at once.

    A batch is `(*inputs, target)`; `model(*inputs)` gives logits of shape (B, classes), or (B, 1) when there
    are two classes. `batch_size` and `accumulate_to` count samples of *all* processes together, so that the
    same configuration does the same on one GPU and on eight (but for batch norm, which sees a process's share).
    The model is trained in place. With one `seed` all of data order, dropout and augmentation is the same again;
    the weights it starts from are the model's own.
    """

    # What is trained, on what. Data: a Dataset (`__getitem__`, `__len__`; see `lib.training.batches`) or a loader
    # of ready-made batches (`__iter__`, `__len__`), which is used as it is.
    model: nn.Module
    train: object
    validation: object | None = None

    epochs: int = 20
    batch_size: int = 192
    collate: Callable[[list], tuple] | None = None  # list of items → batch; None: PyTorch's own
    shuffle: bool = True

    # None: binary cross-entropy for one logit, cross-entropy otherwise. Or callable(logits, target) → (B,) losses;
    # then the target may be anything, and there are metrics only when it is whole numbers, one class a sample.
    loss: Callable[[torch.Tensor, torch.Tensor], torch.Tensor] | None = None
    class_weights: Literal["balanced"] | Sequence[float] | None = None  # one a class; binary: [w0, w1]

    optimizer: str | Callable[[list[nn.Parameter]], torch.optim.Optimizer] = "adamw"
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    schedule: str = "constant"
    warmup: float = 0.0  # fraction of a phase's steps in which the rate grows linearly
    final_factor: float = 0.01  # where the exponential and cosine schedules end, as a factor
    accumulate_to: int | None = None  # samples that an optimiser step gathers
    clip_norm: float | None = None

    # The submodule trained alone first, everything else frozen and in eval mode; then `epochs` of everything.
    head: str | None = None
    head_epochs: int = 0
    head_learning_rate: float | None = None  # in that phase; None: learning_rate

    monitor: str = "val_loss"  # a column of the history; smaller is better when its name holds "loss"
    patience: int | None = None  # epochs without a better value after which a phase ends
    restore_best: bool = True

    mixed_precision: str = "no"
    seed: int = 0
    device: str | None = None  # None: what accelerate finds
    workers: int = 0  # processes that fetch batches; 0: the main one does

    folder: Path | str | None = None  # None: no checkpoints
    checkpoint_every: int = 1  # epochs
    checkpoint_steps: int | None = None  # and also every so many optimiser steps

    show: str = "auto"
    evaluate_train: bool = False  # measure the training columns after the epoch, in eval mode
    callbacks: Sequence[Callback] = field(default_factory=tuple)

    def __post_init__(self) -> None:
        if not isinstance(self.model, nn.Module):
            raise TypeError(f"model must be an nn.Module (an instance, not the class), got {self.model!r}")
        for name, choices in CHOICES.items():
            value = getattr(self, name)
            if value not in choices and not (name == "optimizer" and callable(value)):
                raise ValueError(f"{name} must be one of {', '.join(choices)}; got {value!r}")
        self._check_numbers()
        if not (self.class_weights is None or self.class_weights == "balanced"):
            if isinstance(self.class_weights, str):
                raise ValueError(f'class_weights: None, "balanced" or one number a class; got {self.class_weights!r}')
            self.class_weights = [float(w) for w in self.class_weights]
            if min(self.class_weights, default=0) < 0 or not sum(self.class_weights) > 0:
                raise ValueError(f"class_weights must not be negative nor all zero; got {self.class_weights}")
        if (self.head is None) != (self.head_epochs == 0):
            raise ValueError("a head-only phase needs both: head (a submodule's name) and head_epochs (at least 1)")
        if self.head is not None and self.head not in dict(self.model.named_modules()):
            names = [name for name, _ in self.model.named_children()]
            raise ValueError(f"the model has no submodule {self.head!r}; it has {', '.join(names)}")
        if self.validation is None and self.patience is not None and self.monitor.startswith("val_"):
            raise ValueError(f"patience watches {self.monitor!r}, but there is no validation data")
        for callback in self.callbacks:
            if not isinstance(callback, Callback):
                raise TypeError(f"callbacks are instances of lib.training.Callback, got {callback!r}")

    def _check_numbers(self) -> None:
        whole = {"epochs": 1, "batch_size": 1, "head_epochs": 0, "workers": 0, "seed": 0, "checkpoint_every": 1}
        whole |= {"accumulate_to": 1, "patience": 1, "checkpoint_steps": 1}
        optional = {"accumulate_to", "patience", "checkpoint_steps"}
        for name, least in whole.items():
            value = getattr(self, name)
            if value is None and name in optional:
                continue
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise ValueError(f"{name} must be a whole number of at least {least}; got {value!r}")
        numbers = {
            "learning_rate": self.learning_rate > 0,
            "head_learning_rate": self.head_learning_rate is None or self.head_learning_rate > 0,
            "weight_decay": self.weight_decay >= 0,
            "warmup": 0 <= self.warmup < 1,
            "final_factor": 0 < self.final_factor <= 1,
            "clip_norm": self.clip_norm is None or self.clip_norm > 0,
        }
        for name, good in numbers.items():
            if not good:
                raise ValueError(f"{name} is out of range: {getattr(self, name)!r}")

    def parts(self) -> Iterable[tuple[str, object]]:
        """Each setting with its name."""
        return ((f.name, getattr(self, f.name)) for f in dataclasses.fields(self))
