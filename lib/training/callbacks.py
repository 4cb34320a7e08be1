"""What happens around the training loop, each thing in a class of its own.

Every phase, epoch, batch and optimiser step is entered and left at one place in the trainer, which calls the
methods of this name, in the order of the list of callbacks:

    before_run
      before_phase                  "head", then "full"
        before_epoch
          before_batch  after_batch    after_batch: `training.batch` has gone through the model
          before_step   after_step     before_step: gradients are complete, the weights not yet changed
        after_epoch                 `training.row` is filled, and is in the history
      after_phase
    after_run
    cleanup_run                     always, also after an error or an interrupt

The order of the list: `Schedule`, `ClipGradients`, your own callbacks, `BestWeights`, `Checkpoint`, `Display`. So a
column that yours adds to `training.row` in `after_epoch` can be monitored, is stored and is shown.
"""

import math
from typing import TYPE_CHECKING

import torch

from lib.training import schedules
from lib.training.errors import TrainingError

if TYPE_CHECKING:
    from lib.training.trainer import Training

PARTS = ("run", "phase", "epoch", "batch", "step")
EVENTS = (*(f"before_{part}" for part in PARTS), *(f"after_{part}" for part in PARTS), "cleanup_run")


class Callback:
    """Does nothing; override what you need. Each method gets the `Training`.

    To end a phase early set `training.stop = True`. What must survive an interruption goes through `state_dict`.
    """

    def before_run(self, training: "Training") -> None: ...
    def after_run(self, training: "Training") -> None: ...
    def cleanup_run(self, training: "Training") -> None: ...
    def before_phase(self, training: "Training") -> None: ...
    def after_phase(self, training: "Training") -> None: ...
    def before_epoch(self, training: "Training") -> None: ...
    def after_epoch(self, training: "Training") -> None: ...
    def before_batch(self, training: "Training") -> None: ...
    def after_batch(self, training: "Training") -> None: ...
    def before_step(self, training: "Training") -> None: ...
    def after_step(self, training: "Training") -> None: ...

    def state_dict(self) -> dict:
        """What a checkpoint keeps: plain values and tensors only."""
        return {}

    def load_state_dict(self, state: dict) -> None:
        """Take over what `state_dict` gave."""


class Schedule(Callback):
    """Sets the learning rate before each step. It counts batches: an accumulated step takes its last one's."""

    def before_phase(self, training: "Training") -> None:
        self.base = [group["lr"] for group in training.optimizer.param_groups]

    def before_step(self, training: "Training") -> None:
        config, position = training.config, training.position
        n = len(training.train_batches)
        factor = schedules.factor(
            config.schedule,
            position.phase_epoch * n + position.batch,
            training.phase.epochs * n,
            config.warmup,
            config.final_factor,
        )
        for group, base in zip(training.optimizer.param_groups, self.base, strict=True):
            group["lr"] = base * factor


class ClipGradients(Callback):
    """Scales the gradients down when their norm is over the limit."""

    def before_step(self, training: "Training") -> None:
        training.accelerator.unscale_gradients(training.optimizer)
        torch.nn.utils.clip_grad_norm_(training.parameters, training.config.clip_norm)


class BestWeights(Callback):
    """Keeps the weights of the best epoch, ends a phase without progress, restores the weights at the end."""

    def __init__(self) -> None:
        self.value = math.nan
        self.epoch: int | None = None
        self.weights: dict | None = None
        self.waited = 0

    def before_phase(self, training: "Training") -> None:
        self.waited = 0

    def after_epoch(self, training: "Training") -> None:
        config, row = training.config, training.row
        if config.monitor not in row:
            raise TrainingError(f"monitor={config.monitor!r} is no column of the history: {', '.join(row)}")
        value = row[config.monitor]
        better = value < self.value if "loss" in config.monitor else value > self.value
        if better or (math.isnan(self.value) and not math.isnan(value)):
            self.value, self.epoch, self.waited = value, row["epoch"], 0
            if config.restore_best:
                self.weights = {k: v.detach().clone() for k, v in training.model.state_dict().items()}
            return
        self.waited += 1
        if config.patience is not None and self.waited >= config.patience:
            training.stop = True

    def after_run(self, training: "Training") -> None:
        if self.weights is not None and self.epoch != training.history[-1]["epoch"]:
            training.model.load_state_dict(self.weights)

    def state_dict(self) -> dict:
        return {"value": self.value, "epoch": self.epoch, "weights": self.weights, "waited": self.waited}

    def load_state_dict(self, state: dict) -> None:
        self.value, self.epoch, self.waited = state["value"], state["epoch"], state["waited"]
        self.weights = state["weights"]


def in_training(model: torch.nn.Module, head: str | None) -> None:
    """Put the model into training mode, or only its submodule `head`, the rest into eval mode."""
    model.train(head is None)
    if head is not None:
        model.get_submodule(head).train()
