import math

import pytest
import torch

from lib.audio.augment import TIME_SHARE, Augment, mask_batch


def item(frames=100, bands=64, seed=0):
    return torch.randn(frames, bands, generator=torch.Generator().manual_seed(seed)) + 3


def hidden(x):
    """Which frames and which bands are 0 throughout."""
    return (x == 0).all(1), (x == 0).all(0)


def test_nothing_asked_for_changes_nothing():
    x = item()
    assert torch.equal(Augment()(x), x)


def test_the_item_given_is_left_as_it_was():
    x = item()
    before = x.clone()
    Augment((2, 25), (2, 8), gain=1, shift=2, stretch=0.2)(x)
    assert torch.equal(x, before)


def test_the_seed_decides():
    augment = Augment((2, 25), (2, 8), gain=1, shift=2, stretch=0.2)
    torch.manual_seed(1)
    first, second = augment(item()), augment(item())
    torch.manual_seed(1)
    assert torch.equal(augment(item()), first)
    assert first.shape != second.shape or not torch.equal(first, second)
    own = augment(item(), torch.Generator().manual_seed(5))
    assert torch.equal(augment(item(), torch.Generator().manual_seed(5)), own)


def test_masks_hide_whole_frames_and_bands_up_to_their_width_anywhere():
    frames, bands = torch.zeros(100), torch.zeros(64)
    widths = set()
    for seed in range(400):
        x = Augment((1, 10), (1, 6))(item(), torch.Generator().manual_seed(seed))
        in_time, in_band = hidden(x)
        frames, bands = frames + in_time, bands + in_band
        widths.add((int(in_time.sum()), int(in_band.sum())))
        assert torch.equal(x[~in_time][:, ~in_band], item()[~in_time][:, ~in_band])
    assert {w for w, _ in widths} == set(range(11))
    assert {w for _, w in widths} == set(range(7))
    assert frames.min() > 0
    assert bands.min() > 0


def test_a_time_mask_hides_at_most_a_fifth_of_a_short_clip():
    most = max(
        hidden(Augment(time_masks=(1, 50))(item(20), torch.Generator().manual_seed(s)))[0].sum() for s in range(300)
    )
    assert most == int(TIME_SHARE * 20)
    assert torch.equal(Augment(time_masks=(2, 50))(item(1)), item(1))


def test_masks_wider_than_the_item_are_possible():
    x = Augment(band_masks=(3, 100))(item(bands=4))
    assert x.shape == (100, 4)


def test_gain_moves_the_whole_item_by_one_amount():
    moved = [Augment(gain=0.5)(item(), torch.Generator().manual_seed(s)) - item() for s in range(200)]
    assert all(m.max() - m.min() < 1e-5 for m in moved)
    amounts = torch.stack([m.mean() for m in moved])
    assert amounts.abs().max() <= 0.5
    assert amounts.min() < -0.4
    assert amounts.max() > 0.4


def test_a_shift_moves_a_peak_by_at_most_so_many_bands_and_repeats_the_edge():
    x = torch.zeros(5, 64)
    x[:, 30] = 1
    places = []
    for seed in range(200):
        y = Augment(shift=2)(x, torch.Generator().manual_seed(seed))
        torch.testing.assert_close(y.sum(1), torch.ones(5))
        places.append(float((y[0] * torch.arange(64)).sum()) - 30)
    assert -2 <= min(places) < -1.8
    assert 1.8 < max(places) <= 2
    edge = torch.zeros(5, 64)
    edge[:, 0] = 1
    raised = max(Augment(shift=3)(edge, torch.Generator().manual_seed(s))[0].sum() for s in range(50))
    assert raised > 3  # the lowest band filled what was shifted up


def test_a_stretch_changes_the_frames_and_keeps_the_course():
    x = torch.linspace(0, 1, 101)[:, None].expand(-1, 8)
    lengths = []
    for seed in range(200):
        y = Augment(stretch=0.25)(x, torch.Generator().manual_seed(seed))
        lengths.append(len(y))
        torch.testing.assert_close(y, torch.linspace(0, 1, len(y))[:, None].expand(-1, 8))
    assert math.floor(101 / 1.25) <= min(lengths) < 85
    assert 120 < max(lengths) <= math.ceil(101 * 1.25)
    assert Augment(stretch=0.5)(item(1)).shape == (1, 64)


def test_a_batch_is_masked_item_by_item_within_its_own_frames():
    x = torch.randn(300, 50, 16) + 9
    lengths = torch.randint(5, 51, (300,))
    for i, n in enumerate(lengths):
        x[i, n:] = 0
    y = mask_batch(x, lengths, (1, 8), (1, 4), torch.Generator().manual_seed(0))
    frames, bands = [], []
    for before, after, n in zip(x, y, lengths, strict=True):
        in_time, in_band = hidden(after[:n])
        assert torch.equal(after[:n][~in_time][:, ~in_band], before[:n][~in_time][:, ~in_band])
        assert in_time.sum() <= min(8, int(TIME_SHARE * n))
        assert in_band.sum() <= 4
        frames.append(int(in_time.sum()))
        bands.append(int(in_band.sum()))
    assert set(frames) == set(range(9))
    assert set(bands) == set(range(5))
    assert not torch.equal(x, y)  # a copy


def test_what_makes_no_sense_is_refused():
    with pytest.raises(ValueError, match="negative"):
        Augment(gain=-1)
    with pytest.raises(ValueError, match=r"\(frames, bands\)"):
        Augment()(torch.zeros(2, 3, 4))
    with pytest.raises(ValueError, match="lengths"):
        mask_batch(torch.zeros(2, 3, 4), torch.tensor([3]))
