"""What came out for each sample: collected batch by batch, gathered over processes, summed up."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch
from accelerate import Accelerator

from lib.training.batches import NOBODY
from lib.training.errors import TrainingError
from lib.training.losses import labels_of
from lib.training.metrics import classification_metrics

if TYPE_CHECKING:
    import pandas as pd

    from lib.training.trainer import Training

FIELDS = ("items", "logits", "target", "losses", "weights")


@dataclass
class Outcome:
    """Of n samples, on the CPU: item numbers (n,), logits (n, classes), target, losses (n,), weights (n,)."""

    items: torch.Tensor
    logits: torch.Tensor
    target: torch.Tensor
    losses: torch.Tensor
    weights: torch.Tensor | None
    soft: bool  # fractions count as classes too: 0.5 and more is class 1

    @property
    def labels(self) -> np.ndarray | None:
        """The class of each sample, (n,) int64; None for targets that are no class."""
        if self.target.is_floating_point() and not self.soft:
            return None
        labels = labels_of(self.target, self.logits.shape[1])
        return None if labels is None else labels.numpy()

    def mean_loss(self) -> float:
        """The mean over samples, weighted as the training is."""
        losses = self.losses.double()
        if self.weights is None:
            return losses.mean().item()
        return ((losses * self.weights).sum() / self.weights.sum()).item()

    def accuracy(self) -> float:
        """The share of samples whose class is right; NaN for targets that are no class."""
        if self.labels is None:
            return float("nan")
        return float((predicted(self.logits.numpy()) == self.labels).mean())

    def metrics(self) -> dict[str, float]:
        """See `classification_metrics`."""
        return classification_metrics(self.logits.numpy(), self.labels)

    def item_errors(self) -> "pd.DataFrame":
        """See `Training.item_errors`."""
        import pandas as pd

        if self.labels is None:
            raise TrainingError("item_errors needs one class a sample as target")
        logits = self.logits.double()
        if logits.shape[1] == 1:
            logits = torch.cat([torch.zeros_like(logits), logits], 1)
        probability = logits.softmax(1)[range(len(self.labels)), self.labels]
        frame = pd.DataFrame(
            {
                "item": self.items.numpy(),
                "target": self.labels,
                "predicted": predicted(self.logits.numpy()),
                "probability": probability.numpy(),
                "loss": self.losses.numpy(),
            }
        )
        return frame.sort_values("loss", ascending=False, kind="stable", ignore_index=True)


def predicted(logits: np.ndarray) -> np.ndarray:
    """The likeliest class of each row of (n, classes) logits, (n,) int64."""
    return (logits[:, 0] > 0).astype(np.int64) if logits.shape[1] == 1 else logits.argmax(1)


@dataclass
class Collected:
    """The parts of an outcome, one a batch, left on their device: appending to a list doesn't wait for a GPU."""

    items: list[torch.Tensor] = field(default_factory=list)
    logits: list[torch.Tensor] = field(default_factory=list)
    target: list[torch.Tensor] = field(default_factory=list)
    losses: list[torch.Tensor] = field(default_factory=list)
    weights: list[torch.Tensor | None] = field(default_factory=list)

    def add(self, *parts: torch.Tensor | None) -> None:
        """One batch, in the order of `FIELDS`."""
        for name, part in zip(FIELDS, parts, strict=True):
            getattr(self, name).append(part.detach() if part is not None and part.requires_grad else part)

    def state_dict(self) -> dict:
        """All so far as one batch."""
        return {name: [_joined(getattr(self, name))] if self.items else [] for name in FIELDS}

    def gather(self, training: "Training") -> Outcome:
        """The samples of all processes, each once, in the order of their item numbers."""
        accelerator, soft = training.accelerator, training.config.loss is None
        parts = [_joined(getattr(self, name)) for name in FIELDS]
        items = _everyone(parts[0], accelerator, pad=NOBODY)
        real = torch.nonzero(items != NOBODY)[:, 0]
        order = real[items[real].argsort(stable=True)]
        rest = [None if x is None else _everyone(x, accelerator)[order] for x in parts[1:]]
        return Outcome(items[order], *rest, soft)


def _joined(parts: Sequence[torch.Tensor | None]) -> torch.Tensor | None:
    return None if parts[0] is None else torch.cat(list(parts))


def _everyone(x: torch.Tensor, accelerator: Accelerator, pad: int = 0) -> torch.Tensor:
    """The rows of all processes, padded to equal numbers because a gather needs that."""
    x = accelerator.pad_across_processes(x.to(accelerator.device).contiguous(), dim=0, pad_index=pad)
    return accelerator.gather(x).cpu()
