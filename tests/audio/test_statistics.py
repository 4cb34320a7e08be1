import numpy as np
import pandas as pd
import pytest

from lib.audio.logmel import log_mels
from lib.audio.statistics import clip_statistics, mel_statistics, pitch

TIME = np.arange(32000) / 16000


def buzz(hertz, seconds=2.0, harmonics=12):
    """A steady voice: harmonics that fall off, (samples,)."""
    time = np.arange(round(16000 * seconds)) / 16000
    return 0.2 * sum(np.sin(2 * np.pi * hertz * k * time + k * k) / k for k in range(1, harmonics + 1))


@pytest.mark.parametrize("hertz", [80, 119.3, 200, 333, 520])
def test_the_pitch_of_a_steady_voice_is_found_within_a_tenth_of_a_semitone(hertz):
    found, strength = pitch(buzz(hertz).astype(np.float32))
    assert len(found) == len(strength) == 101
    inner = slice(3, -3)
    assert np.abs(12 * np.log2(found[inner] / hertz)).max() < 0.1
    assert strength[inner].min() > 0.9


def test_noise_has_no_pitch():
    noise = np.random.default_rng(0).standard_normal(32000).astype(np.float32)
    assert np.mean(pitch(noise)[1] > 0.45) < 0.02


def test_the_pitch_of_a_noisy_gliding_voice_is_followed():
    glide = 120 * 2 ** (TIME / 2)  # an octave up in two seconds
    phase = 2 * np.pi * np.cumsum(glide) / 16000
    wave = sum(np.sin(k * phase) / k for k in range(1, 12)) + 0.1 * np.random.default_rng(0).standard_normal(32000)
    row = clip_statistics([0.2 * wave]).iloc[0]
    lowest, highest = 12 * np.log2(120 / 27.5), 12 * np.log2(240 / 27.5)
    assert lowest < row.pitch_p5 < lowest + 1.5
    assert highest - 1.5 < row.pitch_p95 < highest
    assert row.pitch_p50 == pytest.approx((lowest + highest) / 2, abs=0.5)
    assert row.voiced_share > 0.95


def test_an_octave_is_twelve_semitones_and_twice_as_loud_six_decibels():
    low, high = clip_statistics([buzz(150), 2 * buzz(300)]).itertuples()
    assert high.pitch_p50 - low.pitch_p50 == pytest.approx(12, abs=0.1)
    same, doubled = clip_statistics([buzz(150), 2 * buzz(150)]).itertuples()
    assert doubled.level_p50 - same.level_p50 == pytest.approx(6.02, abs=0.01)
    for name in ("centroid_mean", "flatness_mean", "crossings_mean", "pitch_mean", "speaking_share"):
        assert getattr(doubled, name) == pytest.approx(getattr(same, name), rel=1e-3)


def test_level_is_that_of_a_full_scale_sine():
    row = clip_statistics([np.sin(2 * np.pi * 1000 * TIME)]).iloc[0]
    assert row.level_p50 == pytest.approx(-3.01, abs=0.01)
    assert row.centroid_p50 == pytest.approx(1000, abs=5)
    assert row.crossings_p50 == pytest.approx(2000, abs=60)


def test_brighter_sound_has_its_spectrum_higher():
    noise = np.random.default_rng(0).standard_normal(32000)
    dark = np.convolve(noise, np.ones(16) / 16, "same")
    rows = clip_statistics([0.1 * dark, 0.1 * noise])
    for name in ("centroid_p50", "rolloff_p50", "flatness_p50", "crossings_p50"):
        assert rows[name][0] < rows[name][1], name
    for name in ("alpha_p50", "hammarberg_p50"):
        assert rows[name][0] > rows[name][1], name


def test_pauses_are_counted_and_not_taken_for_speech():
    silence = 1e-4 * np.random.default_rng(0).standard_normal(16000)
    row = clip_statistics([np.concatenate([buzz(150, 1), silence, buzz(150, 1), silence])]).iloc[0]
    assert row.speaking_share == pytest.approx(0.5, abs=0.03)
    assert row.pauses_per_second == pytest.approx(2 / 4)
    whole = clip_statistics([buzz(150)]).iloc[0]
    assert row.centroid_p50 == pytest.approx(whole.centroid_p50, rel=0.01)


@pytest.mark.parametrize(
    "signal",
    [
        np.zeros(16000, np.int16),
        np.full(16000, 0.3, np.float32),
        np.ones(1, np.int16),
        buzz(150)[:100],
        np.sign(buzz(150)),
        np.random.default_rng(0).standard_normal(16000),
    ],
    ids=["silent", "constant", "one sample", "shorter than a window", "clipped", "noise"],
)
def test_every_statistic_of_any_clip_is_finite(signal):
    with np.errstate(all="raise", under="ignore"):
        assert np.isfinite(clip_statistics([signal]).to_numpy()).all()
        assert np.isfinite(mel_statistics(log_mels([signal])).to_numpy()).all()


def test_the_same_clip_gives_the_same_row_whatever_is_beside_it():
    clips = [buzz(150), buzz(222, 0.7), np.random.default_rng(3).standard_normal(9000)]
    pd.testing.assert_frame_equal(clip_statistics(clips), clip_statistics(clips))
    pd.testing.assert_frame_equal(clip_statistics(clips).iloc[[1]].reset_index(drop=True), clip_statistics(clips[1:2]))
    whole = np.round(20000 * buzz(150)).astype(np.int16)
    pd.testing.assert_frame_equal(clip_statistics([whole]), clip_statistics([whole / 32768]))


def test_there_are_as_many_statistics_as_the_description_says():
    assert clip_statistics([buzz(150), buzz(170)]).shape == (2, 80)
    assert mel_statistics(log_mels([buzz(150)])).shape == (1, 5 * 64 + 5 * 20 + 4 * 20)


def test_mel_statistics_are_those_over_time():
    x = np.random.default_rng(0).standard_normal((50, 64)).astype(np.float32)
    row = mel_statistics([x]).iloc[0]
    assert row.band7_mean == pytest.approx(x[:, 7].mean(), abs=1e-5)
    assert row.band63_sd == pytest.approx(x[:, 63].std(), abs=1e-5)
    assert row.mfcc0_mean == pytest.approx(x.sum(1).mean() / 8, abs=1e-4)
    slope = np.repeat(np.arange(50.0)[:, None], 64, axis=1)
    rising = mel_statistics([slope]).iloc[0]
    assert rising.delta0_mean == pytest.approx(8, abs=0.5)  # a step of 1 in 64 bands, /√64 · 64; the ends are flat
    assert rising.delta3_mean == pytest.approx(0, abs=1e-6)


def test_what_is_no_clip_is_refused():
    with pytest.raises(ValueError, match="signal 1 is empty"):
        clip_statistics([buzz(150), np.zeros(0)])
    with pytest.raises(ValueError, match="one channel"):
        clip_statistics([np.zeros((2, 500))])
    with pytest.raises(ValueError, match="8,000"):
        clip_statistics([buzz(150)], rate=4000)
    with pytest.raises(ValueError, match="log-mel 0"):
        mel_statistics([np.full((4, 64), np.nan)])
