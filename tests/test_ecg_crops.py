"""ECGs for a network: preparing, cropping, scoring."""

import numpy as np
import pytest
import torch
from torch import nn

from lib.ecg.crops import LIMIT, RATE, RandomCrops, class_probabilities, pad, prepare


def beats(seconds=12, fs=300, height=1000, every=0.8):
    time = np.arange(seconds * fs) / fs
    nearest = np.round(time / every) * every
    return height * np.exp(-0.5 * ((time - nearest) / 0.012) ** 2)


def test_preparing_resamples_and_makes_r_peaks_about_one_whatever_the_unit():
    for height, fs in ((1000, 300), (0.3, 300), (1, 500)):
        x = prepare(beats(height=height, fs=fs), fs)
        assert x.dtype == np.float32
        assert len(x) == 12 * RATE
        assert np.median(np.sort(x)[-12:]) == pytest.approx(1, abs=0.25)


def test_preparing_removes_the_drift_and_limits_artefacts():
    clean = beats()
    drift = 3000 * np.sin(2 * np.pi * 0.05 * np.arange(len(clean)) / 300)
    assert np.abs(prepare(clean + drift, 300) - prepare(clean, 300))[200:-200].max() < 0.3
    clean[2000] = 1e6
    assert np.abs(prepare(clean, 300)).max() == LIMIT


def test_preparing_whole_numbers_and_floats_is_the_same():
    ecg = np.round(beats()).astype(np.int16)
    assert (prepare(ecg, 300) == prepare(ecg.astype(float), 300)).all()


@pytest.mark.parametrize("signal", [np.zeros(900, np.int16), np.full(900, 5.0), np.ones(1)])
def test_preparing_silence_gives_zeros(signal):
    assert (prepare(signal, 300) == 0).all()


@pytest.mark.parametrize(
    ("signal", "fs", "message"),
    [
        (np.zeros((2, 900)), 300, "one row"),
        (np.zeros(0), 300, "one row"),
        (np.array(["a"]), 300, "one row"),
        (np.array([1.0, np.nan]), 300, "NaN"),
        (np.zeros(900), 250, "multiple"),
        (np.zeros(900), 50, "multiple"),
    ],
)
def test_preparing_refuses_what_it_cannot_do(signal, fs, message):
    with pytest.raises(ValueError, match=message):
        prepare(signal, fs)


def test_padding_marks_what_is_inside():
    x, mask = pad([np.ones(3, np.float32), np.ones(5, np.float32)])
    assert x.tolist() == [[1, 1, 1, 0, 0], [1] * 5]
    assert (mask == (x > 0)).all()


def records():
    return [np.linspace(1, 2, n).astype(np.float32) for n in (900, 1500, 3000)]


def test_crops_are_at_most_as_long_as_asked_and_whole_where_the_record_is_shorter():
    data = RandomCrops(records(), [0, 1, 2], steps=1000, stretch=0.0)
    x, mask, target = data.__getitems__([0, 1, 2])
    assert x.shape == mask.shape == (3, 1000)
    assert target.tolist() == [0, 1, 2]
    assert mask.sum(1).tolist() == [900, 1000, 1000]
    assert (x[~mask] == 0).all()


def test_crops_of_long_records_are_full_at_any_stretch():
    data = RandomCrops([np.ones(3000, np.float32)] * 200, [0] * 200, steps=1000, stretch=0.3)
    _, mask, _ = data.__getitems__(range(200))
    assert mask.all()


def test_a_crop_is_a_part_of_its_record_up_to_sign_and_size():
    torch.manual_seed(0)
    signal = np.random.default_rng(0).normal(size=400).astype(np.float32)
    data = RandomCrops([signal], [0], steps=100, stretch=0.0)
    windows = np.lib.stride_tricks.sliding_window_view(signal, 100)
    places, signs = set(), set()
    for _ in range(20):
        crop = data[0][0].numpy()
        fit = [np.corrcoef(w, crop)[0, 1] for w in windows]
        best = int(np.abs(fit).argmax())
        assert abs(fit[best]) == pytest.approx(1, abs=1e-4)
        places.add(best)
        signs.add(np.sign(fit[best]))
    assert len(places) > 5
    assert signs == {-1.0, 1.0}


def test_stretching_changes_the_speed_within_its_limit():
    torch.manual_seed(0)
    wave = np.sin(2 * np.pi * np.arange(4000) / 50).astype(np.float32)  # 20 cycles in 1000 steps
    x, _, _ = RandomCrops([wave] * 64, [0] * 64, steps=1000, stretch=0.1).__getitems__(range(64))
    cycles = np.abs(np.fft.rfft(x.numpy(), 8000)).argmax(1) / 8
    assert cycles.min() >= 17.8
    assert cycles.max() <= 22.2
    assert np.ptp(cycles) > 1


def test_the_seed_of_pytorch_decides_the_crops():
    data = RandomCrops(records(), [0, 1, 2], steps=500)

    def batch(seed):
        torch.manual_seed(seed)
        return data.__getitems__([0, 1, 2])[0]

    assert torch.equal(batch(1), batch(1))
    assert not torch.equal(batch(1), batch(2))


@pytest.mark.parametrize("options", [{"targets": [0]}, {"steps": 0}, {"stretch": -0.1}, {"stretch": 1.0}])
def test_crops_refuse_settings_that_make_no_sense(options):
    with pytest.raises(ValueError, match=r"targets|steps"):
        RandomCrops(records(), **{"targets": [0, 1, 2], **options})


class Sign(nn.Module):
    """Class 1 for a positive mean over what the mask leaves; counts what it was asked."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))
        self.modes = []

    def forward(self, x, mask):
        self.modes.append(self.training)
        mean = (x * mask).sum(1) / mask.sum(1)
        return torch.stack([torch.zeros_like(mean), self.scale * mean.abs() * 5], 1)


def test_class_probabilities_keep_the_order_of_the_records_and_do_not_depend_on_the_batch():
    signals = [np.full(n, v, np.float32) for n, v in ((50, 0.0), (10, 1.0), (30, -1.0), (20, 0.3))]
    network = Sign()
    one, many = class_probabilities(network, signals, 1), class_probabilities(network, signals, 3)
    assert one == pytest.approx(many, abs=1e-6)
    assert one.sum(1) == pytest.approx(1)
    assert one[:, 1] == pytest.approx(1 / (1 + np.exp(-5 * np.array([0, 1, 1, 0.3]))), abs=1e-5)


def test_class_probabilities_are_computed_in_eval_mode_which_is_left_as_it_was():
    network = Sign().train()
    class_probabilities(network, [np.ones(5, np.float32)])
    assert network.training
    assert not any(network.modes)
    with pytest.raises(ValueError, match="no signals"):
        class_probabilities(network, [])
