"""Mini-batches of items of similar length: hardly any padding, and no drift through the epoch.

>>> loader = MultiDataLoader(dataset, lengths, 64, seed=0)
>>> TrainingConfig(model=net, train=loader, ...)                     # or: for x, n, target in loader: ...

The usual buckets of similar length, each drawn from with equal chance, run out one after the other, the small ones
first, so an epoch ends on batches of one length. Here the items are sorted by length and cut into batches, and the
batches are spread over the epoch so that each stretch of it has long and short ones in the same proportion.
"""

import operator
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from lib.data.progress import bar

WORTH = 0.1  # of an average batch: the padding that a smaller batch for the longest items must save


class LengthBatches(Sampler[list[int]]):
    """A batch sampler: batches of similar length, each item once an epoch, lengths mixed evenly over the epoch.

    The batches of an epoch are a function of `seed` and the epoch's number alone. They hold `batch_size` items or a few
    less, all the same number within one: no small batch is left over. Only the longest items come in smaller batches
    where that saves much padding (of two items at least, because batch norm can need two), so a single very long
    item costs little time and memory. The number of batches is the same in each epoch.

    Parameters
    ----------
    lengths : (n,) of the items, in any unit.
    batch_size : the most items of a batch.
    shuffle : False: always the same batches, the longest first, so that want of memory shows at once.
    jitter : how much an item's length is blurred before sorting, as a fraction, so that an item meets others in each
        epoch. It costs padding of about half of that.

    Raises
    ------
    ValueError
        When there are no lengths, one is not a number above zero, or `batch_size` or `jitter` is out of range.

    Examples
    --------
    >>> DataLoader(dataset, batch_sampler=LengthBatches(lengths, 64), collate_fn=pad_batch)
    """

    def __init__(
        self, lengths: Sequence[float], batch_size: int, *, shuffle: bool = True, seed: int = 0, jitter: float = 0.01
    ) -> None:
        self.lengths = _checked(lengths)
        try:
            self._batch_size = operator.index(batch_size)
        except TypeError:
            raise ValueError(f"batch_size must be a whole number, got {batch_size!r}") from None
        if self._batch_size < 1:
            raise ValueError(f"batch_size must be at least 1, got {batch_size}")
        if not 0 <= jitter < 1:
            raise ValueError(f"jitter must be a fraction of the length, from 0 to below 1, got {jitter!r}")
        self.shuffle, self.seed, self.jitter, self.epoch = shuffle, seed, jitter, 0
        self._tail = _tail(np.sort(self.lengths), self._batch_size)
        self._even = len(self.lengths) - sum(self._tail)  # items in batches of equal size
        self._cut = -(-self._even // self._batch_size)  # the number of those

    def __len__(self) -> int:
        return self._cut + len(self._tail)

    def __iter__(self) -> Iterator[list[int]]:
        """The batches of the next epoch: each pass is another, also where nobody calls `set_epoch`."""
        epoch, self.epoch = self.epoch, self.epoch + 1
        for batch in self.batches(epoch):
            yield batch.tolist()

    def set_epoch(self, epoch: int) -> None:
        """Let the next pass be epoch `epoch`, counted from 0."""
        self.epoch = epoch

    def batches(self, epoch: int) -> list[np.ndarray]:
        """The item numbers of each batch of an epoch, (b,) int64. Go on from batch k with `batches(epoch)[k:]`."""
        random = np.random.default_rng((self.seed, epoch))
        sizes = np.full(self._cut, self._even // self._cut)
        larger = self._even % self._cut  # batches that hold one more
        # Where they are is drawn, so that the cuts fall elsewhere in each epoch.
        sizes[random.permutation(self._cut)[:larger] if self.shuffle else range(larger)] += 1
        lengths = self.lengths
        if self.shuffle:
            lengths = lengths * (1 + self.jitter * random.random(len(lengths)))
        items = np.argsort(lengths, kind="stable")
        batches = np.split(items, np.cumsum([*sizes, *self._tail])[:-1])
        order = _spread(len(batches), random) if self.shuffle else reversed(range(len(batches)))
        return [batches[number] for number in order]


def _checked(lengths: Sequence[float]) -> np.ndarray:
    """The lengths as an array, (n,) float64."""
    lengths = np.asarray(lengths, dtype=np.float64)
    if lengths.ndim != 1 or len(lengths) == 0:
        raise ValueError(f"lengths must be one number an item, for at least one item; got shape {lengths.shape}")
    bad = np.flatnonzero(~(np.isfinite(lengths) & (lengths > 0)))
    if len(bad):
        others = f" (and {len(bad) - 1} more)" if len(bad) > 1 else ""
        raise ValueError(
            f"the length of item {bad[0]} is {lengths[bad[0]]:g}{others}: a length is a finite number above zero; "
            "drop or mend empty items first"
        )
    return lengths


def _tail(ascending: np.ndarray, batch_size: int) -> list[int]:
    """Sizes of the smaller batches for the longest items, from the shorter to the longer ones; often none.

    Without them one very long item makes a whole batch as long as itself.
    """
    sizes, left = [], len(ascending)
    worth = WORTH * batch_size * ascending.mean()
    while left > 2:
        top = ascending[max(0, left - batch_size) : left]
        taken = np.arange(2, len(top))
        saved = (len(top) - taken) * (top[-1] - top[len(top) - 1 - taken])
        if len(saved) == 0 or saved.max() <= worth:
            break
        sizes.insert(0, int(taken[saved.argmax()]))
        left -= sizes[0]
    return sizes


def _spread(n: int, random: np.random.Generator) -> np.ndarray:
    """An order of n things, sorted by size before, in which each stretch has large and small ones alike.

    The order is in about √n blocks. From the largest down, each next √n are dealt out by lot, one a block; a block is
    shuffled, and the whole turned by a chance amount. So a thing is as likely to come here as there, but never do all
    small ones come first.
    """
    blocks = max(1, round(n**0.5))
    dealt = random.permuted(np.tile(np.arange(blocks), (-(-n // blocks), 1)), axis=1).ravel()[:n]
    return np.roll(n - 1 - np.argsort(dealt + random.random(n)), random.integers(n))


def padding_share(lengths: Sequence[float], batches: Sequence[Sequence[int]]) -> float:
    """The part of all batches that is padding, 0 to 1, each padded to its longest item."""
    lengths = _checked(lengths)
    sizes = np.array([len(batch) for batch in batches])
    if len(sizes) == 0 or sizes.min() == 0:
        raise ValueError("there are no batches, or one is empty")
    items = lengths[np.concatenate([np.asarray(batch) for batch in batches])]
    longest = np.maximum.reduceat(items, np.cumsum(sizes) - sizes)
    return float(1 - items.sum() / (longest * sizes).sum())


def pad_batch(items: Sequence[tuple]) -> tuple[torch.Tensor, ...]:
    """Make a batch of items `(*sequences, target)`, each sequence with time as its first axis.

    Zeros are appended, so sequences should be normalised already: then zero is the mean, not something loud.

    Parameters
    ----------
    items : sequences (t,) or (t, …), arrays or tensors; t may differ; the target is a number or an array.

    Returns
    -------
    (x1, lengths1[, x2, lengths2 …], target) : x (B, longest, …), float64 as float32; lengths (B,) int64;
    target (B, …), whole numbers as int64, fractions as float32.

    Raises
    ------
    ValueError
        When there are no items, one has no sequence or an empty one, or they differ in more than length.
    """
    if len(items) == 0:
        raise ValueError("a batch needs at least one item")
    columns = list(zip(*items, strict=True)) if all(isinstance(item, (tuple, list)) for item in items) else []
    if len(columns) < 2:
        raise ValueError(f"each item must be (*sequences, target), got {type(items[0]).__name__}")
    *sequences, targets = columns
    batch = []
    for number, sequence in enumerate(sequences):
        parts = [np.asarray(x) for x in sequence]
        if min(x.size for x in parts) == 0 or parts[0].ndim == 0 or len({x.shape[1:] for x in parts}) > 1:
            found = ", ".join(str(shape) for shape in sorted({x.shape for x in parts})[:4])
            raise ValueError(
                f"sequence {number} of each item must have time as its first axis, at least one step, and the same "
                f"shape otherwise; the items' shapes are {found}"
            )
        lengths = np.array([len(x) for x in parts])
        kind = np.result_type(*{x.dtype for x in parts})  # the first item's alone would cut the others' fractions off
        kind = np.dtype(np.float32) if kind == np.float64 else kind
        padded = np.empty((len(parts), lengths.max(), *parts[0].shape[1:]), kind)
        for row, x in zip(padded, parts, strict=True):
            row[: len(x)] = x
            row[len(x) :] = 0
        batch += [torch.from_numpy(padded), torch.from_numpy(lengths)]
    target = torch.stack([torch.as_tensor(y) for y in targets])
    return *batch, target.float() if target.is_floating_point() else target.long()


class MultiDataLoader(DataLoader):
    """A `DataLoader` over `LengthBatches`, which pads each batch to its longest item.

    In `TrainingConfig` it is read by item numbers: a resumed run doesn't decode what was used before, several
    processes share each batch, and predictions come in the dataset's order.

    Parameters
    ----------
    dataset : items `(*sequences, target)`; see `pad_batch`.
    lengths : (n,) one an item; see `LengthBatches`, as for `batch_size`, `shuffle`, `seed` and `jitter`.
    options : of `DataLoader`, for example `num_workers` or `pin_memory`.
    """

    def __init__(
        self,
        dataset: Dataset,
        lengths: Sequence[float],
        batch_size: int,
        *,
        shuffle: bool = True,
        seed: int = 0,
        jitter: float = 0.01,
        collate_fn: Callable[[list], tuple] = pad_batch,
        **options: Any,  # noqa: ANN401
    ) -> None:
        sampler = LengthBatches(lengths, batch_size, shuffle=shuffle, seed=seed, jitter=jitter)
        if len(sampler.lengths) != len(dataset):
            raise ValueError(f"{len(sampler.lengths)} lengths are given for {len(dataset)} items")
        super().__init__(dataset, batch_sampler=sampler, collate_fn=collate_fn, **options)

    def set_epoch(self, epoch: int) -> None:
        """Let the next pass be epoch `epoch`, counted from 0."""
        self.batch_sampler.set_epoch(epoch)


class Prefetched(Dataset):
    """A dataset whose first items are made once and kept in memory; the others are made each time.

    What is random in a kept item is drawn only once, so augmentation belongs behind this, not before it.

    Parameters
    ----------
    fraction : of the items to keep, 0 to 1.

    Raises
    ------
    ValueError
        When `fraction` is no fraction.
    RuntimeError
        When the dataset fails to make an item; the message has its number.
    """

    def __init__(self, dataset: Dataset, fraction: float = 1.0) -> None:
        if not 0 <= fraction <= 1:
            raise ValueError(f"fraction must be from 0 to 1, got {fraction!r}")
        self.dataset, self.kept = dataset, []
        for name in ("targets", "lengths"):  # which tell of all items without making them
            if hasattr(dataset, name):
                setattr(self, name, getattr(dataset, name))
        numbers = range(round(fraction * len(dataset)))
        for number in bar(iterable=numbers, desc="prefetch", unit=" items"):
            self.kept.append(self._make(number))

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, number: int) -> object:
        number = range(len(self))[number]
        return self.kept[number] if number < len(self.kept) else self._make(number)

    def _make(self, number: int) -> object:
        try:
            return self.dataset[number]
        except Exception as error:
            raise RuntimeError(f"item {number} of the {type(self.dataset).__name__} can't be made: {error}") from error
