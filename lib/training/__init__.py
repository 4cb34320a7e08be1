"""A small trainer on Hugging Face accelerate.

>>> from lib.training import Training, TrainingConfig
>>> run = Training(TrainingConfig(model=net, train=train, validation=validation, epochs=20, patience=5)).run()
>>> run.table(), run.best_epoch, run.predict(test), run.item_errors(validation)

Read `config` for what can be set, `callbacks` for what happens when, `trainer` for the loop. Several GPUs or nodes:
`accelerate launch script.py` (on CPUs `torchrun` with ACCELERATE_USE_CPU=true); every process runs the same script,
and calls `predict` and `item_errors` together with the others.
"""

from lib.training.callbacks import Callback
from lib.training.config import TrainingConfig
from lib.training.errors import TrainingError
from lib.training.trainer import Training

__all__ = ["Callback", "Training", "TrainingConfig", "TrainingError"]
