"""A small trainer on Hugging Face accelerate: `Training(TrainingConfig(model=…, train=…)).run()`."""

from lib.training.callbacks import Callback
from lib.training.config import TrainingConfig
from lib.training.errors import TrainingError
from lib.training.trainer import Training

__all__ = ["Callback", "Training", "TrainingConfig", "TrainingError"]
