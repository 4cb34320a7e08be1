"""Batches in an order that depends on the seed and the epoch alone, shared out over processes.

Data come in two forms. A *dataset* has `__getitem__` and `__len__`; the batches are lists of its indices, so that a
run can go on from any of them. How a batch is fetched, fastest way first:

- `TensorDataset` (also behind `Subset`): by indexing its tensors;
- a dataset with `__getitems__(indices)`: in one call. A returned tuple is the batch, ready made; a returned list
  holds items, to be collated;
- any other: item by item, then collated.

A loader whose `batch_sampler` has `batches(epoch)`, a list of index arrays (`lib.batching.MultiDataLoader`), is read
the same way: its dataset, its `collate_fn`, and the sampler's batches, which depend on the sampler's own seed.

Any other *loader* has `__iter__` and `__len__` and gives ready-made batches. Its order can only be a function of the
seed because the random generators are seeded before each of its epochs (also its own `generator`, and through
`set_epoch(epoch)` where it has one), and it is resumed by passing over the batches already used. With several
processes each reads all of it and keeps its share.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch.utils.data import DataLoader, Subset, TensorDataset, default_collate

from lib.training.errors import TrainingError
from lib.training.states import random_state, restore_random_state, seed_everything

NOBODY = -1  # the item number of a sample that only keeps a process busy


class Batch(NamedTuple):
    """One process's share of a batch."""

    number: int  # of the batch in its epoch, from 0
    inputs: tuple
    target: torch.Tensor
    items: torch.Tensor  # (b,) item numbers in the data
    size: int  # samples in all processes' shares together


def batches_of(
    data: object,
    name: str,
    *,
    batch_size: int,
    shuffle: bool = False,
    collate: Callable | None = None,
    workers: int = 0,
    seed: int = 0,
    rank: int = 0,
    world: int = 1,
) -> "IndexedBatches | LoadedBatches":
    """The batches of a dataset or a loader. Raises `TrainingError` when there are none or it is neither."""
    try:
        length = len(data)
    except TypeError:
        raise TrainingError(
            f"the {name} data ({type(data).__name__}) has no length: give a Dataset or a loader with __len__"
        ) from None
    if length == 0:
        raise TrainingError(f"the {name} data is empty")
    sampler = getattr(data, "batch_sampler", None)
    if callable(getattr(sampler, "batches", None)):
        workers = workers or data.num_workers
        return IndexedBatches(data.dataset, name, sampler, data.collate_fn, workers, seed, rank, world)
    if hasattr(data, "__getitem__"):
        plan = _Equal(length, batch_size, seed if shuffle else None)
        return IndexedBatches(data, name, plan, collate, workers, seed, rank, world)
    if not hasattr(data, "__iter__"):
        raise TrainingError(f"the {name} data is neither a Dataset nor a loader of batches: {type(data).__name__}")
    return LoadedBatches(data, name, seed, rank, world)


class IndexedBatches:
    """Batches of a dataset's indices, as `plan.batches(epoch)` lists them; `len(plan)` of them in each epoch."""

    def __init__(
        self,
        data: object,
        name: str,
        plan: object,
        collate: Callable | None,
        workers: int,
        seed: int,
        rank: int,
        world: int,
    ) -> None:
        self.fetch = Fetcher(data, name, collate)
        self.name, self.plan, self.workers = name, plan, workers
        self.seed, self.rank, self.world = seed, rank, world

    def __len__(self) -> int:
        return len(self.plan)

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """This process's shares of the batches of an epoch, from batch number `start`."""
        shares = []
        for number, batch in enumerate(self.plan.batches(epoch)[start:], start):
            share, items = _share(batch, self.rank, self.world)
            shares.append((number, torch.from_numpy(share), torch.from_numpy(items), len(batch)))
        if self.workers:
            # A batch's draws depend on its number, not on the worker that happens to make it.
            jobs = [(share, (self.seed, epoch, number, self.rank)) for number, share, _, _ in shares]
            fetched = iter(
                DataLoader(
                    _Jobs(jobs, self.fetch),
                    batch_size=None,
                    num_workers=self.workers,
                    collate_fn=_unchanged,
                    generator=torch.Generator(),
                )
            )
        else:
            fetched = (self.fetch(share) for _, share, _, _ in shares)
        for (number, _, items, size), (inputs, target) in zip(shares, fetched, strict=True):
            yield Batch(number, inputs, target, items, size)


class _Equal:
    """Batches of equal size, the last one smaller; in the data's order where there is no seed."""

    def __init__(self, n: int, batch_size: int, seed: int | None) -> None:
        self.n, self.batch_size, self.seed = n, batch_size, seed

    def __len__(self) -> int:
        return -(-self.n // self.batch_size)

    def batches(self, epoch: int) -> list[np.ndarray]:
        order = np.arange(self.n)
        if self.seed is not None:
            order = np.random.default_rng((self.seed, epoch)).permutation(self.n)
        return [order[start : start + self.batch_size] for start in range(0, self.n, self.batch_size)]


class LoadedBatches:
    """The batches a loader gives, cut into one share a process."""

    def __init__(self, data: object, name: str, seed: int, rank: int, world: int) -> None:
        self.data, self.name, self.seed, self.rank, self.world = data, name, seed, rank, world

    def __len__(self) -> int:
        return len(self.data)

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """This process's shares of the batches of an epoch, from batch number `start`."""
        promised, number, first = len(self), -1, 0
        for number, loaded in enumerate(self._isolated(epoch)):
            if number >= promised:
                break
            inputs, target = as_batch(loaded, None, self.name)
            size = len(target)
            if number >= start:
                items = np.arange(first, first + size)
                if self.world > 1:
                    rows, items = _share(items, self.rank, self.world)
                    rows = torch.from_numpy(rows - first)
                    inputs, target = tuple(x[rows] for x in inputs), target[rows]
                yield Batch(number, inputs, target, torch.from_numpy(items), size)
            first += size
        if number != promised - 1:
            given = "more" if number >= promised else str(number + 1)
            raise TrainingError(f"the {self.name} loader's length is {promised} batches, but it gave {given}")

    def _isolated(self, epoch: int) -> Iterator:
        """The loader's batches, drawn from random generators of its own.

        The model's draws (dropout) don't reach the loader nor the other way round; so passing over batches, on
        resuming, gives the same order as using them.
        """
        ours = random_state(cuda=False)
        seed_everything(_mixed(self.seed, epoch), cuda=False)
        for source in (self.data, getattr(self.data, "batch_sampler", None), getattr(self.data, "sampler", None)):
            if callable(getattr(source, "set_epoch", None)):
                source.set_epoch(epoch)
            if isinstance(getattr(source, "generator", None), torch.Generator):
                source.generator.manual_seed(_mixed(self.seed, epoch))
        iterator = iter(self.data)
        while True:
            try:
                loaded = next(iterator)
            except StopIteration:
                return
            finally:
                theirs = random_state(cuda=False)
                restore_random_state(ours)
            yield loaded
            ours = random_state(cuda=False)
            restore_random_state(theirs)


class Fetcher:
    """Fetches batches of a dataset by their indices, in the fastest way it has."""

    def __init__(self, data: object, name: str, collate: Callable | None) -> None:
        self.name, self.collate = name, collate
        self.indices = None
        while type(data) is Subset:  # look through, to reach the tensors behind random_split
            chosen = torch.as_tensor(data.indices)
            self.indices = chosen if self.indices is None else chosen[self.indices]
            data = data.dataset
        self.data = data
        # Not for a subclass, which may change the items.
        self.tensors = data.tensors if type(data) is TensorDataset and collate is None else None

    def __call__(self, indices: torch.Tensor) -> tuple[tuple, torch.Tensor]:
        """The inputs and the target of the items with these numbers, (b,) int64."""
        n = len(indices)
        if self.indices is not None:
            indices = self.indices[indices]
        if self.tensors is not None:
            # index_select is over twice as fast as x[indices] on a CPU.
            fetched = tuple(x.index_select(0, indices.to(x.device)) for x in self.tensors)
        elif callable(getattr(self.data, "__getitems__", None)):
            fetched = self.data.__getitems__(indices.tolist())
        else:
            fetched = [self.data[i] for i in indices.tolist()]
        if isinstance(fetched, list):
            fetched = (self.collate or default_collate)(fetched)
        return as_batch(fetched, n, self.name)


def as_batch(batch: object, n: int | None, name: str) -> tuple[tuple, torch.Tensor]:
    """Split `(*inputs, target)`; raises `TrainingError` when it is no such tuple, or not of n samples."""
    if not isinstance(batch, (tuple, list)) or len(batch) < 2:
        raise TrainingError(f"a batch of the {name} data must be (*inputs, target), got {type(batch).__name__}")
    *inputs, target = batch
    if not isinstance(target, torch.Tensor) or target.ndim == 0:
        raise TrainingError(f"the target of a {name} batch must be a tensor with one row a sample, got {target!r:.80}")
    if n is not None and len(target) != n:
        raise TrainingError(f"{n} items of the {name} data were asked for, the target has {len(target)}")
    return tuple(inputs), target


def all_targets(batches: IndexedBatches | LoadedBatches) -> torch.Tensor:
    """The targets of the whole data, (n,) or (n, 1), without the inputs where the dataset knows them apart."""
    if isinstance(batches, IndexedBatches):
        fetch = batches.fetch
        known = fetch.tensors[-1] if fetch.tensors else getattr(fetch.data, "targets", None)
        if known is not None and len(known) == len(fetch.data):
            known = torch.as_tensor(known)
            return known if fetch.indices is None else known[fetch.indices]
    return torch.cat([batch.target for batch in batches.epoch(0)])


def _share(batch: np.ndarray, rank: int, world: int) -> tuple[np.ndarray, np.ndarray]:
    """A process's part of a batch and its item numbers.

    With fewer samples than processes some have none. They must still run the model as often as the others, so
    they borrow the first sample, numbered `NOBODY` and counted nowhere.
    """
    share = np.array_split(batch, world)[rank] if world > 1 else batch
    return (share, share) if len(share) else (batch[:1], np.array([NOBODY]))


def _mixed(*numbers: int) -> int:
    """One seed out of several numbers, below 2³²."""
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])


class _Jobs(torch.utils.data.Dataset):
    """What workers do: fetch the batch of each job under random generators seeded for it."""

    def __init__(self, jobs: list, fetch: Fetcher) -> None:
        self.jobs, self.fetch = jobs, fetch

    def __len__(self) -> int:
        return len(self.jobs)

    def __getitem__(self, number: int) -> tuple[tuple, torch.Tensor]:
        indices, seed = self.jobs[number]
        seed_everything(_mixed(*seed), cuda=False)
        return self.fetch(indices)


def _unchanged(batch: object) -> object:
    return batch
