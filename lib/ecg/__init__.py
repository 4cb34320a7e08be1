"""Features of one single-lead ECG: rhythm, form of the beats, quality of the recording.

table = [features(signal, fs) for signal in signals]
"""

import warnings

import numpy as np

from lib.ecg.morphology import morphology_features
from lib.ecg.peaks import Beats, checked, find_beats, r_peaks
from lib.ecg.quality import quality_features
from lib.ecg.rhythm import rhythm_features

__all__ = ["features", "r_peaks"]

TRUSTED = 0.8  # correlation with the average beat from which on a beat counts as seen clearly


def features(signal: np.ndarray, fs: float) -> dict[str, float]:
    """About 170 features of one ECG, always the same names in the same order; NaN where one is not defined.

    Parameters
    ----------
    signal : (steps,) integers or floats, any unit; NaN and infinite samples are bridged. fs : samples a second.

    Returns
    -------
    Name → finite number or NaN. Intervals in s, the pulse in beats a minute, heights relative to the QRS
    complex unless the name says otherwise. `trusted_…`: the same from clearly seen beats only.

    Raises
    ------
    ValueError
        `signal` is not one row of numbers, is empty, or `fs` is below 100.
    """
    x = checked(signal, fs)
    beats = find_beats(x, fs)
    rr = np.diff(beats.peaks) / fs
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore", RuntimeWarning)  # statistics of too few beats are NaN, as promised
        found = {
            **rhythm_features(rr),
            **_trusted(beats, rr),
            **morphology_features(beats, rr),
            **quality_features(x, beats),
        }
    return {name: float(v) if np.isfinite(v) else np.nan for name, v in found.items()}


def _trusted(beats: Beats, rr: np.ndarray) -> dict[str, float]:
    """A few features from intervals between two clearly seen beats: noise that passed for a beat falls away."""
    clear = np.zeros(len(beats.peaks), bool)
    clear[beats.inside] = beats.likeness > TRUSTED
    kept = rr[clear[1:] & clear[:-1]] if len(rr) else rr
    few = len(kept) < 4
    step = np.abs(np.diff(rr))[clear[2:] & clear[1:-1] & clear[:-2]] if len(rr) > 1 else rr
    middle = np.nan if few else np.median(kept)
    return {
        "trusted_share": np.nan if len(rr) == 0 else len(kept) / len(rr),
        "trusted_cv": np.nan if few else kept.std() / kept.mean(),
        "trusted_longest": np.nan if few else kept.max() / middle,
        "trusted_shortest": np.nan if few else kept.min() / middle,
        "trusted_step": np.median(step) / middle if len(step) else np.nan,
        "trusted_step_mean": step.mean() / middle if len(step) else np.nan,
    }
