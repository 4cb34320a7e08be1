"""How a training shows itself: one plain line an epoch in a terminal, a live table and curves in a notebook."""

from typing import TYPE_CHECKING

from lib.training.callbacks import Callback

if TYPE_CHECKING:
    from lib.training.trainer import Training


def display_for(show: str, is_main: bool) -> list[Callback]:
    """The callback that shows the run, none for "off" and for all but the main process."""
    if show == "off" or not is_main:
        return []
    return [Lines()]


class Lines(Callback):
    """One line an epoch."""

    def after_epoch(self, training: "Training") -> None:
        row = training.row
        shown = ("train_loss", "val_loss", "val_accuracy", "val_auroc", "val_f1")
        numbers = [f"{name} {row[name]:.4f}" for name in shown if row[name] == row[name]]
        rate = f"{row['examples_per_second']:,.0f} examples/s"
        print(f"epoch {row['epoch']:3}  {'  '.join(numbers)}  {rate}", flush=True)
