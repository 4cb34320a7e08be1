"""How a training shows itself: one plain line an epoch in a terminal, a live table and curves in a notebook."""

import math
import sys
import time
from html import escape
from typing import TYPE_CHECKING

from lib.training.callbacks import Callback
from lib.training.curves import chart

if TYPE_CHECKING:
    from lib.training.trainer import Training

ROWS = 8  # epochs in the live table: the last ones, and the best
EVERY = 0.5  # seconds between updates within an epoch
MEASURES = ("train_loss", "train_accuracy", "val_loss", "val_accuracy", "val_auroc", "val_f1")


def display_for(show: str, is_main: bool) -> list[Callback]:
    """The callback that shows the run; none for "off" and in all but the main process."""
    if show == "off" or not is_main:
        return []
    return [Notebook()] if show == "notebook" or (show == "auto" and in_notebook()) else [Lines()]


def in_notebook() -> bool:
    """Whether this process is a notebook's kernel. Looks only at what is loaded already."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    return shell is not None and hasattr(shell, "kernel")


def columns(training: "Training") -> list[str]:
    """The columns worth showing: those of `MEASURES` with a value, then what callbacks added."""
    history = training.history
    added = [name for name in history[-1] if name not in training.columns]
    shown = [*MEASURES, *added]
    if training.config.monitor not in shown:
        shown.append(training.config.monitor)
    return [name for name in shown if any(not _empty(row.get(name)) for row in history)]


def _empty(value: object) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _number(value: object) -> str:
    if _empty(value):
        return "–"
    return f"{value:.4f}".replace("-", "−") if isinstance(value, float) else str(value)


class Lines(Callback):
    """One line an epoch."""

    def after_epoch(self, training: "Training") -> None:
        print(line(training, training.row), flush=True)


def line(training: "Training", row: dict) -> str:
    """An epoch as a line of text."""
    total = sum(phase.epochs for phase in training.phases)
    parts = [f"epoch {row['epoch']:{len(str(total))}}/{total}"]
    if len(training.phases) > 1:
        parts.append(f"{row['phase']:4}")
    parts += [f"{name} {_number(row.get(name))}" for name in columns(training)]
    parts.append(f"{row['examples_per_second']:,.0f} examples/s")
    return "  ".join(parts) + ("  best" if row["epoch"] == training.best.epoch else "")


class Notebook(Callback):
    """One output that is replaced while the training runs, so that the stored notebook holds the last state only."""

    def __init__(self) -> None:
        self.handle = None
        self.shown_at = 0.0

    def before_run(self, training: "Training") -> None:
        from IPython.display import display

        self.handle = display(_Shown("<p>Training …</p>", "Training …"), display_id=True)

    def after_batch(self, training: "Training") -> None:
        if time.monotonic() - self.shown_at > EVERY:
            n, done = len(training.train_batches), training.position.batch
            self._show(training, f'epoch {training.position.epoch + 1} <progress value="{done}" max="{n}"></progress>')

    def after_epoch(self, training: "Training") -> None:
        if time.monotonic() - self.shown_at > EVERY:
            self._show(training)

    def cleanup_run(self, training: "Training") -> None:
        self._show(training)

    def _show(self, training: "Training", working: str = "") -> None:
        if self.handle is not None:
            self.handle.update(_Shown(page(training, working), text(training)))
            self.shown_at = time.monotonic()


class _Shown:
    """An output with an HTML and a plain text form."""

    def __init__(self, html: str, plain: str) -> None:
        self.html, self.plain = html, plain

    def _repr_html_(self) -> str:
        return self.html

    def __repr__(self) -> str:
        return self.plain


def chosen_rows(training: "Training") -> list[dict]:
    """The last epochs, and the best one if it is not among them."""
    last = training.history[-ROWS:]
    return [row for row in training.history[:-ROWS] if row["epoch"] == training.best.epoch] + last


def text(training: "Training") -> str:
    """The rows as plain text."""
    return "\n".join(line(training, row) for row in chosen_rows(training)) or "no epoch yet"


def page(training: "Training", working: str = "") -> str:
    """The table of the last epochs and two curves."""
    history = training.history
    below = f"<p>{working}</p>" if working else ""
    if not history:
        return below or "<p>no epoch yet</p>"
    names = columns(training)
    heads = ["epoch", *(["phase"] if len(training.phases) > 1 else []), *names, "examples/s"]
    lines = []
    for row in chosen_rows(training):
        best = row["epoch"] == training.best.epoch
        cells = [row["phase"]] if len(training.phases) > 1 else []
        cells += [_number(row.get(name)) for name in names] + [f"{row['examples_per_second']:,.0f}"]
        marked = "".join(f"<td>{'<b>' * best}{escape(c)}{'</b>' * best}</td>" for c in cells)
        lines.append(f'<tr><th scope="row">{row["epoch"]}{" (best)" * best}</th>{marked}</tr>')
    head = "".join(f'<th scope="col">{escape(name.replace("_", " "))}</th>' for name in heads)
    table = f'<table class="dataframe"><thead><tr>{head}</tr></thead><tbody>{"".join(lines)}</tbody></table>'
    second = "accuracy"
    monitored = training.config.monitor.removeprefix("val_")
    if f"val_{monitored}" in names and monitored not in ("loss", "accuracy"):
        second = monitored
    charts = ""
    for name in ("loss", second):
        series = {
            label: [row.get(f"{part}_{name}", math.nan) for row in history]
            for part, label in (("train", "training"), ("val", "validation"))
        }
        charts += chart(name.replace("_", " "), series, training.best.epoch)
    return f"<div>{charts}</div>{table}{below}"
