"""Batches of similar length: each item once, hardly any padding, long and short ones all through the epoch."""

import random

import numpy as np
import pytest
import torch
from accelerate.data_loader import BatchSamplerShard
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare, ks_2samp
from torch.utils.data import DataLoader, Dataset

from lib.batching import LengthBatches, MultiDataLoader, Prefetched, pad_batch, padding_share


def ravdess_like(n=1440, seed=0) -> np.ndarray:
    """Seconds between 2.9 and 5.3, in steps of a video's frame as in the real set."""
    seconds = np.random.default_rng(seed).normal(3.7, 0.34, n).clip(2.9, 5.3)
    return np.round(seconds * 30) / 30


def msp_like(n=5000, seed=0) -> np.ndarray:
    """Seconds between 2.75 and 11, log-normal."""
    seconds = np.random.default_rng(seed).lognormal(np.log(5), 0.4, 3 * n)
    return seconds[(seconds > 2.75) & (seconds < 11)][:n]


def one_very_long(seed=0) -> np.ndarray:
    return np.append(msp_like(seed=seed), 120.0)


def original_sampler(lengths: np.ndarray, batch_size: int, seed: int, buckets: int = 20) -> list[list[int]]:
    """The sampler of the course's first version: equally wide buckets, each as likely as any other while it lasts."""
    chance = random.Random(seed)
    edges = np.linspace(lengths.min(), lengths.max(), buckets + 1)
    bucket = np.digitize(lengths, edges[1:-1])
    left = []
    for number in range(buckets):
        items = np.flatnonzero(bucket == number).tolist()
        chance.shuffle(items)
        left.append([items[i : i + batch_size] for i in range(0, len(items), batch_size)])
    batches = []
    while left := [those for those in left if those]:
        batches.append(chance.choice(left).pop())
    return batches


def mean_lengths(lengths, batches) -> np.ndarray:
    return np.array([lengths[batch].mean() for batch in batches])


# -- which items ---------------------------------------------------------------------------------------------------


@settings(max_examples=200, deadline=None)
@given(
    lengths=st.lists(st.floats(0.01, 1e4), min_size=1, max_size=300),
    batch_size=st.integers(1, 40),
    shuffle=st.booleans(),
    seed=st.integers(0, 99),
)
def test_an_epoch_draws_each_item_once_in_the_promised_number_of_batches(lengths, batch_size, shuffle, seed):
    sampler = LengthBatches(lengths, batch_size, shuffle=shuffle, seed=seed)
    for epoch in range(2):
        batches = sampler.batches(epoch)
        assert sorted(np.concatenate(batches).tolist()) == list(range(len(lengths)))
        assert max(len(batch) for batch in batches) <= batch_size
        assert len(batches) == len(sampler)


@settings(max_examples=50, deadline=None)
@given(n=st.integers(1, 2000), batch_size=st.integers(1, 100))
def test_no_small_batch_is_left_over(n, batch_size):
    sizes = [len(batch) for batch in LengthBatches(np.full(n, 3.0), batch_size).batches(0)]
    assert max(sizes) - min(sizes) <= 1
    assert len(sizes) == -(-n // batch_size)


@pytest.mark.parametrize("lengths", [ravdess_like(), ravdess_like(5000), msp_like(), one_very_long()])
def test_padding_is_two_percent_at_most(lengths):
    sampler = LengthBatches(lengths, 64)
    shares = [padding_share(lengths, sampler.batches(epoch)) for epoch in range(10)]
    assert max(shares) <= 0.02


def test_one_very_long_item_does_not_stretch_a_whole_batch():
    lengths = one_very_long()
    for epoch in range(5):
        (its,) = (batch for batch in LengthBatches(lengths, 64).batches(epoch) if len(lengths) - 1 in batch)
        assert len(its) == 2  # never alone: batch norm may need two


def test_batches_without_shuffling_are_always_the_same_longest_first():
    lengths = msp_like()
    sampler = LengthBatches(lengths, 64, shuffle=False)
    batches = sampler.batches(0)
    assert all(np.array_equal(a, b) for a, b in zip(batches, sampler.batches(7), strict=True))
    assert (np.diff([lengths[batch].max() for batch in batches]) <= 0).all()


# -- in which order ------------------------------------------------------------------------------------------------


def early_and_late(lengths, epochs) -> tuple[np.ndarray, np.ndarray]:
    """Mean lengths of the batches in the first and the last tenth of each epoch."""
    early, late = [], []
    for batches in epochs:
        means, tenth = mean_lengths(lengths, batches), len(batches) // 10
        early.append(means[:tenth])
        late.append(means[-tenth:])
    return np.concatenate(early), np.concatenate(late)


def test_batches_are_as_long_early_in_an_epoch_as_late():
    for lengths in (ravdess_like(), msp_like()):
        sampler = LengthBatches(lengths, 32)
        ours = early_and_late(lengths, [sampler.batches(epoch) for epoch in range(40)])
        assert ks_2samp(*ours).pvalue > 0.05
        original = early_and_late(lengths, [original_sampler(lengths, 32, seed) for seed in range(40)])
        assert ks_2samp(*original).pvalue < 1e-6


def test_each_part_of_an_epoch_has_a_more_even_mix_than_chance_gives():
    lengths = msp_like(20_000)
    sampler = LengthBatches(lengths, 64)

    def spread(means):
        return np.std([part.mean() for part in np.array_split(means, 5)])

    ours = [spread(mean_lengths(lengths, sampler.batches(epoch))) for epoch in range(40)]
    chance = np.random.default_rng(0)
    shuffled = [spread(chance.permutation(mean_lengths(lengths, sampler.batches(epoch)))) for epoch in range(40)]
    assert np.mean(ours) < 0.5 * np.mean(shuffled)


@pytest.mark.parametrize("which", [np.argmin, np.argmax])
def test_the_shortest_and_the_longest_batch_are_as_likely_anywhere(which):
    lengths = msp_like(2000)
    sampler = LengthBatches(lengths, 64)
    assert len(sampler) == 32
    places = [which(mean_lengths(lengths, sampler.batches(epoch))) for epoch in range(1600)]
    assert chisquare(np.bincount(places, minlength=32)).pvalue > 0.01


def test_an_item_meets_others_in_the_next_epoch():
    lengths = msp_like()
    first, second = (LengthBatches(lengths, 64).batches(epoch) for epoch in (0, 1))
    before = np.empty(len(lengths), int)
    for number, batch in enumerate(first):
        before[batch] = number
    together = [np.bincount(before[batch]).max() / len(batch) for batch in second]
    assert np.mean(together) < 0.85
    assert not any(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def test_the_same_seed_and_epoch_give_the_same_batches_and_another_seed_others():
    lengths = msp_like(500)
    one, same, other = (LengthBatches(lengths, 16, seed=seed) for seed in (3, 3, 4))
    list(same)  # whatever was drawn before
    np.random.seed(7)
    assert all(np.array_equal(a, b) for a, b in zip(one.batches(5), same.batches(5), strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(one.batches(5), other.batches(5), strict=True))


@pytest.mark.parametrize("workers", [0, 1])
def test_each_pass_is_the_next_epoch_and_one_can_be_asked_for(workers):
    lengths = msp_like(40)
    options = {"collate_fn": list, "num_workers": workers, "persistent_workers": workers > 0}
    loader = DataLoader(list(range(40)), batch_sampler=LengthBatches(lengths, 8), **options)
    planned = [[batch.tolist() for batch in LengthBatches(lengths, 8).batches(epoch)] for epoch in range(3)]
    assert [list(loader), list(loader)] == planned[:2]
    loader.batch_sampler.set_epoch(1)
    assert [list(loader), list(loader)] == planned[1:]


def test_accelerate_shares_the_batches_out_to_processes():
    sampler = LengthBatches(msp_like(1000), 16)
    shards = [BatchSamplerShard(sampler, 3, rank, even_batches=False) for rank in range(3)]
    numbers = []
    for shard in shards:
        sampler.set_epoch(4)
        numbers += [i for batch in shard for i in batch]
    assert sorted(numbers) == list(range(1000))


@pytest.mark.parametrize(
    ("lengths", "settings_", "message"),
    [
        ([], {}, "at least one item"),
        ([[1, 2]], {}, r"one number an item.*\(1, 2\)"),
        ([1, float("nan"), 3], {}, "length of item 1 is nan"),
        ([1, 2, float("inf")], {}, "length of item 2 is inf"),
        ([3, 0, 2, 0], {}, r"length of item 1 is 0 \(and 1 more\)"),
        ([3, -4], {}, "length of item 1 is -4"),
        ([1], {"batch_size": 0}, "batch_size must be at least 1"),
        ([1], {"batch_size": 2.5}, "batch_size must be a whole number, got 2.5"),
        ([1], {"jitter": 1}, "jitter"),
        ([1], {"jitter": float("nan")}, "jitter"),
    ],
)
def test_lengths_and_settings_that_make_no_sense_are_named(lengths, settings_, message):
    with pytest.raises(ValueError, match=message):
        LengthBatches(lengths, **{"batch_size": 4} | settings_)


def test_the_share_of_padding_is_what_is_added_over_what_is_computed():
    assert padding_share([1, 3, 4, 2], [[0, 1], [2, 3]]) == pytest.approx(1 - 10 / 14)
    assert padding_share([5, 5], [[1], [0]]) == 0
    with pytest.raises(ValueError, match="one is empty"):
        padding_share([5, 5], [[0, 1], []])


# -- padding -------------------------------------------------------------------------------------------------------


@settings(max_examples=50, deadline=None)
@given(lengths=st.lists(st.integers(1, 30), min_size=1, max_size=12), features=st.sampled_from([(), (4,), (2, 3)]))
def test_a_batch_holds_each_sequence_then_zeros_and_tells_the_lengths(lengths, features):
    made = np.random.default_rng(0)
    items = [(made.normal(size=(n, *features)).astype(np.float32), i) for i, n in enumerate(lengths)]
    x, n, target = pad_batch(items)
    assert x.shape == (len(items), max(lengths), *features)
    assert n.tolist() == lengths
    assert target.tolist() == list(range(len(items)))
    for row, (sequence, _) in zip(x.numpy(), items, strict=True):
        np.testing.assert_array_equal(row[: len(sequence)], sequence)
        assert (row[len(sequence) :] == 0).all()


def test_two_sequences_of_an_item_are_padded_each_to_its_own_longest():
    items = [(torch.ones(n, 4), torch.ones(2 * n + 1, 3), 0.5) for n in (2, 5)]
    x1, n1, x2, n2, target = pad_batch(items)
    assert (x1.shape, x2.shape) == ((2, 5, 4), (2, 11, 3))
    assert (n1.tolist(), n2.tolist()) == ([2, 5], [5, 11])
    assert target.tolist() == [0.5, 0.5]


@pytest.mark.parametrize(
    ("targets", "dtype"),
    [
        ((0, 1), torch.int64),
        ((True, False), torch.int64),
        ((np.int8(0), np.int8(1)), torch.int64),
        ((0.5, 1.0), torch.float32),
        ((np.float64(0.5), np.float64(1)), torch.float32),
        ((torch.tensor(1.0), torch.tensor(0.0)), torch.float32),
    ],
)
def test_whole_targets_become_int64_and_fractions_float32(targets, dtype):
    target = pad_batch([(np.zeros(3), y) for y in targets])[-1]
    assert target.dtype == dtype
    assert target.tolist() == [float(y) for y in targets]


def test_sequences_in_read_only_memory_are_padded_without_a_warning(recwarn):
    kept = np.arange(5.0, dtype=np.float32)
    kept.flags.writeable = False
    x, _, _ = pad_batch([(kept, 0), (kept[:3], 1)])
    assert x.dtype == torch.float32
    assert not recwarn.list


def test_a_batch_of_mixed_kinds_keeps_fractions_and_is_single_precision():
    whole, fraction = np.array([1, 2], np.int16), np.array([0.25, 0.5, 0.75])
    x, lengths, _ = pad_batch([(whole, 0), (fraction, 1)])
    assert x.dtype == torch.float32
    assert x.tolist() == [[1, 2, 0], [0.25, 0.5, 0.75]]
    assert lengths.tolist() == [2, 3]


@pytest.mark.parametrize(
    ("items", "message"),
    [
        ([], "at least one item"),
        ([np.zeros(3)], r"must be \(\*sequences, target\), got ndarray"),
        ([(np.zeros(3),)], r"must be \(\*sequences, target\)"),
        ([(np.zeros(3), 0), (np.zeros(0), 1)], r"sequence 0 .*at least one step.*\(0,\)"),
        ([(np.zeros((3, 4)), 0), (np.zeros((3, 5)), 1)], r"\(3, 4\), \(3, 5\)"),
        ([(1.0, 0)], "time as its first axis"),
    ],
)
def test_items_that_make_no_batch_are_named(items, message):
    with pytest.raises(ValueError, match=message):
        pad_batch(items)


# -- loader and memory ---------------------------------------------------------------------------------------------


class Sounds(Dataset):
    """Items of which some can't be made; `made` lists what was asked for."""

    def __init__(self, lengths, broken=()):
        self.lengths, self.broken, self.made = list(lengths), broken, []
        self.targets = torch.arange(len(self.lengths)) % 2

    def __len__(self):
        return len(self.lengths)

    def __getitem__(self, i):
        self.made.append(i)
        if i in self.broken:
            raise OSError(f"take_{i}.wav is cut off")
        return np.full((self.lengths[i], 2), i, np.float32), int(self.targets[i])


def test_the_loader_gives_padded_batches_of_all_items():
    data = Sounds(range(1, 51))
    loader = MultiDataLoader(data, data.lengths, 8, seed=2)
    seen = []
    for x, lengths, target in loader:
        items = (x.sum((1, 2)) / (2 * lengths)).round().long()
        assert lengths.tolist() == [data.lengths[i] for i in items]
        assert target.tolist() == data.targets[items].tolist()
        assert x.shape == (len(items), lengths.max(), 2)
        seen += items.tolist()
    assert sorted(seen) == list(range(50))
    assert len(loader) == len(loader.batch_sampler)


def test_a_loader_whose_lengths_are_of_other_data_is_refused():
    with pytest.raises(ValueError, match="3 lengths are given for 4 items"):
        MultiDataLoader(Sounds([1, 2, 3, 4]), [1, 2, 3], 2)


@pytest.mark.parametrize(("fraction", "kept"), [(0, 0), (0.5, 5), (1, 10)])
def test_a_kept_item_is_made_once_and_is_the_same(fraction, kept, capsys):
    data = Sounds(range(1, 11))
    held = Prefetched(data, fraction)
    assert data.made == list(range(kept))
    for i in (0, 9, 0, 9, -1):
        np.testing.assert_array_equal(held[i][0], data.__class__(data.lengths)[i % 10][0])
    assert data.made == list(range(kept)) + [i for i in (0, 9, 0, 9, 9) if i >= kept]
    assert len(held) == 10
    assert held.targets is data.targets
    assert held.lengths is data.lengths
    assert len(list(held)) == 10  # ends after the last item
    assert capsys.readouterr().err == ""  # nobody watches


def test_an_item_that_can_not_be_made_is_named():
    data = Sounds(range(1, 11), broken=(3, 8))
    with pytest.raises(RuntimeError, match=r"item 3 of the Sounds can't be made: take_3\.wav is cut off"):
        Prefetched(data)
    with pytest.raises(RuntimeError, match="item 8 of the Sounds"):
        Prefetched(data, 0.1)[8]


@pytest.mark.parametrize("fraction", [-0.1, 1.5, float("nan")])
def test_a_fraction_out_of_range_is_named(fraction):
    with pytest.raises(ValueError, match="fraction must be from 0 to 1"):
        Prefetched(Sounds([1]), fraction)
