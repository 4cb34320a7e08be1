"""Data sets for training: normalised spectrograms, waves, kept features, and two of them side by side.

>>> mean, sd = mean_and_sd([log_mels[i] for i in train_rows])        # of the training part alone
>>> train = Spectrograms([log_mels[i] for i in train_rows], active[train_rows], mean, sd, augment)
>>> loader = MultiDataLoader(train, train.lengths, batch_size=64)    # of lib.batching

An item is `(*sequences, target)`: float32 sequences with time first, and a float32 scalar. `targets` (n,) float32 and
`lengths` (n,) int64 tell of all items without making them: for class weights and for batches of similar length.
"""

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.utils.data import Dataset

from lib.audio.augment import Augment
from lib.audio.signals import as_float
from lib.data.errors import DataError
from lib.data.progress import bar
from lib.data.store import cache_folder

WAV2VEC_SAMPLES = 400  # what the first of wav2vec 2.0's features sees: 25 ms at 16 kHz


def mean_and_sd(items: Iterable[np.ndarray | torch.Tensor]) -> tuple[float, float]:
    """The mean and standard deviation of all numbers of all items together, log-mels or waves.

    Raises `ValueError` when there are no items, one holds NaN, or all numbers are the same.
    """
    count, total, squares, offset = 0, 0.0, 0.0, None
    for i, item in enumerate(items):
        x = np.asarray(item)
        x = (as_float(x, f"item {i}") if x.ndim == 1 else x).astype(np.float64)
        if offset is None:
            offset = x.mean()  # near the mean, so that the squares lose no digits
        count, total, squares = count + x.size, total + (x - offset).sum(), squares + ((x - offset) ** 2).sum()
    if count == 0:
        raise ValueError("there are no items to take the mean of")
    variance = squares / count - (total / count) ** 2
    if not np.isfinite(variance):
        raise ValueError("an item holds NaN or infinity")
    if variance <= 0:
        raise ValueError(f"all numbers of all items are {offset:g}: silence can't be normalised")
    return float(offset + total / count), float(variance**0.5)


class Spectrograms(Dataset):
    """Log-mel spectrograms, normalised when asked for: items `(x (frames, bands), target)`.

    Parameters
    ----------
    log_mels : (frames, bands) dB each, as `lib.audio.logmel.log_mels` makes them. Not copied.
    targets : (n,) numbers.
    mean, sd : of the *training* part, by `mean_and_sd`, for the other parts too.
    augment : changes an item anew each time; `lengths` are those before it. None for validation and test.

    Raises
    ------
    ValueError
        A spectrogram is empty, holds NaN, is silent (one number throughout) or differs in bands, or targets lack.
    """

    def __init__(
        self,
        log_mels: Sequence[torch.Tensor],
        targets: Sequence[float],
        mean: float,
        sd: float,
        augment: Augment | None = None,
    ) -> None:
        self.log_mels = [torch.as_tensor(x, dtype=torch.float32) for x in log_mels]
        self.targets = _targets(targets, len(self.log_mels))
        self.mean, self.sd, self.augment = _normal(mean, sd), float(sd), augment
        for i, x in enumerate(self.log_mels):
            if x.ndim != 2 or x.numel() == 0 or x.shape[1] != self.log_mels[0].shape[1]:
                raise ValueError(f"log-mel {i} must be (frames, bands) with as many bands as the first: {x.shape}")
            low, high = torch.aminmax(x)
            if not torch.isfinite(high - low):
                raise ValueError(f"log-mel {i} holds NaN or infinity")
            if low == high:
                raise ValueError(f"log-mel {i} is {low:g} dB throughout: the recording is silent, leave it out")
        self.lengths = np.array([len(x) for x in self.log_mels])

    def __len__(self) -> int:
        return len(self.log_mels)

    def __getitem__(self, i: int) -> tuple[torch.Tensor, torch.Tensor]:
        x = (self.log_mels[i] - self.mean).div_(self.sd)
        return (x if self.augment is None else self.augment(x)), self.targets[i]


class Waves(Dataset):
    """Recordings as a wav2vec network takes them: items `(x (samples,), target)`.

    Parameters
    ----------
    signals : 1-D arrays, int16 or floating point; may be read from files when asked for.
    targets : (n,) numbers.
    mean, sd : of the training part, by `mean_and_sd`. None: each clip by its own, as wav2vec 2.0 was trained
        (Baevski et al. 2020, arXiv:2006.11477); then how loud a clip is, is lost.
    lengths : (n,) samples, where they are known: without them every signal is read once to learn its length.

    Raises
    ------
    ValueError
        A signal is silent, holds NaN, has several channels, is shorter than 25 ms (too short for one feature),
        or not as long as told; or there are not as many targets. The error says which.
    """

    def __init__(
        self,
        signals: Sequence[np.ndarray],
        targets: Sequence[float],
        mean: float | None = None,
        sd: float | None = None,
        lengths: Sequence[int] | None = None,
    ) -> None:
        if (mean is None) != (sd is None):
            raise ValueError("give both mean and sd, or neither to normalise each clip by its own")
        self.signals, self.targets = signals, _targets(targets, len(signals))
        self.mean, self.sd = (None, None) if mean is None else (_normal(mean, sd), float(sd))
        if lengths is None:
            lengths = [len(as_float(s, f"signal {i}")) for i, s in enumerate(signals)]
        self.lengths = np.asarray(lengths, np.int64)
        if self.lengths.shape != (len(signals),):
            raise ValueError(f"{len(signals)} signals need as many lengths, got {self.lengths.shape}")
        short = np.flatnonzero(self.lengths < WAV2VEC_SAMPLES)
        if len(short):
            raise ValueError(
                f"signal {short[0]} is too short: {self.lengths[short[0]]} samples, a feature needs {WAV2VEC_SAMPLES}"
            )

    def __len__(self) -> int:
        return len(self.signals)

    def __getitem__(self, i: int) -> tuple[torch.Tensor, torch.Tensor]:
        wave = as_float(self.signals[i], f"signal {i}")
        if len(wave) != self.lengths[i]:
            raise ValueError(f"signal {i} has {len(wave)} samples, its length was said to be {self.lengths[i]}")
        mean, sd = self.mean, self.sd
        if mean is None:
            if wave.min() == wave.max():
                raise ValueError(f"signal {i} is silent: it can't be normalised, leave it out")
            mean, sd = float(wave.mean()), float(wave.std())
        return torch.from_numpy((wave - mean) / sd), self.targets[i]


class KeptFeatures(Dataset):
    """What a frozen network makes of each wave, computed once and kept on disk: items `(x (steps, channels), target)`.

    >>> kept = KeptFeatures(waves, model.extract, model.network.feature_extractor)     # of a Wav2Vec2Classifier

    Every item has a file of its own in the cache, float16, found by a hash of the network's weights and of the wave. So
    what was interrupted goes on where it was, another split or run of the same recordings finds its features, and
    a set larger than memory will do: 70,000 clips of 11 s take 40 GB. Waves go through the network one by one: padding
    would change the result of wav2vec 2.0's first layer, which normalises over time.

    Parameters
    ----------
    waves : items `(wave (samples,), target)`, with `targets`; usually a `Waves`.
    extract : waves (1, samples) and lengths (1,) → features (1, steps, channels) and steps (1,).
    network : the frozen part that `extract` runs, as `Wav2Vec2Classifier.extract` runs `network.feature_extractor`:
        its weights are in the key, it is put in eval mode meanwhile, and the waves go to its device.
    keys : (n,) text that stands for each wave, its normalisation included, where reading all of them only to
        hash them would take too long. None: the wave's own hash.

    Raises
    ------
    ValueError
        `extract` gives another shape, or values that are not finite in float16.
    DataError
        The cache can't be written to.
    """

    def __init__(
        self,
        waves: Dataset,
        extract: Callable[[torch.Tensor, torch.Tensor], tuple[torch.Tensor, torch.Tensor]],
        network: nn.Module,
        keys: Sequence[str] | None = None,
    ) -> None:
        if keys is not None and len(keys) != len(waves):
            raise ValueError(f"{len(waves)} waves need as many keys, got {len(keys)}")
        self.targets = waves.targets
        folder = cache_folder() / ".features" / weights_hash(network)
        self.files, lengths = [], []
        for i in bar(iterable=range(len(waves)), desc="features", unit="clip"):
            content = keys[i].encode() if keys is not None else waves[i][0].numpy().tobytes()
            name = hashlib.sha256(content).hexdigest()[:32]
            file = folder / name[:2] / f"{name}.npy"
            features = _read(file)
            if features is None:
                features = _extracted(extract, network, waves[i][0], i)
                _write(file, features)
            self.files.append(file)
            lengths.append(len(features))
        self.lengths = np.array(lengths)

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, i: int) -> tuple[torch.Tensor, torch.Tensor]:
        return torch.from_numpy(np.load(self.files[i])).float(), self.targets[i]


class Paired(Dataset):
    """Two data sets of the same recordings as one: items `(*sequences of first, *sequences of second, target)`.

    `lengths` are those of the first. Raises `ValueError` when they differ in number or in a target.
    """

    def __init__(self, first: Dataset, second: Dataset) -> None:
        if len(first) != len(second):
            raise ValueError(f"the data sets differ in length: {len(first)} and {len(second)} items")
        differ = torch.nonzero(first.targets != second.targets)
        if len(differ):
            raise ValueError(f"item {int(differ[0])} has another target in the second data set: are they in one order?")
        self.first, self.second = first, second
        self.targets, self.lengths = first.targets, first.lengths

    def __len__(self) -> int:
        return len(self.first)

    def __getitem__(self, i: int) -> tuple[torch.Tensor, ...]:
        return *self.first[i][:-1], *self.second[i][:-1], self.targets[i]


def weights_hash(network: nn.Module) -> str:
    """A hash of all a network's weights and of how it is built, 16 hexadecimal digits."""
    digest = hashlib.sha256(repr(network).encode())
    for name, value in sorted(network.state_dict().items()):
        value = value.detach().cpu().contiguous()
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        digest.update(value.reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()[:16]


def _targets(targets: Sequence[float], n: int) -> torch.Tensor:
    """(n,) float32, checked."""
    targets = torch.from_numpy(np.array(targets, dtype=np.float32))
    if targets.shape != (n,) or n == 0:
        raise ValueError(f"there must be items, and a target for each: {n} items, targets {tuple(targets.shape)}")
    if not torch.isfinite(targets).all():
        raise ValueError("a target is NaN")
    return targets


def _normal(mean: float, sd: float) -> float:
    """The mean, once both are usable."""
    if not (np.isfinite(mean) and np.isfinite(sd) and sd > 0):
        raise ValueError(f"mean and sd must be finite and sd above zero, got {mean} and {sd}")
    return float(mean)


def _extracted(extract: Callable, network: nn.Module, wave: torch.Tensor, number: int) -> np.ndarray:
    """(steps, channels) float16 of one wave."""
    device = next(network.parameters(), wave).device
    modes = [(module, module.training) for module in network.modules()]
    network.eval()
    with torch.no_grad():
        features, _ = extract(wave[None].to(device), torch.tensor([len(wave)], device=device))
    for module, training in modes:  # not `train()`, which would wake a part that was left in eval mode
        module.training = training
    if features.ndim != 3 or len(features) != 1 or features.numel() == 0:
        raise ValueError(f"extract must give (1, steps, channels), of wave {number} it gave {tuple(features.shape)}")
    features = features[0].to("cpu", torch.float16)
    if not torch.isfinite(features).all():
        raise ValueError(f"the features of wave {number} are not finite in float16")
    return features.numpy()


def _read(file: Path) -> np.ndarray | None:
    """The array of a file, mapped into memory; None when it is absent or damaged."""
    try:
        return np.load(file, mmap_mode="r")
    except (OSError, ValueError, EOFError):
        return None


def _write(file: Path, array: np.ndarray) -> None:
    """Store under a temporary name and rename, so that a file holds all of the array or isn't there."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=file.parent, prefix=".", delete=False) as new:
            try:
                np.save(new, array, allow_pickle=False)
            except BaseException:
                os.unlink(new.name)
                raise
        os.replace(new.name, file)
    except OSError as error:
        raise DataError(
            f"features can't be kept in {file.parent} ({error.strerror}). Name a folder with room as NOTES_CACHE."
        ) from None
