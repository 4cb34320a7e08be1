"""The training loop: what is done in which order. Everything else hangs on it as callbacks."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import nn

from lib.training import devices, optimizers
from lib.training.batches import Batch, IndexedBatches, LoadedBatches, all_targets, batches_of
from lib.training.callbacks import EVENTS, BestWeights, Callback, ClipGradients, Schedule, in_training
from lib.training.checkpoint import Checkpoint
from lib.training.config import TrainingConfig
from lib.training.display import display_for
from lib.training.errors import TrainingError
from lib.training.evaluate import check_losses, evaluate, forward
from lib.training.gradients import GradientSum
from lib.training.losses import ItemLoss, balanced_weights
from lib.training.metrics import NAMES
from lib.training.outcome import Collected, Outcome
from lib.training.states import random_state, restore_random_state, seed_everything

if TYPE_CHECKING:
    import pandas as pd

CHECK_EVERY = 50  # batches between looks at the losses on a device where each look waits for it


class Phase(NamedTuple):
    """A part of the training in which the same weights move."""

    name: str
    epochs: int
    head: str | None


@dataclass
class Position:
    """How far the training is. Together with the seed it says which batch comes next."""

    phase: int = 0
    phase_epoch: int = 0  # finished epochs of this phase
    epoch: int = 0  # finished epochs of all phases
    batch: int = 0  # finished batches of this epoch
    step: int = 0  # optimiser steps of all phases


class Training:
    """Trains the model of a configuration.

    Attributes
    ----------
    history : one dict an epoch, the columns of `table`.
    model : the network, in eval mode after the run; with `restore_best` with the weights of `best_epoch`.
    best_epoch : number (from 1) of the epoch with the best monitored value, the last when nothing is monitored.

    For callbacks: `config`, `position`, `phase`, `row`, `batch`, `optimizer`, `parameters` (those that move),
    `validated` (`Outcome` of the last validation), `accelerator`, and `stop`, to be set to end a phase.

    Examples
    --------
    >>> run = Training(TrainingConfig(model=net, train=train, validation=validation, epochs=5)).run()
    >>> run.table()[["epoch", "train_loss", "val_loss"]]
    >>> logits = run.predict(test)
    """

    def __init__(self, config: TrainingConfig) -> None:
        self.config = config
        self.accelerator = devices.accelerator_for(config.mixed_precision, config.device)
        self.device = self.accelerator.device
        self.model: nn.Module = config.model.to(self.device)
        self.train_batches = self._batches(config.train, "training", shuffle=config.shuffle, workers=config.workers)
        self.validation_batches = None
        if config.validation is not None:
            self.validation_batches = self._batches(config.validation, "validation", workers=config.workers)
        self.phases = [Phase("full", config.epochs, None)]
        if config.head is not None:
            self.phases.insert(0, Phase("head", config.head_epochs, config.head))
        self.phase, self.position = self.phases[0], Position()
        self.history: list[dict] = []
        self.row: dict = {}
        self.stop = self.has_run = False
        self.validated: Outcome | None = None
        balanced = config.class_weights == "balanced"
        self.item_loss = ItemLoss(config.loss, self._balanced_weights if balanced else config.class_weights)
        self.gradients = GradientSum(self)

        self.best = BestWeights()
        watched = self.validation_batches is not None or not config.monitor.startswith("val_")
        self.checkpoint = Checkpoint(config.folder, config.checkpoint_every, config.checkpoint_steps)
        self.callbacks: list[Callback] = [
            Schedule(),
            *([ClipGradients()] if config.clip_norm is not None else []),
            *config.callbacks,
            *([self.best] if watched else []),
            *([self.checkpoint] if config.folder is not None else []),
            *display_for(config.show, self.accelerator.is_main_process),
        ]
        # Only what is overridden is called, so an empty event costs nothing in the loop.
        self._listeners = {
            event: [
                getattr(c, event) for c in self.callbacks if getattr(type(c), event) is not getattr(Callback, event)
            ]
            for event in EVENTS
        }

    def _batches(
        self, data: object, name: str, shuffle: bool = False, workers: int = 0, shared: bool = True
    ) -> IndexedBatches | LoadedBatches:
        """Batches of some data; `shared=False`: all of them in each process."""
        return batches_of(
            data,
            name,
            batch_size=self.config.batch_size,
            shuffle=shuffle,
            collate=self.config.collate,
            workers=workers,
            seed=self.config.seed,
            rank=self.accelerator.process_index if shared else 0,
            world=self.accelerator.num_processes if shared else 1,
        )

    # -- the loop ----------------------------------------------------------------------------------------------

    def run(self) -> "Training":
        """Train, going on from the checkpoint in `folder` when there is one.

        Raises
        ------
        TrainingError
            For data that can't be trained on, a loss that is not finite, or a checkpoint of another configuration.
        """
        if self.has_run:
            raise TrainingError("this Training has run; make a new Training(config) to train further")
        self.has_run = True
        seed_everything(self.config.seed + self.accelerator.process_index)
        saved = self.checkpoint.load(self)
        try:
            with self._within("run"):
                if saved is not None:
                    self._take_over(saved)
                for number in range(self.position.phase, len(self.phases)):
                    self._enter_phase(number, saved)
                    saved = None
        finally:
            self.model.eval()
            self._call("cleanup_run")
        return self

    @contextmanager
    def _within(self, what: str) -> Iterator[None]:
        """Enter and leave a run, phase, epoch, batch or step."""
        self._call(f"before_{what}")
        yield
        self._call(f"after_{what}")

    def _call(self, event: str) -> None:
        for listener in self._listeners[event]:
            listener(self)

    def _take_over(self, saved: dict) -> None:
        """What a checkpoint holds of the whole run; the optimiser follows when its phase is built."""
        self.position = Position(**saved["position"])
        self.history = saved["history"]
        self.stop = saved["stop"]
        self.model.load_state_dict(saved["model"])

    def _enter_phase(self, number: int, saved: dict | None) -> None:
        """Train one phase: freeze, wrap, make the optimiser, and put all of it back afterwards."""
        self.phase = self.phases[number]
        if saved is None:
            self.position.phase, self.position.phase_epoch, self.stop = number, 0, False
        trainable = {p: p.requires_grad for p in self.model.parameters()}
        if self.phase.head is not None:
            self.model.requires_grad_(False)
            for p in self.model.get_submodule(self.phase.head).parameters():
                p.requires_grad_(trainable[p])
        self.parameters = [p for p in self.model.parameters() if p.requires_grad]
        if not self.parameters:
            raise TrainingError(f"no weight of the model can move in the {self.phase.name} phase: all are frozen")
        raw = optimizers.make(self.config, self.parameters, head=self.phase.head is not None)
        self.wrapped = self.accelerator.prepare_model(self.model)
        # accelerate's optimiser costs 140 µs a step and is needed only where gradients are scaled (fp16).
        scaled = self.accelerator.scaler is not None
        self.optimizer = self.accelerator.prepare_optimizer(raw) if scaled else raw
        try:
            with self._within("phase"):
                if saved is not None:
                    self.checkpoint.take_over_phase(self, saved)
                    self.checkpoint.restore_random(self, saved)
                else:
                    self.collected = Collected()
                while self.position.phase_epoch < self.phase.epochs and not self.stop:
                    self._enter_epoch(saved if self.position.batch else None)
                    saved = None
        finally:
            for p, flag in trainable.items():
                p.requires_grad_(flag)
            devices.unwrap(self.accelerator, self.wrapped, self.model)

    def _enter_epoch(self, saved: dict | None) -> None:
        position = self.position
        with self._within("epoch"):
            if saved is not None:  # what callbacks drew on entering this epoch again must not count
                self.checkpoint.restore_random(self, saved)
            train, seconds = self._train_epoch()
            if self.config.evaluate_train:
                train = evaluate(self, self._batches(self.config.train, "training"))
            self.validated = None
            if self.validation_batches is not None:
                self.validated = evaluate(self, self.validation_batches)
            position.phase_epoch, position.epoch, position.batch = position.phase_epoch + 1, position.epoch + 1, 0
            self.row = self._summary(train, self.validated, seconds)
            self.history.append(self.row)
            self.collected = Collected()

    def _summary(self, train: Outcome, validated: Outcome | None, seconds: float) -> dict:
        """One line of the history."""
        val = dict.fromkeys(NAMES, float("nan")) if validated is None else validated.metrics()
        row = {
            "epoch": self.position.epoch,
            "learning_rate": self.optimizer.param_groups[0]["lr"],
            "train_loss": train.mean_loss(),
            "train_accuracy": train.accuracy(),
            "val_loss": float("nan") if validated is None else validated.mean_loss(),
        }
        row |= {f"val_{name}": val[name] for name in NAMES}
        row |= {"examples_per_second": self._seen / seconds, "phase": self.phase.name}
        self.columns = tuple(row)
        return row

    def _train_epoch(self) -> tuple[Outcome, float]:
        """One pass over the training data; what it gave and the seconds it took."""
        began = time.perf_counter()
        self._seen, self._checked = 0, len(self.collected.losses)
        self.gradients.reset()
        in_training(self.model, self.phase.head)
        self.model.zero_grad(set_to_none=True)
        for batch in self.train_batches.epoch(self.position.epoch, self.position.batch):
            self.batch = batch
            with self._within("batch"):
                due = self.gradients.due(batch)
                # Gradients are averaged over processes once a step, not once a batch.
                with nullcontext() if due else self.accelerator.no_sync(self.wrapped):
                    self._backward(batch)
                if due:
                    self._step()
                self.position.batch = batch.number + 1
                self._seen += batch.size
        self.check_losses()
        outcome = self.collected.gather(self)  # waits for the device
        return outcome, time.perf_counter() - began

    def _backward(self, batch: Batch) -> None:
        logits = forward(self, self.wrapped, batch)
        target, losses, weights = self.item_loss(logits, batch.target)
        self.collected.add(batch.items, logits, target, losses, weights)
        # Looking costs nothing on a CPU; elsewhere it would wait for the device.
        if self.device.type == "cpu" or len(self.collected.losses) - self._checked >= CHECK_EVERY:
            self.check_losses()
        self.gradients.add(batch, losses, weights)

    def _step(self) -> None:
        self.gradients.finish(self.batch)
        with self._within("step"):
            self.optimizer.step()
            self.optimizer.zero_grad()
            self.gradients.reset()
            self.position.step += 1

    def _balanced_weights(self, classes: int) -> torch.Tensor:
        drawn = random_state()  # an augmenting dataset draws, which must not count
        targets = all_targets(self._batches(self.config.train, "training", shared=False))
        restore_random_state(drawn)
        return balanced_weights(targets, classes)

    def check_losses(self) -> None:
        """Raise `TrainingError` when a loss since the last look is not finite."""
        if self._checked < len(self.collected.losses):
            check_losses(self, self.collected, self._checked)
            self._checked = len(self.collected.losses)

    # -- what came out -----------------------------------------------------------------------------------------

    @property
    def best_epoch(self) -> int | None:
        return self.best.epoch or (self.history[-1]["epoch"] if self.history else None)

    def table(self) -> "pd.DataFrame":
        """The history, one row an epoch."""
        import pandas as pd

        return pd.DataFrame(self.history)

    def predict(self, data: object) -> np.ndarray:
        """Logits of a dataset or loader, (n, classes) float32 or (n, 1), in the data's order, in eval mode."""
        return evaluate(self, self._batches(data, "given"), losses=False).logits.numpy()

    def item_errors(self, data: object) -> "pd.DataFrame":
        """Which items the model gets wrong, worst first.

        Columns: item (number in the data), target, predicted (classes), probability (of the target class), loss
        (without class weights). Raises `TrainingError` when the targets are no classes.
        """
        return evaluate(self, self._batches(data, "given")).item_errors()
