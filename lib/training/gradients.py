"""Gradients added up over batches and processes until a step is due."""

from typing import TYPE_CHECKING

import torch

from lib.training.batches import NOBODY, Batch

if TYPE_CHECKING:
    from lib.training.trainer import Training


class GradientSum:
    """Makes one optimiser step of several batches, as exact as if they had been one.

    The gradient of a step is that of Σ wᵢ lᵢ / Σ wᵢ over all samples gathered, in all processes, however many each
    batch has. (Averaging the batches' means would give samples of a small last batch more say.)
    """

    def __init__(self, training: "Training") -> None:
        self.training = training
        self.reset()

    def reset(self) -> None:
        """Start anew."""
        self.samples = 0
        self.weight: torch.Tensor | float = 0.0

    def due(self, batch: Batch) -> bool:
        """Whether this batch completes a step: enough samples, or the last of the epoch."""
        enough = self.samples + batch.size >= (self.training.config.accumulate_to or 1)
        return enough or batch.number == len(self.training.train_batches) - 1

    def add(self, batch: Batch, losses: torch.Tensor, weights: torch.Tensor | None) -> None:
        """Add a batch's gradients: losses (b,) and weights (b,) or None."""
        accelerator = self.training.accelerator
        if batch.items[0] == NOBODY:
            losses, weights = losses * 0, weights if weights is None else weights * 0
        total = (losses if weights is None else losses * weights).sum()
        # Divided by the expected size for now, which keeps half precision in range; `finish` makes it exact.
        # Processes' gradients are averaged, not added: hence the factor.
        accelerator.backward(total * (accelerator.num_processes / self._expected(batch)))
        self.samples += batch.size
        if weights is not None:
            self.weight = self.weight + weights.sum()

    def finish(self, batch: Batch) -> None:
        """Divide by what was really gathered."""
        expected, gathered = self._expected(batch), self.samples
        if self.training.item_loss.weights is not None:
            gathered = self.training.accelerator.reduce(self.weight).clamp(min=1e-12)
        elif gathered == expected:
            return
        gradients = [p.grad for p in self.training.parameters if p.grad is not None]
        torch._foreach_mul_(gradients, expected / gathered)

    def _expected(self, batch: Batch) -> int:
        return self.training.config.accumulate_to or batch.size
