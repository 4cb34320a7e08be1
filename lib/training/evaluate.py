"""Runs the model over data without training it, and finds what is wrong with data when a loss is no number."""

import math
from contextlib import nullcontext
from typing import TYPE_CHECKING

import torch

from lib.training import devices
from lib.training.batches import NOBODY, Batch, IndexedBatches, LoadedBatches
from lib.training.errors import TrainingError
from lib.training.outcome import Collected, Outcome

if TYPE_CHECKING:
    from lib.training.trainer import Training

HUGE = 1e6  # a weight that no healthy training reaches
SHOWN = 10  # item numbers that a message names


def forward(training: "Training", model: torch.nn.Module, batch: Batch) -> torch.Tensor:
    """The logits of a batch, (b, classes) float32. Raises `TrainingError` when the model gives something else."""
    device = training.device
    inputs = (x.to(device, non_blocking=True) if hasattr(x, "to") else x for x in batch.inputs)
    with training.accelerator.autocast() if training.accelerator.native_amp else nullcontext():
        logits = model(*inputs)
    if not isinstance(logits, torch.Tensor) or logits.ndim != 2 or len(logits) != len(batch.target):
        got = tuple(logits.shape) if isinstance(logits, torch.Tensor) else type(logits).__name__
        raise TrainingError(
            f"the model must give logits of shape ({len(batch.target)}, classes), or ({len(batch.target)}, 1) for two "
            f"classes; it gave {got}"
        )
    return logits.float()


@torch.no_grad()
def evaluate(training: "Training", batches: IndexedBatches | LoadedBatches, losses: bool = True) -> Outcome:
    """The outcome of all samples, in the data's order, in eval mode.

    Raises
    ------
    TrainingError
        When the loss of a sample is not finite.
    """
    model = training.model
    modes = {module: module.training for module in model.modules()}
    model.eval()
    devices.share_buffers(training.accelerator, model)
    collected = Collected()
    for batch in batches.epoch(0):
        logits = forward(training, model, batch)
        if losses:
            target, *found = training.item_loss(logits, batch.target)
        else:
            target, found = batch.target, (torch.zeros(len(logits)), None)
        collected.add(batch.items, logits, target, *found)
    for module, mode in modes.items():  # a callback may ask for a prediction in the middle of an epoch
        module.training = mode
    outcome = collected.gather(training)
    bad = outcome.items[~outcome.losses.isfinite()]
    if len(bad):
        raise TrainingError(
            f"the loss of {named(bad)} of the {batches.name} data is not a finite number. "
            f"{reason(training, batches, bad)}"
        )
    return outcome


def named(items: torch.Tensor) -> str:
    """`items 3, 17 and 2 more`."""
    shown = ", ".join(str(i) for i in items[:SHOWN].tolist())
    more = f" and {len(items) - SHOWN} more" if len(items) > SHOWN else ""
    return f"item{'s' * (len(items) > 1)} {shown}{more}"


def reason(
    training: "Training", batches: IndexedBatches | LoadedBatches, items: torch.Tensor, batch: Batch | None = None
) -> str:
    """Why the loss of these items is no number, as far as one can see, and what to try."""
    if batch is None and isinstance(batches, IndexedBatches):
        batch = Batch(0, *batches.fetch(items), items, len(items))
    for number, values in enumerate(batch.inputs if batch else ()):
        if isinstance(values, torch.Tensor) and values.is_floating_point() and len(values) == len(batch.items):
            broken = ~values.reshape(len(values), -1).isfinite().all(1).cpu()
            broken &= torch.isin(batch.items, items)
            if broken.any():
                return f"Input {number} of {named(batch.items[broken])} holds NaN or infinity: mend or drop those."
    if batch and batch.target.is_floating_point() and not batch.target.isfinite().all():
        return "Their target holds NaN or infinity: mend or drop those."
    largest = max(p.detach().abs().max().item() for p in training.model.parameters())
    if not largest < HUGE:  # NaN too
        return (
            f"The weights had grown to {largest:.3g}, so a step before was too large: try a smaller learning_rate, "
            'clip_norm=1, a warmup, or mixed_precision="no".'
        )
    return (
        "Inputs and weights are finite, so the model or the loss makes it (a division by zero, the logarithm of 0, "
        'an overflow): try mixed_precision="no", a smaller learning_rate, clip_norm=1.'
    )


def check_weights(training: "Training") -> None:
    """Raise `TrainingError` when a weight is no finite number, which the next loss would show."""
    if not torch.stack([p.isfinite().all() for p in training.model.parameters()]).all():
        position = training.position
        raise TrainingError(
            f"a weight is no longer a finite number after epoch {position.epoch + (position.batch > 0)}, step "
            f"{position.step}; the last checkpoint is untouched. Try a smaller learning_rate, clip_norm=1, a warmup, "
            'or mixed_precision="no".'
        )


def check_losses(training: "Training", collected: Collected, start: int) -> None:
    """Raise `TrainingError` for the first training batch collected, from `start` on, whose loss is no number."""
    fresh = collected.losses[start:]
    if math.isfinite(torch.cat(fresh).sum().item()):
        return
    finite = torch.stack([losses.isfinite().all() for losses in fresh])
    if finite.all():
        return
    where = start + int((~finite).nonzero()[0])
    losses, items = collected.losses[where].cpu(), collected.items[where]
    bad = items[~losses.isfinite() & (items != NOBODY)]
    number = training.batch.number - (len(collected.losses) - 1 - where)
    current = training.batch if number == training.batch.number else None
    raise TrainingError(
        f"the loss is not a finite number in epoch {training.position.epoch + 1}, batch {number + 1} of "
        f"{len(training.train_batches)}: {named(bad)} of the training data. "
        f"{reason(training, training.train_batches, bad, current)}"
        + (" The last checkpoint is untouched." if training.config.folder is not None else "")
    )
