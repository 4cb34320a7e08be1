import numpy as np
import pytest
import torch
from torch import nn

from lib.audio.augment import Augment
from lib.audio.datasets import KeptFeatures, Paired, Spectrograms, Waves, mean_and_sd, weights_hash
from lib.audio.logmel import log_mels
from lib.batching import MultiDataLoader
from lib.data.errors import DataError


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("NOTES_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def signals(n=6, seed=0):
    rng = np.random.default_rng(seed)
    return [(3000 * rng.standard_normal(rng.integers(1600, 6400))).astype(np.int16) for _ in range(n)]


class Extractor(nn.Module):
    """Two strided convolutions, counting how often it is asked."""

    def __init__(self, seed=0):
        super().__init__()
        torch.manual_seed(seed)
        self.layers = nn.Sequential(nn.Conv1d(1, 8, 10, 5), nn.GELU(), nn.Dropout(0.5), nn.Conv1d(8, 16, 8, 64))
        self.asked = []

    def forward(self, waves, lengths):
        self.asked.append(waves.shape[1])
        features = self.layers(waves[:, None]).transpose(1, 2)
        return features, torch.full_like(lengths, features.shape[1])


def kept(waves, extractor, keys=None):
    return KeptFeatures(waves, extractor, extractor, keys)


TARGETS = [0, 1, 1, 0, 1, 0]

# ------------------------------------------------------------------------------------------ spectrograms


def test_spectrograms_of_the_training_part_have_mean_zero_and_variance_one():
    x = log_mels(signals())
    data = Spectrograms(x, TARGETS, *mean_and_sd(x))
    assert len(data) == 6
    assert data.lengths.tolist() == [len(s) // 320 + 1 for s in signals()]
    assert data.targets.tolist() == TARGETS
    together = torch.cat([data[i][0] for i in range(6)])
    assert together.dtype == torch.float32
    assert together.mean().abs() < 1e-5
    assert together.std(correction=0) == pytest.approx(1, abs=1e-5)
    assert data[1][1].shape == ()
    assert data[1][1].dtype == torch.float32
    assert data[1][1] == 1


def test_the_same_mean_and_deviation_serve_another_part():
    train, other = log_mels(signals()), log_mels(signals(seed=1))
    mean, sd = mean_and_sd(train)
    data = Spectrograms(other, TARGETS, mean, sd)
    torch.testing.assert_close(data[2][0], (other[2] - mean) / sd)


def test_the_mean_and_deviation_are_those_of_all_numbers_together():
    items = [np.array([[1.0, 2.0]]), np.array([[6.0, 7.0], [8.0, 9.0]])]
    mean, sd = mean_and_sd(items)
    everything = np.array([1.0, 2, 6, 7, 8, 9])
    assert (mean, sd) == (pytest.approx(everything.mean()), pytest.approx(everything.std()))
    far = [x + 1e6 for x in items]  # where squares as they are would lose the difference
    assert mean_and_sd(far) == (pytest.approx(mean + 1e6), pytest.approx(sd))
    assert mean_and_sd([np.array([0, 16384], np.int16)]) == (0.25, 0.25)  # waves: full scale is 1


def test_augmentation_changes_what_is_asked_for_and_not_what_is_stored():
    x = log_mels(signals())
    before = [item.clone() for item in x]
    data = Spectrograms(x, TARGETS, *mean_and_sd(x), Augment((2, 5), (2, 8), gain=0.5))
    torch.manual_seed(0)
    first, second = data[0][0], data[0][0]
    assert not torch.equal(first, second)
    torch.manual_seed(0)
    assert torch.equal(data[0][0], first)
    assert all(torch.equal(a, b) for a, b in zip(x, before, strict=True))


def test_spectrograms_that_cannot_be_trained_on_are_named():
    good, nan = torch.randn(20, 64), torch.randn(20, 64)
    nan[3, 3] = torch.nan
    for bad, message in [
        (nan, "log-mel 1 holds NaN"),
        (torch.full((20, 64), -100.0), "log-mel 1 is -100 dB throughout"),
        (torch.randn(20, 32), "as many bands as the first"),
        (torch.zeros(0, 64), "log-mel 1 must be"),
    ]:
        with pytest.raises(ValueError, match=message):
            Spectrograms([good, bad], [0, 1], 0.0, 1.0)
    with pytest.raises(ValueError, match="2 items, targets"):
        Spectrograms([good, good], [0], 0.0, 1.0)
    with pytest.raises(ValueError, match="0 items"):
        Spectrograms([], [], 0.0, 1.0)
    with pytest.raises(ValueError, match="a target is NaN"):
        Spectrograms([good], [float("nan")], 0.0, 1.0)
    with pytest.raises(ValueError, match="sd above zero"):
        Spectrograms([good], [1], 0.0, 0.0)


def test_silence_alone_has_no_deviation():
    with pytest.raises(ValueError, match="silence"):
        mean_and_sd(log_mels([np.zeros(1000, np.int16)] * 2))
    with pytest.raises(ValueError, match="no items"):
        mean_and_sd([])
    with pytest.raises(ValueError, match="NaN"):
        mean_and_sd([np.full((2, 2), np.nan)])


# ------------------------------------------------------------------------------------------------- waves


def test_a_wave_is_normalised_by_its_own_clip_or_by_the_set():
    own = Waves(signals(), TARGETS)
    for i in range(6):
        x, target = own[i]
        assert len(x) == own.lengths[i] == len(signals()[i])
        assert x.mean().abs() < 1e-6
        assert x.std(correction=0) == pytest.approx(1, abs=1e-5)
        assert target == TARGETS[i]
    louder = [(s * 2).astype(np.int16) for s in signals()]
    torch.testing.assert_close(Waves(louder, TARGETS)[0][0], own[0][0])
    mean, sd = mean_and_sd(signals())
    of_set = Waves(signals(), TARGETS, mean, sd)[0][0]
    torch.testing.assert_close(of_set, ((torch.from_numpy(signals()[0]) / 32768) - mean) / sd)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("kind", [np.int16, np.float32, np.float64])
def test_recordings_that_must_not_be_written_to_are_only_read(kind):
    locked = [s.astype(kind) for s in signals()]
    for signal in locked:
        signal.flags.writeable = False  # as those are that lie in a file mapped into memory
    x, _ = Waves(locked, TARGETS)[0]
    assert x.dtype == torch.float32
    x.zero_()
    assert locked[0].any()
    assert len(log_mels(locked)) == 6


def test_known_lengths_spare_the_reading_of_lazy_signals():
    class Lazy:
        read = 0

        def __len__(self):
            return 6

        def __getitem__(self, i):
            Lazy.read += 1
            return signals()[i]

    data = Waves(Lazy(), TARGETS, lengths=[len(s) for s in signals()])
    assert Lazy.read == 0
    assert len(data[3][0]) == data.lengths[3]
    assert Lazy.read == 1


def test_waves_that_cannot_be_used_are_named():
    short, fine = np.ones(399, np.int16), signals()[0]
    with pytest.raises(ValueError, match="signal 1 is too short: 399"):
        Waves([fine, short], [0, 1])
    with pytest.raises(ValueError, match="signal 1 is silent"):
        Waves([fine, np.zeros(1000, np.int16)], [0, 1])[1]
    with pytest.raises(ValueError, match="signal 0 holds NaN"):
        Waves([np.full(1000, np.nan)], [0])
    with pytest.raises(ValueError, match="signal 0 must be one channel"):
        Waves([np.zeros((2, 1000))], [0])
    with pytest.raises(ValueError, match="said to be 1000"):
        Waves([fine], [0], lengths=[1000])[0]
    with pytest.raises(ValueError, match="as many lengths"):
        Waves([fine], [0], lengths=[1000, 1000])
    with pytest.raises(ValueError, match="both mean and sd"):
        Waves([fine], [0], mean=0.0)


# ----------------------------------------------------------------------------------------- kept features


def test_features_are_the_networks_in_eval_mode_up_to_half_precision():
    extractor = Extractor().train()
    waves = Waves(signals(), TARGETS)
    data = kept(waves, extractor)
    assert extractor.training  # left as it was
    extractor.eval()
    for i in range(6):
        x, target = data[i]
        with torch.no_grad():
            expected = extractor(waves[i][0][None], torch.tensor([1]))[0][0]
        assert x.dtype == torch.float32
        assert x.shape == (data.lengths[i], 16) == expected.shape
        torch.testing.assert_close(x, expected, rtol=1e-3, atol=1e-4)
        assert target == TARGETS[i]


def test_a_part_that_was_left_in_eval_mode_stays_so():
    extractor = Extractor().train()
    extractor.layers[2].eval()
    kept(Waves(signals(), TARGETS), extractor)
    assert extractor.training
    assert not extractor.layers[2].training


def test_features_are_computed_once_for_any_selection_of_the_recordings():
    kept(Waves(signals(), TARGETS), Extractor())
    again = Extractor()
    chosen = kept(Waves(signals()[::-2], TARGETS[::-2]), again)
    assert again.asked == []
    assert chosen.lengths.tolist() == kept(Waves(signals(), TARGETS), again).lengths[::-2].tolist()


def test_other_weights_or_another_normalisation_are_computed_anew():
    kept(Waves(signals(), TARGETS), Extractor())
    for extractor, waves in [
        (Extractor(seed=1), Waves(signals(), TARGETS)),
        (Extractor(), Waves(signals(), TARGETS, 0.0, 0.1)),
    ]:
        kept(waves, extractor)
        assert len(extractor.asked) == 6


def test_what_was_interrupted_goes_on_where_it_was():
    class Interrupted(Extractor):
        def forward(self, waves, lengths):
            if len(self.asked) == 4:
                raise KeyboardInterrupt
            return super().forward(waves, lengths)

    Interrupted.__name__ = "Extractor"  # the same network, as far as its printed form goes
    with pytest.raises(KeyboardInterrupt):
        kept(Waves(signals(), TARGETS), Interrupted())
    rest = Extractor()
    data = kept(Waves(signals(), TARGETS), rest)
    assert len(rest.asked) == 2
    fresh = Extractor()
    assert data.lengths.tolist() == [fresh(torch.zeros(1, len(s)), torch.tensor([1]))[0].shape[1] for s in signals()]


def test_a_damaged_file_is_made_again(cache):
    waves = Waves(signals(), TARGETS)
    before = [x.clone() for x, _ in kept(waves, Extractor())]
    first, second, *_ = sorted(cache.rglob("*.npy"))
    first.write_bytes(first.read_bytes()[:-40])
    second.write_bytes(b"")
    again = Extractor()
    data = kept(waves, again)
    assert len(again.asked) == 2
    assert all(torch.equal(a, b) for a, (b, _) in zip(before, data, strict=True))
    assert not list(cache.rglob(".*tmp*")), "no temporary file is left"


def test_keys_spare_the_reading_of_the_waves():
    class Unread(Waves):
        def __getitem__(self, i):
            raise AssertionError("read")

    keys = [f"set-1 clip-{i}" for i in range(6)]
    made = kept(Waves(signals(), TARGETS), Extractor(), keys)
    found = kept(Unread(signals(), TARGETS), Extractor(), keys)
    assert found.lengths.tolist() == made.lengths.tolist()
    assert torch.equal(found[4][0], made[4][0])
    with pytest.raises(ValueError, match="as many keys"):
        kept(Waves(signals(), TARGETS), Extractor(), keys[:-1])


def test_an_extractor_of_another_form_is_refused():
    class Flat(nn.Module):
        def forward(self, waves, lengths):
            return waves, lengths

    class Huge(nn.Module):
        def forward(self, waves, lengths):
            return waves[..., None] * 1e6, lengths

    with pytest.raises(ValueError, match=r"\(1, steps, channels\), of wave 0 it gave \(1, "):
        kept(Waves(signals(), TARGETS), Flat())
    with pytest.raises(ValueError, match="not finite in float16"):
        kept(Waves(signals(), TARGETS), Huge())


def test_a_cache_that_cannot_be_written_to_is_named(cache):
    cache.parent.mkdir(exist_ok=True)
    cache.write_text("a file where a folder should be")
    with pytest.raises(DataError, match="NOTES_CACHE"):
        kept(Waves(signals(), TARGETS), Extractor())


def test_the_hash_of_a_network_follows_its_weights_and_its_form():
    assert weights_hash(Extractor()) == weights_hash(Extractor())
    assert weights_hash(Extractor()) != weights_hash(Extractor(seed=1))
    near, far = nn.Conv1d(1, 1, 4), nn.Conv1d(1, 1, 4, dilation=2)
    far.load_state_dict(near.state_dict())
    assert weights_hash(near) != weights_hash(far)
    norm = nn.BatchNorm1d(3)  # has a whole number without dimensions among its weights
    assert weights_hash(norm) == weights_hash(nn.BatchNorm1d(3))


# ---------------------------------------------------------------------------------------------- together


def test_a_pair_has_the_sequences_of_both_and_one_target():
    x = log_mels(signals())
    spectrograms = Spectrograms(x, TARGETS, *mean_and_sd(x))
    features = kept(Waves(signals(), TARGETS), Extractor())
    data = Paired(spectrograms, features)
    a, b, target = data[4]
    assert torch.equal(a, spectrograms[4][0])
    assert torch.equal(b, features[4][0])
    assert target == 1
    assert data.targets.tolist() == TARGETS
    assert data.lengths.tolist() == spectrograms.lengths.tolist()


def test_pairs_that_do_not_belong_together_are_refused():
    waves = Waves(signals(), TARGETS)
    with pytest.raises(ValueError, match="6 and 5 items"):
        Paired(waves, Waves(signals()[:5], TARGETS[:5]))
    with pytest.raises(ValueError, match="item 1 has another target"):
        Paired(waves, Waves(signals(), [0, 0, 1, 0, 1, 0]))


@pytest.mark.parametrize("workers", [0, 2])
def test_a_loader_pads_with_the_mean_behind_each_item(workers):
    x = log_mels(signals())
    paired = Paired(Spectrograms(x, TARGETS, *mean_and_sd(x)), Waves(signals(), TARGETS))
    seen = 0
    for spectrograms, frames, waves, samples, target in MultiDataLoader(
        paired, paired.lengths, 3, seed=0, num_workers=workers
    ):
        for row, n, wave, m in zip(spectrograms, frames, waves, samples, strict=True):
            assert (row[n:] == 0).all()
            assert (wave[m:] == 0).all()
            assert n == m // 320 + 1
        assert target.dtype == torch.float32
        seen += len(target)
    assert seen == 6
