"""Checkpoints: all that a run needs to go on as if it had never stopped, in one file that is replaced at once."""

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from accelerate.utils import gather_object
from torch.utils.data import Subset, TensorDataset

from lib.training.callbacks import Callback
from lib.training.errors import TrainingError
from lib.training.evaluate import check_weights
from lib.training.outcome import Collected
from lib.training.states import random_state, restore_random_state

if TYPE_CHECKING:
    from lib.training.trainer import Training

FILE = "checkpoint.pt"
FORMAT = 1
# Settings that don't change what comes out, or (device) can't be told apart usefully.
FREE = {"device", "folder", "checkpoint_every", "checkpoint_steps", "show"}


class Checkpoint(Callback):
    """Writes the state of the run every so many epochs and optimiser steps, and at the end of each phase."""

    def __init__(self, folder: Path | str | None, every: int, steps: int | None) -> None:
        self.file = None if folder is None else Path(folder) / FILE
        self.every, self.steps = every, steps
        self.saved_step = -1

    def after_batch(self, training: "Training") -> None:
        step = training.position.step
        # Only between steps: gradients that wait to be complete are not kept.
        if self.steps and step % self.steps == 0 and training.gradients.samples == 0 and step != self.saved_step:
            training.check_losses()
            self.save(training)

    def after_epoch(self, training: "Training") -> None:
        position = training.position
        ended = training.stop or position.phase_epoch == training.phase.epochs
        if ended or position.phase_epoch % self.every == 0:
            self.save(training)

    def save(self, training: "Training") -> None:
        """Write the checkpoint. All processes must call it; the main one writes."""
        check_weights(training)
        self.saved_step = training.position.step
        own = [{"random": random_state(), "collected": training.collected.state_dict()}]
        everyone = gather_object(own)
        if not training.accelerator.is_main_process:
            return
        scaler = training.accelerator.scaler
        state = {
            "format": FORMAT,
            "settings": self.settings,
            "model": training.model.state_dict(),
            "optimizer": training.optimizer.state_dict(),
            "scaler": None if scaler is None else scaler.state_dict(),
            "position": vars(training.position),
            "history": training.history,
            "stop": training.stop,
            "processes": everyone,
            "callbacks": [c.state_dict() for c in training.callbacks],
        }
        write_atomically(state, self.file)

    def load(self, training: "Training") -> dict | None:
        """The checkpoint of this configuration, None when there is none.

        Raises
        ------
        TrainingError
            When the file can't be read or is of another configuration.
        """
        if self.file is None:
            return None
        self.settings = ours = settings(training)
        if not self.file.is_file():
            return None
        try:
            state = torch.load(self.file, map_location="cpu", weights_only=True)
            theirs = state["settings"]
            if state["format"] != FORMAT:
                raise ValueError("another format")
        except Exception as error:  # whatever a spoiled file makes of the unpickler
            raise TrainingError(f"{self.file} can't be read: delete it to start anew") from error
        differ = [k for k in {**ours, **theirs} if ours.get(k) != theirs.get(k)]
        if differ:
            lines = [f"  {k}: {theirs.get(k)} there, {ours.get(k)} now" for k in differ]
            raise TrainingError(
                f"{self.file} is of another configuration:\n" + "\n".join(lines) + "\n"
                "Take another folder, or delete that file to start anew."
            )
        return state

    def take_over_phase(self, training: "Training", saved: dict) -> None:
        """What belongs to the phase: optimiser, what the epoch gave so far, the callbacks' own states."""
        training.optimizer.load_state_dict(saved["optimizer"])
        if saved["scaler"] is not None:
            training.accelerator.scaler.load_state_dict(saved["scaler"])
        own = saved["processes"][training.accelerator.process_index]
        parts = {
            name: [x if x is None or name == "items" else x.to(training.device) for x in values]
            for name, values in own["collected"].items()
        }
        training.collected = Collected(**parts)
        # The display comes last and has no state, so a run may go on with another one, or none.
        for callback, state in zip(training.callbacks, saved["callbacks"], strict=False):
            callback.load_state_dict(state)

    def restore_random(self, training: "Training", saved: dict) -> None:
        """Put the random generators of this process where they were."""
        restore_random_state(saved["processes"][training.accelerator.process_index]["random"])


def write_atomically(state: dict, file: Path) -> None:
    """Replace the file in one step: whatever happens while writing, the former one stays whole."""
    file.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            torch.save(state, stream)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, file)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def settings(training: "Training") -> dict[str, str]:
    """What makes a configuration this one and no other, each setting as text for comparing and showing."""
    told = {name: _told(value) for name, value in training.config.parts() if name not in FREE}
    shapes = [f"{k} {tuple(v.shape)}" for k, v in training.model.state_dict().items()]
    told["model"] = f"{training.model}\n{', '.join(shapes)}"
    told["class_weights"] = repr(training.config.class_weights)
    told["callbacks"] = ", ".join(type(c).__qualname__ for c in training.config.callbacks)
    told["workers"] = str(training.config.workers > 0)
    told["processes"] = str(training.accelerator.num_processes)
    return told


def _told(value: object) -> str:
    if isinstance(value, Subset):
        chosen = torch.as_tensor(value.indices)
        return f"{_told(value.dataset)}, of these {len(chosen)} ({_fingerprint(chosen)})"
    if type(value) is TensorDataset:
        shapes = ", ".join(str(tuple(x.shape)) for x in value.tensors)
        return f"tensors {shapes} (target {_fingerprint(value.tensors[-1])})"
    if value is None or isinstance(value, (bool, int, float, str)):
        return repr(value)
    name = getattr(value, "__qualname__", type(value).__qualname__)
    if hasattr(value, "__len__"):
        name += f" of {len(value)}"
    # Other recordings of the same number, such as another fold's, must not be taken for these.
    if isinstance(getattr(value, "targets", None), torch.Tensor):
        name += f" (target {_fingerprint(value.targets)})"
    sampler = getattr(value, "batch_sampler", None)
    if callable(getattr(sampler, "batches", None)):
        order = [item for batch in sampler.batches(0) for item in (*batch.tolist(), -1)]
        name += f" (first epoch {_fingerprint(torch.tensor(order))})"
    return f"{name}, from {_told(value.dataset)}" if hasattr(value, "dataset") else name


def _fingerprint(x: torch.Tensor) -> str:
    import hashlib

    return hashlib.sha256(x.detach().cpu().contiguous().numpy().tobytes()).hexdigest()[:12]
