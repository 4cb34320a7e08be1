"""What went wrong in a training, in words that say what to do."""


class TrainingError(Exception):
    """Training can't start or go on: bad data, a loss that is no number, a checkpoint of another run."""
