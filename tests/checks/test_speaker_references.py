"""What the checks of the unit on speaker sex compare with is itself right, and each mistake is told from the others."""

import sys
from dataclasses import fields
from itertools import combinations

import numpy as np
import pytest
import torch
from speaker_right import Conv1DNet, Conv2DNet

from lib.checks import functions, masks, mel, own_spoiling, speaker_networks, speaker_recipes, spectrograms, spoiling


def distinct(mistakes, values, far):
    """No two mistakes that say different things, and none and the right way, come within `far` of each other."""
    made = [("right", values({}))] + [(m.says, values(dict(m.changes))) for m in mistakes]
    close = []
    for (a, x), (b, y) in combinations(made, 2):
        x, y = np.asarray(x), np.asarray(y)
        if a != b and x.shape == y.shape and np.abs(x - y).max() <= far * max(1.0, np.abs(x).max()):
            close.append((a, b))
    return close


@pytest.mark.parametrize(("n", "window", "hop"), [(1000, 64, 20), (1013, 32, 7), (6000, 2048, 512), (4096, 512, 128)])
def test_the_transform_compared_with_is_librosas(n, window, hop):
    import librosa

    signal = np.random.default_rng(n).standard_normal(n)
    theirs = librosa.stft(signal, n_fft=window, hop_length=hop, pad_mode="reflect")
    ours = spectrograms.stft_recipe(signal, window, hop, spectrograms.StftRecipe())
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-12 * np.abs(theirs).max())


@pytest.mark.parametrize(
    ("rate", "window", "bands", "low", "high"),
    [(16_000, 512, 20, 50.0, 7000.0), (8000, 300, 13, 0.0, 4000.0), (16_000, 2048, 128, 1.0, None)],
)
def test_the_filters_compared_with_are_librosas(rate, window, bands, low, high):
    import librosa

    sizes = {"sr": rate, "n_fft": window, "n_mels": bands, "fmin": low, "fmax": high, "dtype": np.float64}
    theirs = librosa.filters.mel(**sizes, htk=True, norm=None)
    ours = mel.mel_recipe(rate, window, bands, mel.MelRecipe(low=low, high=high))
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-12)


def test_slaneys_scale_and_norm_as_mistakes_are_librosas():
    import librosa

    theirs = librosa.filters.mel(sr=16_000, n_fft=512, n_mels=20, fmin=50, fmax=7000, dtype=np.float64)
    ours = mel.mel_recipe(16_000, 512, 20, mel.MelRecipe(scale="slaney", norm="slaney"))
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-12)


def test_no_two_mistakes_of_a_transform_give_the_same_values():
    signal = np.random.default_rng(3).standard_normal(spectrograms.SAMPLES) + 0.3

    def values(changes):
        return spectrograms.stft_recipe(signal, 64, 20, spectrograms.StftRecipe(**changes))

    assert distinct(spectrograms.STFT_MISTAKES, values, 1e-3) == []


def test_no_two_mistakes_of_filters_give_the_same_values():
    def values(changes):
        return mel.mel_recipe(mel.RATE, mel.FFT, mel.BANDS, mel.MelRecipe(**changes))

    assert distinct(mel.MEL_MISTAKES, values, 1e-3) == []


def test_no_two_mistakes_of_noise_or_of_clipping_give_the_same_values():
    speech, short, long = spoiling.sounds()

    def noisy(changes):
        recipe = spoiling.NoiseRecipe(**changes)
        return np.concatenate(
            [spoiling.noise_recipe(speech, n, snr, recipe).numpy() for n, snr in ((short, 6), (long, -3))]
        )

    def clipped(changes):
        return spoiling.clip_recipe(speech + 0.1 * speech.square(), 0.2, spoiling.ClipRecipe(**changes)).numpy()

    assert distinct(spoiling.NOISE_MISTAKES, noisy, 1e-3) == []
    assert distinct(spoiling.CLIP_MISTAKES, clipped, 1e-3) == []


def test_no_two_mistakes_of_a_network_give_the_same_values():
    over_time, of_picture = Conv1DNet().eval(), Conv2DNet(*speaker_networks.SMALL).eval()
    modules = list(over_time.net)
    layers = (modules[0:12:4], modules[3:12:4], modules[-1])
    speaker_networks.enliven([*layers[0], *layers[1], layers[2]])
    convolutions = [of_picture.c1, of_picture.c2, of_picture.c3, of_picture.c4]
    speaker_networks.enliven([*convolutions, of_picture.linear])
    x = speaker_networks.spectrograms(3, 40, 128)
    small = speaker_networks.spectrograms(3, *speaker_networks.SMALL)
    with torch.no_grad():
        assert (
            distinct(
                speaker_recipes.NET1D_MISTAKES,
                lambda c: speaker_recipes.net1d_recipe(layers, x, speaker_recipes.Net1dRecipe(**c)).numpy(),
                1e-3,
            )
            == []
        )
        assert (
            distinct(
                speaker_recipes.NET2D_MISTAKES,
                lambda c: speaker_recipes.net2d_recipe(
                    convolutions, of_picture.linear, small, speaker_recipes.Net2dRecipe(**c)
                ).numpy(),
                1e-3,
            )
            == []
        )


@pytest.mark.parametrize("module", [spectrograms.StftRecipe, mel.MelRecipe, spoiling.NoiseRecipe, spoiling.ClipRecipe])
def test_every_part_of_a_recipe_is_one_that_a_known_mistake_changes(module):
    known = {
        spectrograms.StftRecipe: spectrograms.STFT_MISTAKES,
        mel.MelRecipe: mel.MEL_MISTAKES,
        spoiling.NoiseRecipe: spoiling.NOISE_MISTAKES,
        spoiling.ClipRecipe: spoiling.CLIP_MISTAKES,
    }[module]
    assert {f.name for f in fields(module)} == {name for m in known for name in m.changes}


def test_white_noise_is_recognised_at_any_strength_and_coloured_noise_is_not():
    voices = own_spoiling.voices(4, 1.0)
    generator = torch.Generator().manual_seed(0)
    white = torch.randn(voices.shape, generator=generator)
    pink = torch.fft.irfft(torch.fft.rfft(white) / torch.arange(1, 8002).sqrt())
    for size in (0.01, 0.1, 10.0):
        assert own_spoiling.is_white_noise(voices, voices + size * white)
        assert not own_spoiling.is_white_noise(voices, voices + size * pink)
    assert not own_spoiling.is_white_noise(voices, voices)
    assert not own_spoiling.is_white_noise(voices, voices * (1 + 0.5 * white))


def test_clipping_is_recognised_at_any_loudness_and_soft_limits_are_not():
    voices = own_spoiling.voices(4, 1.0)
    for share in (0.01, 0.2, 0.5):
        level = voices.abs().quantile(1 - share, dim=1, keepdim=True)
        assert own_spoiling.is_clipped(voices, voices.clamp(-level, level))
        assert own_spoiling.is_clipped(voices, 3 * voices.clamp(-level, level))
        assert not own_spoiling.is_clipped(voices, level * torch.tanh(voices / level))
    assert not own_spoiling.is_clipped(voices, voices)


def test_stretches_are_counted():
    hidden = torch.tensor([[1, 0, 1, 1, 0, 1], [0, 0, 0, 0, 0, 0], [1, 1, 1, 1, 1, 1]], dtype=torch.bool)
    assert masks.runs(hidden).tolist() == [3, 0, 1]


def test_a_generator_is_given_to_a_students_function_as_it_is():
    """PyTorch's generators lose a reference to None whenever they are copied, and Python 3.11 stops without those."""
    generator = torch.Generator().manual_seed(0)
    before = sys.getrefcount(None)
    for _ in range(2000):
        functions.called(lambda g: torch.rand(1, generator=g), generator, doing="drawing")
    assert sys.getrefcount(None) > before - 1000
