"""A clip in a few dozen numbers: pitch, energy and spectrum, or the log-mel bands and MFCCs. The plain baseline.

>>> simple = clip_statistics(recordings.signals)          # DataFrame, one row a clip
>>> dense = mel_statistics(log_mels(recordings.signals))

What is measured follows the sets that speech emotion research has settled on (Eyben et al. 2016, doi:
10.1109/TAFFC.2015.2457417), computed by plain numpy and scipy. Nothing is random, and every value is finite: a
statistic over no frames, such as the pitch of a whisper, is 0, and `voiced_share` tells.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy.fft import dct, irfft, rfft
from scipy.signal import medfilt, savgol_filter

from lib.audio.signals import as_float
from lib.data.progress import bar

WINDOW, PITCH_WINDOW, HOP = 0.04, 0.064, 0.02  # seconds; pitch needs three periods of the lowest voice
LOWEST_PITCH, HIGHEST_PITCH = 65.0, 650.0  # Hz: from a deep voice to a shouting one
VOICED = 0.45  # least height of the autocorrelation's peak: Praat's voicing threshold
OCTAVE_COST = 0.01  # how much an octave lower has to be better: Praat's
SPEAKING = 30.0  # dB below the clip's loudest frame at which a frame counts as a pause
SILENCE = -80.0  # dB full scale; below it nothing counts as speech
FLOOR = 1e-10  # of power: −100 dB
MFCCS = 20


def clip_statistics(signals: Sequence[np.ndarray], rate: int = 16000) -> pd.DataFrame:
    """Pitch, energy and spectral statistics of each clip, one row a clip.

    Parameters
    ----------
    signals : 1-D arrays, int16 or floating point with full scale ±1.
    rate : samples a second, at least 8,000.

    Returns
    -------
    DataFrame, (clips, 80) float64: `<measure>_<statistic>`. Measures: `pitch` (semitones above 27.5 Hz) and
    `harmonicity` (dB) over voiced frames, `level` (dB of full scale) over all, and over the speaking ones
    `centroid`, `bandwidth`, `rolloff` (Hz), `flatness` (dB), `flux`, `crossings` (a second), `alpha` and `hammarberg`
    (dB, how much stronger low frequencies are). Statistics: mean, sd, percentiles p5, p50 and p95, range (p95 − p5),
    and `change` (mean absolute change between frames). And shares of frames, pauses a second.

    Raises
    ------
    ValueError
        A signal is empty, has several channels or holds NaN; the error says which.
    """
    if rate < 8000:
        raise ValueError(f"the spectral measures need a rate of at least 8,000 a second, not {rate}")
    clips = bar(iterable=signals, desc="statistics", unit="clip")
    return pd.DataFrame([_clip(as_float(s, f"signal {i}"), rate) for i, s in enumerate(clips)])


def mel_statistics(log_mels: Sequence[np.ndarray]) -> pd.DataFrame:
    """Statistics over time of each log-mel band and MFCC, one row a clip.

    Parameters
    ----------
    log_mels : (frames, bands) dB each, arrays or tensors, as `lib.audio.logmel.log_mels` makes them.

    Returns
    -------
    DataFrame, (clips, columns): mean, sd, p10, p50 and p90 of each band and of 20 MFCCs (the orthonormal cosine
    transform of the decibels), mean and sd of the MFCCs' first and second differences.
    """
    rows = []
    for i, log_mel in enumerate(bar(iterable=log_mels, desc="statistics", unit="clip")):
        x = np.asarray(log_mel, np.float32)
        if x.ndim != 2 or x.size == 0 or not np.isfinite(x).all():
            raise ValueError(f"log-mel {i} must be (frames, bands) of finite numbers, its shape is {x.shape}")
        mfcc = dct(x, norm="ortho", axis=1)[:, :MFCCS]
        row = {}
        for name, values in (("band", x), ("mfcc", mfcc)):
            statistics = {"mean": values.mean(0), "sd": values.std(0)}
            statistics |= dict(zip(("p10", "p50", "p90"), np.percentile(values, (10, 50, 90), axis=0), strict=True))
            row |= _columns(name, statistics)
        for order, name in ((1, "delta"), (2, "delta2")):
            change = savgol_filter(mfcc, 9, polyorder=order, deriv=order, axis=0, mode="nearest")
            row |= _columns(name, {"mean": change.mean(0), "sd": change.std(0)})
        rows.append(row)
    return pd.DataFrame(rows)


def pitch(signal: np.ndarray, rate: int = 16000) -> tuple[np.ndarray, np.ndarray]:
    """The fundamental frequency in Hz and the strength of the period, 0 to 1, every 20 ms.

    The peak of each frame's autocorrelation, divided by that of the window (Boersma 1993, Proc. Inst. Phonetic
    Sciences 17, p. 97–110); a strength below .45 means no pitch. Frames are centred, with zeros around the signal.

    Returns
    -------
    (frames,) Hz between 65 and 650, and (frames,) strengths.
    """
    frames = _frames(signal, round(PITCH_WINDOW * rate), round(HOP * rate))
    window = np.hanning(frames.shape[1] + 2)[1:-1].astype(np.float32)
    size = 1 << (2 * len(window) - 1).bit_length()
    frames = (frames - frames.mean(1, keepdims=True)) * window
    shape = irfft(np.abs(rfft(window, size)) ** 2)
    shortest, longest = int(rate / HIGHEST_PITCH), int(np.ceil(rate / LOWEST_PITCH)) + 1
    spectrum = rfft(frames, size)
    correlation = irfft(spectrum.real**2 + spectrum.imag**2)[:, : longest + 1]
    energy = correlation[:, :1]
    correlation = correlation / np.maximum(energy, 1e-6) / (shape[: longest + 1] / shape[0])
    # A peak is higher than both neighbours; of the peaks the highest, with a small preference for short periods.
    middle = correlation[:, shortest:longest]
    left, right = correlation[:, shortest - 1 : longest - 1], correlation[:, shortest + 1 :]
    cost = OCTAVE_COST * np.log2(np.arange(shortest, longest) / shortest)
    score = np.where((middle >= left) & (middle > right), middle - cost, -np.inf)
    best = score.argmax(1)
    row = np.arange(len(best))
    a, b, c = left[row, best], middle[row, best], right[row, best]
    bend = np.minimum(a - 2 * b + c, -1e-6)  # the parabola through the peak and its neighbours
    shift = np.clip(0.5 * (a - c) / bend, -0.5, 0.5)
    found = np.isfinite(score[row, best])
    strength = np.where(found, np.clip(b - 0.25 * (a - c) * shift, 0, 1), 0)
    return np.clip(rate / (shortest + best + shift), LOWEST_PITCH, HIGHEST_PITCH), strength


def _clip(signal: np.ndarray, rate: int) -> dict[str, float]:
    """The statistics of one clip, by name."""
    hop = round(HOP * rate)
    frames = _frames(signal, round(WINDOW * rate), hop)
    level = 10 * np.log10(np.maximum((frames**2).mean(1), FLOOR))
    speaking = level > max(level.max() - SPEAKING, SILENCE)
    hertz, strength = pitch(signal, rate)
    voiced = speaking & (strength > VOICED)
    semitones = 12 * np.log2(hertz[voiced] / 27.5)
    if len(semitones) >= 5:
        semitones = medfilt(semitones, 5)  # takes out single octave errors
    strength = np.minimum(strength[voiced], 0.9999)
    pauses = np.count_nonzero(np.diff(speaking.astype(int)) == -1)
    row = {
        "speaking_share": speaking.mean(),
        "voiced_share": voiced.mean(),
        "pauses_per_second": pauses / (len(signal) / rate),
    }
    row |= _statistics("pitch", semitones)
    row |= _statistics("harmonicity", 10 * np.log10(strength / (1 - strength)))
    row |= _statistics("level", level)
    for name, values in _spectral(frames[speaking], rate).items():
        row |= _statistics(name, values)
    return {name: float(value) for name, value in row.items()}


def _spectral(frames: np.ndarray, rate: int) -> Mapping[str, np.ndarray]:
    """Measures of each frame's spectrum, (frames,) each."""
    window = np.hanning(frames.shape[1] + 1)[:-1].astype(np.float32)
    spectrum = rfft(frames * window)
    power = spectrum.real**2 + spectrum.imag**2
    power = np.maximum(power, 1e-8 * power.sum(1, keepdims=True))  # in proportion: loudness is not to matter here
    frequency = np.arange(power.shape[1]) * rate / frames.shape[1]
    share = power / power.sum(1, keepdims=True)
    centroid = share @ frequency
    bandwidth = np.sqrt(np.maximum(share @ frequency**2 - centroid**2, 0))
    rolloff = frequency[(share.cumsum(1) >= 0.85).argmax(1)]
    shape = np.sqrt(share)
    flux = np.sqrt((np.diff(shape, axis=0, prepend=shape[:1]) ** 2).sum(1))

    def between(low: float, high: float) -> np.ndarray:
        return power[:, (frequency >= low) & (frequency < high)]

    return {
        "centroid": centroid,
        "bandwidth": bandwidth,
        "rolloff": rolloff,
        "flatness": 10 * (np.log10(power).mean(1) - np.log10(power.mean(1))),
        "flux": flux,
        "crossings": (np.diff(np.signbit(frames), axis=1) != 0).mean(1) * rate,
        "alpha": 10 * np.log10(between(50, 1000).sum(1) / between(1000, 5000).sum(1)),
        "hammarberg": 10 * np.log10(between(0, 2000).max(1) / between(2000, 5000).max(1)),
    }


def _statistics(name: str, values: np.ndarray) -> dict[str, float]:
    """The statistics of a measure over time; all 0 when there are no frames."""
    if len(values) == 0:
        values = np.zeros(1)
    low, middle, high = np.percentile(values, (5, 50, 95))
    change = np.abs(np.diff(values)).mean() if len(values) > 1 else 0.0
    found = (values.mean(dtype=float), values.std(dtype=float), low, middle, high, high - low, change)
    return {f"{name}_{s}": v for s, v in zip(("mean", "sd", "p5", "p50", "p95", "range", "change"), found, strict=True)}


def _columns(name: str, statistics: Mapping[str, np.ndarray]) -> dict[str, float]:
    """One entry a band and statistic."""
    return {f"{name}{k}_{s}": float(v) for s, values in statistics.items() for k, v in enumerate(values)}


def _frames(signal: np.ndarray, size: int, hop: int) -> np.ndarray:
    """(frames, size): every `hop` samples, centred, with zeros around the signal; `samples // hop + 1` of them."""
    padded = np.pad(signal, (size // 2, size - size // 2))
    return np.lib.stride_tricks.sliding_window_view(padded, size)[::hop][: len(signal) // hop + 1]
