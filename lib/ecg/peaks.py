"""Where the heart beats: R peaks of a single-lead ECG, and the beats cut out around them.

Peaks come from sleepecg's fast Pan–Tompkins detector (Pan and Tompkins 1985, doi:10.1109/TBME.1985.325532),
then move to the place where each beat fits the average beat best, so that the intervals between them are exact.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

BEFORE, AFTER = 0.30, 0.45  # seconds of a beat before and after its R peak
SHORTEST = 1.0  # seconds; shorter records are given no peaks
SEARCH = 0.06  # seconds that a peak may move while it is being aligned
ELSEWHERE = 0.2  # seconds from a P or T wave to its QRS complex
STEEPER = 3.0  # times, a QRS complex than a P or T wave
LOWEST_RATE = 100  # samples a second; below, a QRS complex is a few samples


@dataclass(frozen=True)
class Beats:
    """A filtered ECG and its beats.

    ecg : (steps,) 0.5 to 40 Hz, in the units of the recording, turned so that QRS complexes point up.
    peaks : (n,) sample of each R peak. polarity : 1, or -1 when the recording was turned.
    waves : (m, width) the beats that lie within the record, m ≤ n, from `BEFORE` to `AFTER`.
    inside : (n,) bool, which peaks the rows of `waves` belong to.
    average : (width,) their median. likeness : (m,) correlation of each with it around the QRS complex.
    """

    ecg: np.ndarray
    fs: float
    peaks: np.ndarray
    polarity: int
    waves: np.ndarray
    inside: np.ndarray
    average: np.ndarray
    likeness: np.ndarray

    def part(self, start: float, stop: float) -> slice:
        """Columns of `waves` from `start` to `stop`, seconds from the R peak."""
        return slice(round((BEFORE + start) * self.fs), round((BEFORE + stop) * self.fs))


def checked(signal: np.ndarray, fs: float) -> np.ndarray:
    """The signal as float64, gaps (NaN, infinite) bridged by straight lines.

    Raises
    ------
    ValueError
        Not one dimension, empty, not numbers, or a rate below `LOWEST_RATE`.
    """
    x = np.asarray(signal)
    if x.ndim != 1:
        raise ValueError(f"an ECG is one row of samples, got shape {x.shape}")
    if x.dtype.kind not in "iuf":
        raise ValueError(f"an ECG is numbers, got {x.dtype}")
    if x.size == 0:
        raise ValueError("the ECG is empty")
    if not np.isfinite(fs) or fs < LOWEST_RATE:
        raise ValueError(f"at least {LOWEST_RATE} samples a second are needed, got {fs}")
    x = x.astype(np.float64)
    known = np.isfinite(x)
    if not known.all():
        places = np.arange(len(x))
        x = np.interp(places, places[known], x[known]) if known.any() else np.zeros(len(x))
    return x


@lru_cache(maxsize=32)
def _sections(low: float, high: float, fs: float) -> np.ndarray:
    from scipy.signal import butter

    return butter(2, (low, min(high, 0.45 * fs)), "bandpass", fs=fs, output="sos")


def band_pass(x: np.ndarray, fs: float, low: float, high: float) -> np.ndarray:
    """`x` (steps,) without what is slower than `low` or faster than `high` Hz, nothing shifted in time."""
    from scipy.signal import sosfiltfilt

    return sosfiltfilt(_sections(low, high, fs), x, padlen=min(len(x) - 1, round(fs)))


def r_peaks(signal: np.ndarray, fs: float) -> np.ndarray:
    """Samples at which the R peaks of an ECG (steps,) lie; none where there is no heartbeat to be seen."""
    return find_beats(checked(signal, fs), fs).peaks


def find_beats(x: np.ndarray, fs: float) -> Beats:
    """The beats of a `checked` signal."""
    ecg = band_pass(x - np.median(x), fs, 0.5, 40.0)
    peaks = _detect(ecg, fs)
    polarity = 1
    if len(peaks):
        sharp = band_pass(ecg, fs, 3.0, 40.0)
        peaks, polarity = _to_extremes(sharp, _to_complexes(sharp, peaks, fs), fs)
        peaks = _aligned(sharp * polarity, peaks, fs)
    ecg = ecg * polarity
    waves, inside = cut(ecg, peaks, fs, BEFORE, AFTER)
    width = round(BEFORE * fs) + round(AFTER * fs) + 1
    average = np.median(waves, 0) if len(waves) else np.full(width, np.nan)
    qrs = slice(round((BEFORE - 0.1) * fs), round((BEFORE + 0.1) * fs))
    return Beats(ecg, fs, peaks, polarity, waves, inside, average, correlation(waves[:, qrs], average[qrs]))


def _detect(ecg: np.ndarray, fs: float) -> np.ndarray:
    from sleepecg import detect_heartbeats

    if len(ecg) < SHORTEST * fs or np.ptp(ecg) < 1e-9 * max(1.0, np.abs(ecg).max()):
        return np.zeros(0, int)
    # A few huge artefacts would raise the detector's thresholds above all beats.
    usual = np.median([second.max() for second in np.array_split(np.abs(ecg), max(1, int(len(ecg) / fs)))])
    if usual < 1e-9:
        return np.zeros(0, int)
    return np.asarray(detect_heartbeats(np.clip(ecg, -3 * usual, 3 * usual), fs), int)


def _to_complexes(sharp: np.ndarray, peaks: np.ndarray, fs: float) -> np.ndarray:
    """Move what was found at a P or T wave to the QRS complex beside it, which is `STEEPER`.

    The detector now and then takes a P wave, and then does not look for the next `ELSEWHERE` seconds.
    """
    width = max(1, round(0.04 * fs))
    steep = np.convolve(np.abs(np.diff(sharp, prepend=sharp[0])), np.full(width, 1 / width), "same")
    here, far = round(0.04 * fs), round(ELSEWHERE * fs)
    around = np.clip(peaks[:, None] + np.arange(-far, far + 1), 0, len(sharp) - 1)
    values = steep[around]
    own = values[:, far - here : far + here + 1].max(1)
    best = values.argmax(1)
    elsewhere = values.max(1) > STEEPER * own
    return np.unique(np.where(elsewhere, around[np.arange(len(peaks)), best], peaks))


def _to_extremes(sharp: np.ndarray, peaks: np.ndarray, fs: float) -> tuple[np.ndarray, int]:
    """Move each peak to the highest (or, in recordings turned upside down, lowest) sample near it."""
    near = np.arange(-round(SEARCH * fs), round(SEARCH * fs) + 1)
    places = np.clip(peaks[:, None] + near, 0, len(sharp) - 1)
    values = sharp[places]
    up, down = np.median(values.max(1)), np.median(-values.min(1))
    # An S wave is often as deep as R is high, so a recording counts as turned only when clearly so.
    polarity = -1 if down > 1.3 * up else 1
    best = (values * polarity).argmax(1)
    return np.unique(places[np.arange(len(peaks)), best]), polarity


def _aligned(sharp: np.ndarray, peaks: np.ndarray, fs: float) -> np.ndarray:
    """Move each peak by at most 30 ms to where its QRS complex fits the median one best."""
    move, half = round(0.03 * fs), round(0.08 * fs)
    waves, inside = cut(sharp, peaks, fs, half / fs, half / fs)
    if len(waves) < 3:
        return peaks
    average = np.median(waves, 0)
    shifts = np.arange(-move, move + 1)
    reach = (half + move) / fs
    wide, inside = cut(sharp, peaks, fs, reach, reach)
    windows = np.lib.stride_tricks.sliding_window_view(wide, 2 * half + 1, axis=1)
    fits = correlation(windows, average) - 0.02 * np.abs(shifts) / max(move, 1)
    moved = peaks.copy()
    moved[inside] += shifts[fits.argmax(1)]
    return np.unique(moved)


def cut(x: np.ndarray, peaks: np.ndarray, fs: float, before: float, after: float) -> tuple[np.ndarray, np.ndarray]:
    """Stretches of `x` around the peaks: (m, width) and which of the n peaks lie far enough from the ends, (n,)."""
    first, last = round(before * fs), round(after * fs)
    inside = (peaks >= first) & (peaks + last < len(x))
    return x[peaks[inside][:, None] + np.arange(-first, last + 1)], inside


def correlation(rows: np.ndarray, pattern: np.ndarray) -> np.ndarray:
    """Pearson's correlation of the last axis of `rows` with `pattern`; 0 where either does not vary."""
    a = rows - rows.mean(-1, keepdims=True)
    b = pattern - pattern.mean()
    size = np.sqrt((a * a).sum(-1) * (b @ b))
    return np.divide(a @ b, size, out=np.zeros(size.shape), where=size > 1e-12)
