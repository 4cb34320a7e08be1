"""Features of one ECG, and the challenge's score."""

import numpy as np
import pytest

from lib.ecg import features, r_peaks
from lib.ecg.challenge import af_score, blend, booster, challenge_f1, class_f1, class_numbers

FS = 300
WAVES = {"p": (0.15, -0.16, 0.025), "q": (-0.1, -0.03, 0.01), "r": (1.0, 0, 0.012), "s": (-0.2, 0.03, 0.012)} | {
    "t": (0.25, 0.28, 0.05)
}  # millivolts, seconds from the R peak, width in seconds


def made_up(gaps, waves=WAVES, noise=0.02, fs=FS, broad=(), seed=0):
    """An ECG (steps,) in mV whose intervals are `gaps` (s), and the true places of its R peaks in samples."""
    places = 0.7 + np.r_[0, np.cumsum(gaps)]
    time = np.arange(int((places[-1] + 0.7) * fs)) / fs
    ecg = np.random.default_rng(seed).normal(0, noise, len(time))
    for number, place in enumerate(places):
        wide = 3 if number in broad else 1
        for height, shift, width in waves.values():
            ecg += height * np.exp(-0.5 * ((time - place - shift * wide) / (width * wide)) ** 2)
    return ecg, np.round(places * fs).astype(int)


def irregular(n=40, seed=1):
    return np.random.default_rng(seed).uniform(0.45, 1.1, n)


REGULAR = np.full(36, 0.8)
NAMES = list(features(made_up(REGULAR)[0], FS))


@pytest.mark.parametrize("turn", [1, -1])
@pytest.mark.parametrize("gaps", [REGULAR, irregular()])
def test_r_peaks_are_found_where_they_are_also_upside_down(gaps, turn):
    ecg, places = made_up(gaps)
    found = r_peaks(turn * ecg, FS)
    assert len(found) == len(places)
    assert np.abs(found - places).max() <= 2  # samples of 3.3 ms


def test_r_peaks_are_found_at_other_rates_and_units_and_on_a_wandering_baseline():
    for fs, unit in ((200, 1.0), (500, 1000.0)):
        ecg, places = made_up(irregular(), fs=fs)
        drift = 0.5 * np.sin(2 * np.pi * 0.25 * np.arange(len(ecg)) / fs)
        found = r_peaks(unit * (ecg + drift), fs)
        assert len(found) == len(places)
        assert np.abs(found - places).max() <= 0.01 * fs


def test_a_few_huge_artefacts_do_not_hide_the_beats():
    ecg, places = made_up(REGULAR)
    ecg[[4000, 7000]] += 60
    found = r_peaks(ecg, FS)
    seen = np.abs(places[:, None] - found).min(1) <= 3
    assert seen.mean() > 0.9


def test_pulse_and_intervals_are_those_of_the_signal():
    found = features(made_up(REGULAR)[0], FS)
    assert found["rr_mean"] == pytest.approx(0.8, abs=0.002)
    assert found["pulse_highest"] == pytest.approx(75, abs=1)
    assert found["seconds"] == pytest.approx(0.7 + 36 * 0.8 + 0.7, abs=0.01)


def test_an_irregular_rhythm_has_higher_irregularity_features_than_a_regular_one():
    calm, wild = features(made_up(REGULAR)[0], FS), features(made_up(irregular())[0], FS)
    for name in ("rr_cv", "rmssd", "pnn50", "entropy_af", "lorenz_irregular", "lorenz_af", "calmest_cv", "trusted_cv"):
        assert wild[name] > calm[name], name
    assert calm["rr_cv"] < 0.01 < 0.15 < wild["rr_cv"]
    assert calm["lorenz_origin"] == 1
    assert wild["repetition"] < calm["repetition"]


def test_without_p_waves_the_features_of_the_p_wave_fall():
    without = {name: wave for name, wave in WAVES.items() if name != "p"}
    here, gone = features(made_up(REGULAR)[0], FS), features(made_up(REGULAR, without)[0], FS)
    for name in ("p_height", "p_over_noise", "p_common", "p_like_median"):
        assert here[name] > gone[name] + 0.05, name
    assert here["p_distance"] == pytest.approx(0.16, abs=0.02)
    assert here["p_place_sd"] < gone["p_place_sd"]


def test_early_beats_are_counted_with_the_pauses_after_them():
    gaps = REGULAR.copy()
    gaps[[8, 18, 28]], gaps[[9, 19, 29]] = 0.5, 1.1
    found = features(made_up(gaps, broad=(9, 19, 29))[0], FS)
    assert found["early_share"] == pytest.approx(3 / 36)
    assert found["compensated_share"] == pytest.approx(3 / 35)
    assert found["rest_cv"] < 0.02 < found["rr_cv"]
    assert found["odd_share"] == pytest.approx(3 / 37, abs=0.01)


def test_every_second_beat_early_is_bigeminy_and_every_third_is_not():
    two, three = np.tile([0.6, 1.0], 18), np.tile([0.6, 0.9, 0.9], 12)
    assert features(made_up(two)[0], FS)["bigeminy"] > 0.9
    found = features(made_up(three)[0], FS)
    assert found["trigeminy"] > 0.9 > 0.1 > found["bigeminy"]


def test_trembling_of_the_atria_is_seen_between_the_beats():
    ecg, _ = made_up(irregular(), {name: wave for name, wave in WAVES.items() if name != "p"})
    time = np.arange(len(ecg)) / FS
    calm, trembling = features(ecg, FS), features(ecg + 0.08 * np.sin(2 * np.pi * 6 * time), FS)
    assert trembling["tremble_share"] > calm["tremble_share"] + 0.2
    assert trembling["tremble_peak"] == pytest.approx(6, abs=0.5)


def test_noise_lowers_the_likeness_of_the_beats():
    clean, noisy = features(made_up(REGULAR)[0], FS), features(made_up(REGULAR, noise=0.4)[0], FS)
    assert noisy["like_mean"] < clean["like_mean"]
    assert noisy["spectral_entropy"] > clean["spectral_entropy"]


def test_the_height_of_the_recording_changes_only_features_in_its_units():
    ecg, _ = made_up(irregular())
    one, thousand = features(ecg, FS), features(1000 * ecg, FS)
    differ = {n for n in NAMES if not np.isclose(one[n], thousand[n], rtol=1e-3, atol=1e-5, equal_nan=True)}
    assert differ == {"size", "height", "usual_height"}


def odd_signals():
    ecg, _ = made_up(REGULAR)
    holed = ecg.copy()
    holed[1000:1300] = np.nan
    holed[5000] = np.inf
    rng = np.random.default_rng(0)
    return {
        "silence": np.zeros(9000, np.int16),
        "constant": np.full(9000, 7.5),
        "all NaN": np.full(9000, np.nan),
        "holes": holed,
        "noise": rng.normal(size=9000),
        "one sample": np.ones(1),
        "two samples": np.array([1.0, 2.0]),
        "half a second": ecg[:150],
        "two seconds": ecg[:600],
        "one beat": made_up([])[0],
        "three beats": made_up([0.8, 0.8])[0],
        "loose electrode": np.r_[ecg[:3000], np.zeros(6000)],
        "clipped": np.clip(ecg, -0.1, 0.1),
        "a step": np.r_[np.zeros(4500), np.ones(4500)],
        "full range": rng.choice([-32768, 32767], 9000).astype(np.int16),
        "unsigned": (100 + 50 * ecg).astype(np.uint8),
        "tiny": ecg * 1e-30,
        "huge": ecg * 1e30,
    }


@pytest.mark.parametrize("name", odd_signals())
@pytest.mark.filterwarnings("error")
def test_odd_signals_give_the_same_names_finite_numbers_or_nan_and_no_warning(name):
    found = features(odd_signals()[name], FS)
    assert list(found) == NAMES
    values = np.array(list(found.values()))
    assert not np.isinf(values).any()
    assert all(type(v) is float for v in found.values())


def test_no_beats_are_seen_in_silence():
    assert len(r_peaks(np.zeros(9000), FS)) == 0
    found = features(np.zeros(9000), FS)
    assert np.isnan(found["rr_cv"])
    assert found["beats_per_second"] == 0
    assert found["flat_share"] == 1


def test_a_hole_changes_little():
    ecg, _ = made_up(REGULAR)
    whole, holed = features(ecg, FS), features(odd_signals()["holes"], FS)
    assert holed["rr_q50"] == pytest.approx(whole["rr_q50"], abs=0.01)
    assert holed["like_mean"] > 0.9


@pytest.mark.parametrize(
    ("signal", "fs", "message"),
    [
        (np.zeros((1, 9000)), FS, "one row"),
        (np.zeros(0), FS, "empty"),
        (np.array(["a"] * 50), FS, "numbers"),
        (np.zeros(9000, complex), FS, "numbers"),
        (np.zeros(9000, bool), FS, "numbers"),
        (np.zeros(9000), 50, "samples a second"),
        (np.zeros(9000), float("nan"), "samples a second"),
    ],
)
def test_wrong_input_is_refused(signal, fs, message):
    for function in (features, r_peaks):
        with pytest.raises(ValueError, match=message):
            function(signal, fs)


def test_features_are_the_same_each_time_and_leave_the_signal_alone():
    ecg, _ = made_up(irregular())
    before = ecg.copy()
    assert features(ecg, FS) == features(ecg, FS)
    assert (ecg == before).all()


def test_challenge_f1_is_the_mean_over_the_three_scored_classes():
    truth, decided = class_numbers("NNNAAO~~"), class_numbers("NNAAONO~")
    expected = [2 * 2 / (3 + 3), 2 * 1 / (2 + 2), 0, 2 * 1 / (2 + 1)]
    assert class_f1(truth, decided) == pytest.approx(expected)
    assert challenge_f1(truth, decided) == pytest.approx(np.mean(expected[:3]))
    assert challenge_f1(truth, truth) == 1


def test_challenge_f1_counts_noisy_records_through_the_mistakes_they_cause():
    truth = class_numbers("NAO~")
    assert challenge_f1(truth, class_numbers("NAON")) < challenge_f1(truth, class_numbers("NAO~"))


def test_wrong_classes_and_shapes_are_refused():
    with pytest.raises(ValueError, match="'X'"):
        class_numbers(["N", "X"])
    for truth, decided in (([0], [0, 1]), ([], []), ([[0]], [[0]])):
        with pytest.raises(ValueError, match="equally long"):
            challenge_f1(truth, decided)


def test_blending_gives_probabilities_between_those_of_its_parts():
    one, two = np.array([[0.7, 0.1, 0.1, 0.1]]), np.array([[0.1, 0.7, 0.1, 0.1]])
    both = blend([one, two])
    assert both.sum() == pytest.approx(1)
    assert both[0, 0] == pytest.approx(both[0, 1])
    assert blend([one, two], [3, 1])[0].argmax() == 0
    assert blend([one, two], [1, 0]) == pytest.approx(one)
    assert af_score(blend([one, two], [1, 3])) > 0 > af_score(one)


@pytest.mark.parametrize("weights", [[1], [-1, 2], [0, 0]])
def test_blending_refuses_weights_that_make_no_sense(weights):
    with pytest.raises(ValueError, match="weight"):
        blend([np.ones((2, 4)) / 4] * 2, weights)


def test_a_certain_wrong_voice_has_no_veto():
    sure, unsure = np.array([[1.0, 0, 0, 0]]), np.array([[0.0, 1, 0, 0]])
    assert np.isfinite(blend([sure, unsure])).all()
    assert np.isfinite(af_score(sure)).all()


def test_the_booster_tells_regular_from_irregular_from_the_features():
    rng = np.random.default_rng(3)
    rows, kinds = [], []
    for seed in range(40):
        kind = seed % 2
        gaps = rng.uniform(0.7, 0.95) * (rng.uniform(0.6, 1.4, 14) if kind else rng.normal(1, 0.02, 14))
        rows.append(list(features(made_up(gaps, seed=seed)[0], FS).values()))
        kinds.append(kind)
    x, y = np.array(rows), np.array(kinds)
    model = booster(0).set_params(max_iter=15, min_samples_leaf=3).fit(x[:28], y[:28])
    assert (model.predict(x[28:]) == y[28:]).mean() > 0.85
