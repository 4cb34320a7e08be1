"""ECGs for a network: prepared once, cut into changing crops for training, scored whole.

Needs PyTorch, which `lib.ecg` itself does not.
"""

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

RATE = 100  # samples a second after `prepare`
BAND = (0.5, 40.0)  # Hz: below is the wandering baseline, above mostly muscle and mains
LIMIT = 4.0  # what is beyond is an artefact; an R peak is about 1


def prepare(signal: np.ndarray, fs: float) -> np.ndarray:
    """Band-pass, resample to `RATE` and scale so that a usual R peak is about 1.

    Parameters
    ----------
    signal : (steps,) finite numbers, any unit. fs : samples a second; a multiple of `RATE`.

    Returns
    -------
    (ceil(steps · RATE / fs),) float32 within ±`LIMIT`; zeros where nothing was recorded.

    Raises
    ------
    ValueError
        Not one dimension, empty, not finite, or a rate that is no multiple of `RATE`.
    """
    from scipy.signal import butter, sosfiltfilt

    x = np.asarray(signal)
    if x.ndim != 1 or x.size == 0 or x.dtype.kind not in "iuf":
        raise ValueError(f"one row of numbers is needed, got shape {x.shape} of {x.dtype}")
    if not np.isfinite(x).all():
        raise ValueError("there are NaN or infinite samples")
    if fs < RATE or fs % RATE:
        raise ValueError(f"the rate must be a multiple of {RATE} Hz, got {fs}")
    x = x.astype(np.float64)
    x = x - np.median(x)
    filtered = sosfiltfilt(butter(2, BAND, "bandpass", fs=fs, output="sos"), x, padlen=min(len(x) - 1, int(fs)))
    x = filtered[:: int(fs // RATE)]
    # The middle of the highest deflections of each second: neither silence nor a few artefacts move it.
    seconds = np.array_split(np.abs(x), max(1, len(x) // RATE))
    height = np.median([second.max() for second in seconds])
    if not height > 1e-9:
        return np.zeros(len(x), np.float32)
    return np.clip(x / height, -LIMIT, LIMIT).astype(np.float32)


def pad(signals: Sequence[np.ndarray], steps: int | None = None) -> tuple[Tensor, Tensor]:
    """Signals of unequal length as one array with zeros behind: (n, steps) float32 and (n, steps) bool, true inside."""
    lengths = np.array([len(s) for s in signals])
    steps = int(lengths.max()) if steps is None else steps
    x = np.zeros((len(signals), steps), np.float32)
    for row, signal in zip(x, signals, strict=True):
        row[: len(signal)] = signal
    return torch.from_numpy(x), torch.from_numpy(np.arange(steps) < lengths[:, None])


class RandomCrops(torch.utils.data.Dataset):
    """Records for training: another part of each, slightly changed, whenever it is asked for.

    Each change keeps the rhythm's name: part of the record, upside down (electrodes swapped), larger or
    smaller, up to `stretch` faster or slower. All is drawn from PyTorch's global generator, so a training
    with the same seed, or one that goes on from a checkpoint, sees the same crops.

    Parameters
    ----------
    signals : n arrays from `prepare`. targets : (n,) class numbers. steps : longest crop, in samples.
    stretch : largest relative change of the speed.

    Raises
    ------
    ValueError
        Unequal numbers of signals and targets, `steps` below 1, or `stretch` outside 0 to 0.5.
    """

    def __init__(
        self, signals: Sequence[np.ndarray], targets: Sequence[int], steps: int = 20 * RATE, stretch: float = 0.1
    ) -> None:
        if len(signals) != len(targets):
            raise ValueError(f"{len(signals)} signals but {len(targets)} targets")
        if steps < 1 or not 0 <= stretch <= 0.5:
            raise ValueError(f"steps is at least 1 and stretch 0 to 0.5, got {steps} and {stretch}")
        self.signals, self.targets = signals, torch.as_tensor(np.asarray(targets), dtype=torch.int64)
        self.steps, self.stretch = steps, stretch

    def __len__(self) -> int:
        return len(self.signals)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor, Tensor]:
        """One crop: (steps,) float32, (steps,) bool and its class."""
        return tuple(part[0] for part in self.__getitems__([index]))

    def __getitems__(self, indices: Sequence[int]) -> tuple[Tensor, Tensor, Tensor]:
        """A whole batch: (B, steps) float32, (B, steps) bool, true inside the crop, and (B,) int64."""
        rng = np.random.default_rng(torch.randint(2**62, ()).item())
        x, mask = pad([self._crop(self.signals[i], rng) for i in indices], self.steps)
        return x, mask, self.targets[list(indices)]

    def _crop(self, signal: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """One changed part of a signal, at most `steps` samples."""
        speed = 1 + self.stretch * rng.uniform(-1, 1)
        wanted = min(math.ceil(self.steps * speed) + 1, len(signal))
        start = rng.integers(len(signal) - wanted + 1)
        places = start + np.arange(min(self.steps, int((wanted - 1) / speed) + 1)) * speed
        part = np.interp(places, np.arange(start, start + wanted), signal[start : start + wanted])
        return (part * rng.choice([-1.0, 1.0]) * np.exp(rng.normal(0, 0.2))).astype(np.float32)


@torch.no_grad()
def class_probabilities(network: torch.nn.Module, signals: Sequence[np.ndarray], batch_size: int = 32) -> np.ndarray:
    """Class probabilities of whole records: the mean over each as it is and upside down.

    Parameters
    ----------
    network : (x, mask) → (B, classes) scores; put into eval mode meanwhile. signals : n arrays from `prepare`.

    Returns
    -------
    (n, classes) float64, rows sum to 1, in the order of `signals`.
    """
    if len(signals) == 0:
        raise ValueError("there are no signals")
    was_training = network.training
    network.eval()
    device = next(network.parameters()).device
    # Like lengths together, so that little is padded.
    order = np.argsort([len(s) for s in signals], kind="stable")
    parts = []
    for rows in np.array_split(order, -(-len(order) // batch_size)):
        x, mask = (part.to(device) for part in pad([signals[i] for i in rows]))
        both = [network(side, mask).double().softmax(1) for side in (x, -x)]
        parts.append((sum(both) / 2).cpu().numpy())
    network.train(was_training)
    found = np.concatenate(parts)
    result = np.empty_like(found)
    result[order] = found
    return result
