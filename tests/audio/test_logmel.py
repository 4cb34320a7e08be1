import warnings

import numpy as np
import pytest
import torch

from lib.audio.logmel import LogMel, log_mels
from lib.audio.signals import as_float, similar_lengths


def voice(samples, seed=0):
    """A hum with harmonics and some noise, (samples,) float32."""
    rng = np.random.default_rng(seed)
    time = np.arange(samples) / 16000
    hum = sum(np.sin(2 * np.pi * 130 * k * time + k) / k for k in range(1, 30))
    return (0.1 * hum + 0.01 * rng.standard_normal(samples)).astype(np.float32)


def by_librosa(wave):
    import librosa

    with warnings.catch_warnings():  # it warns of clips shorter than a window
        warnings.simplefilter("ignore")
        power = librosa.feature.melspectrogram(
            y=wave,
            sr=16000,
            n_fft=640,
            hop_length=320,
            n_mels=64,
            htk=True,
            norm=None,
            center=True,
            pad_mode="constant",
        )
    return librosa.power_to_db(power, top_db=None).T


@pytest.mark.slow  # librosa's first use
@pytest.mark.parametrize("samples", [1, 319, 320, 5000, 16000, 40001])
def test_the_spectrogram_is_librosas(samples):
    wave = voice(samples)
    theirs = by_librosa(wave)
    (ours,) = log_mels([wave])
    assert ours.shape == theirs.shape == (samples // 320 + 1, 64)
    np.testing.assert_allclose(ours, theirs, atol=2e-3)  # dB: torchaudio rounds its triangles to float32


def test_an_item_of_a_padded_batch_has_the_frames_it_has_alone():
    waves = [voice(n, seed=n) for n in (16000, 12345, 640, 1)]
    batch = torch.full((4, 16000), 7.0)  # whatever lies behind an item, it is not heard
    for row, wave in zip(batch, waves, strict=True):
        row[: len(wave)] = torch.from_numpy(wave)
    together, frames = LogMel()(batch, [len(w) for w in waves])
    assert frames.tolist() == [51, 39, 3, 1]
    for x, n, wave in zip(together, frames, waves, strict=True):
        alone, own = LogMel()(torch.from_numpy(wave)[None])
        assert own.tolist() == [n]
        torch.testing.assert_close(x[:n], alone[0], atol=1e-3, rtol=0)
        assert (x[n:] == -100).all()


def test_a_set_comes_out_in_its_order_and_equal_to_clips_one_by_one():
    waves = [voice(n, seed=n) for n in np.random.default_rng(0).integers(500, 9000, 30)]
    for x, wave in zip(log_mels(waves, batch_seconds=2), waves, strict=True):
        alone, _ = LogMel()(torch.from_numpy(wave)[None])
        torch.testing.assert_close(x, alone[0], atol=1e-3, rtol=0)
        assert x.untyped_storage().nbytes() == x.nbytes  # no view of a padded batch


def test_what_is_made_for_a_set_can_be_trained_on():
    (x,) = log_mels([voice(3200)])
    layer = torch.nn.Linear(64, 1)
    layer(x).sum().backward()
    assert layer.weight.grad is not None


def test_whole_numbers_and_fractions_give_the_same():
    whole = np.round(voice(8000) * 20000).astype(np.int16)
    fraction = whole / 32768
    assert torch.equal(log_mels([whole])[0], log_mels([fraction])[0])
    ours, _ = LogMel()(torch.from_numpy(whole)[None])
    torch.testing.assert_close(ours[0], log_mels([fraction])[0], atol=1e-3, rtol=0)
    double, _ = LogMel()(torch.from_numpy(fraction)[None])
    assert double.dtype == torch.float32


def test_ten_times_the_amplitude_is_twenty_decibels_more():
    quiet, loud = log_mels([voice(8000), 10 * voice(8000)])
    torch.testing.assert_close(loud - quiet, torch.full_like(quiet, 20), atol=1e-2, rtol=0)


def test_silence_is_the_floor_and_nothing_is_below_it():
    (silence,) = log_mels([np.zeros(1000, np.int16)])
    assert (silence == -100).all()
    loud = np.zeros(16000, np.float32)
    loud[:100] = 1  # a click: far louder than 80 dB above the silence after it
    (x,) = log_mels([loud])
    assert x.min() == -100
    assert x.max() > 20


def test_a_tone_is_in_the_band_of_its_pitch():
    centres = 700 * (10 ** (np.linspace(0, 2595 * np.log10(1 + 8000 / 700), 66)[1:-1] / 2595) - 1)
    for band in (5, 30, 55):
        tone = 0.5 * np.sin(2 * np.pi * centres[band] * np.arange(16000) / 16000)
        assert log_mels([tone])[0][25].argmax() == band


@pytest.mark.parametrize(
    ("signal", "message"),
    [
        (np.zeros((2, 100)), "signal 1 must be one channel"),
        (np.zeros(0, np.int16), "signal 1 is empty"),
        (np.array([0.0, np.nan]), "signal 1 holds NaN"),
        (np.zeros(100, np.int32), "int16 or floating point, not int32"),
    ],
)
def test_a_signal_that_is_none_is_named(signal, message):
    with pytest.raises(ValueError, match=message):
        log_mels([voice(1000), signal])


def test_wrong_batches_and_settings_are_refused():
    with pytest.raises(ValueError, match=r"\(B, samples\)"):
        LogMel()(torch.zeros(100))
    with pytest.raises(ValueError, match="from 1 to 100"):
        LogMel()(torch.zeros(2, 100), [100, 101])
    with pytest.raises(ValueError, match="2 numbers"):
        LogMel()(torch.zeros(2, 100), [100])
    with pytest.raises(ValueError, match="int64"):
        LogMel()(torch.zeros(2, 100, dtype=torch.int64))
    with pytest.raises(ValueError, match="half the rate"):
        LogMel(rate=8000, high=8000)


def test_no_signals_give_no_spectrograms():
    assert log_mels([]) == []


def test_groups_hold_every_item_once_and_keep_to_their_size():
    lengths = np.random.default_rng(1).integers(1, 100, 200).tolist()
    groups = similar_lengths(lengths, 300)
    assert sorted(i for group in groups for i in group) == list(range(200))
    assert all(len(group) * max(lengths[i] for i in group) <= 300 for group in groups)
    assert similar_lengths([5, 900, 5], 300) == [[1], [0, 2]]  # too long for any: alone


def test_full_scale_is_one():
    assert as_float(np.array([-32768, 16384], np.int16)).tolist() == [-1, 0.5]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_a_gpu_gives_the_same():
    waves = [voice(n) for n in (9000, 5000)]
    for here, there in zip(log_mels(waves), log_mels(waves, device="cuda"), strict=True):
        torch.testing.assert_close(here, there, atol=1e-2, rtol=0)
