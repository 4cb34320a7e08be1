"""The random generators of Python, NumPy and PyTorch as one thing to seed, store and put back."""

import random

import numpy as np
import torch


def seed_everything(seed: int, cuda: bool = True) -> None:
    """Seed the global generators; `cuda=False` leaves the GPUs' alone."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    if cuda:
        torch.manual_seed(seed)
    else:
        torch.default_generator.manual_seed(seed)


def random_state(cuda: bool = True) -> dict:
    """The state of the global generators, made of plain values and tensors only."""
    kind, keys, *rest = np.random.get_state()
    state = {
        "python": random.getstate(),
        # As int64, because PyTorch can't send uint32 to another process.
        "numpy": (kind, torch.from_numpy(keys.astype(np.int64)), *rest),
        "torch": torch.get_rng_state(),
    }
    if cuda and torch.cuda.is_available():
        state["cuda"] = torch.cuda.get_rng_state_all()
    return state


def restore_random_state(state: dict) -> None:
    """Put the global generators into a state that `random_state` gave."""
    random.setstate(state["python"])
    kind, keys, *rest = state["numpy"]
    np.random.set_state((kind, keys.numpy().astype(np.uint32), *rest))
    torch.set_rng_state(state["torch"])
    if "cuda" in state and torch.cuda.is_available():
        torch.cuda.set_rng_state_all(state["cuda"])
