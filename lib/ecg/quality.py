"""How good the recording is: bands of the spectrum, artefacts, and whether a repeating beat can be seen at all."""

import itertools

import numpy as np

from lib.ecg.peaks import Beats

BANDS = (0, 0.5, 1, 2, 4, 7, 11, 17, 25, 40, 70, 150)  # Hz
ENVELOPE_RATE = 50  # samples a second of the envelope whose self-likeness is measured


def quality_features(x: np.ndarray, beats: Beats) -> dict[str, float]:
    """Features of the raw signal `x` (steps,) and of the beats found in it."""
    return {**_signal(x, beats), **_spectrum(x, beats.fs), **_repetition(beats), **_agreement(beats)}


def _signal(x: np.ndarray, beats: Beats) -> dict[str, float]:
    """Size, flat and clipped parts, outliers, and how much this changes from second to second."""
    ecg, fs = beats.ecg, beats.fs
    parts = max(1, int(len(x) / fs))
    each = np.array([part.std() for part in np.array_split(ecg, parts)])
    top = np.array([np.abs(part).max() for part in np.array_split(ecg, parts)])
    size = ecg.std()
    enough = size > 1e-9
    z = (ecg - ecg.mean()) / size if enough else np.full(len(ecg), np.nan)
    step = np.diff(x, prepend=x[0])
    usual = np.median(top)
    return {
        "seconds": len(x) / fs,
        "size": size,
        "skewness": (z**3).mean(),
        "kurtosis": (z**4).mean(),
        "drift": x.std() / (size + 1e-9) if enough else np.nan,
        "flat_share": (step == 0).mean(),
        "clipped_share": ((x == x.max()) | (x == x.min())).mean(),
        "highest": top.max() / (usual + 1e-9) if enough else np.nan,
        "lowest": top.min() / (usual + 1e-9) if enough else np.nan,
        "size_cv": each.std() / (each.mean() + 1e-9) if enough else np.nan,
        "size_least": each.min() / (np.median(each) + 1e-9) if enough else np.nan,
        "usual_height": usual,
        "peak_over_median": usual / (np.median(np.abs(ecg)) + 1e-9) if enough else np.nan,
    }


def _spectrum(x: np.ndarray, fs: float) -> dict[str, float]:
    """Logarithms of the shares of the bands, and the entropy of the spectrum."""
    from scipy.signal import welch

    size = min(len(x), round(4 * fs))
    frequency, power = welch(x, fs, nperseg=size, noverlap=size // 2)
    total = power.sum()
    known = total > 1e-9
    share = power / total if known else np.full(len(power), np.nan)
    features = {}
    for low, high in itertools.pairwise(BANDS):
        inside = (frequency >= low) & (frequency < high)
        features[f"band_{low}_{high}"] = np.log10(share[inside].sum() + 1e-6)
    heart = share[(frequency >= 1) & (frequency <= 40)]
    heart = heart / heart.sum() if known and len(heart) else np.array([np.nan])
    features["spectral_entropy"] = -(heart * np.log(heart + 1e-12)).sum()
    features["mains"] = np.log10(share[(np.abs(frequency - 50) < 1) | (np.abs(frequency - 60) < 1)].sum() + 1e-6)
    return features


def _repetition(beats: Beats) -> dict[str, float]:
    """Self-likeness (autocorrelation) of the envelope of the steep parts: high when beats come evenly."""
    names = ("repetition", "repetition_lag", "repetition_second", "repetition_fast")
    steep = np.abs(np.diff(beats.ecg, prepend=beats.ecg[0]))
    factor = max(1, round(beats.fs / ENVELOPE_RATE))
    steep = steep[: len(steep) // factor * factor].reshape(-1, factor).mean(1)
    if len(steep) < 4 * ENVELOPE_RATE or steep.std() < 1e-9:
        return dict.fromkeys(names, np.nan)
    # Limit artefacts, smooth over 60 ms.
    steep = np.minimum(steep, 4 * np.quantile(steep, 0.95))
    steep = np.convolve(steep - steep.mean(), np.full(3, 1 / 3), "same")
    spectrum = np.abs(np.fft.rfft(steep, 2 * len(steep))) ** 2
    auto = np.fft.irfft(spectrum)[: 4 * ENVELOPE_RATE]
    auto = auto / (auto[0] + 1e-12)
    rate = beats.fs / factor
    low, high = round(0.3 * rate), round(1.8 * rate)
    lag = low + int(auto[low:high].argmax())
    second = auto[max(2 * lag - 3, 0) : min(2 * lag + 4, len(auto))]
    return {
        "repetition": auto[lag],
        "repetition_lag": lag / rate,
        "repetition_second": second.max() if len(second) else np.nan,
        "repetition_fast": auto[round(0.12 * rate) : low].max(),
    }


def _agreement(beats: Beats) -> dict[str, float]:
    """Do steep parts and R peaks tell the same story? Where they differ, one of them follows noise."""
    from scipy.signal import find_peaks

    fs, peaks = beats.fs, beats.peaks
    names = ("agreement", "extra_peaks", "beats_per_second", "unseen_start", "unseen_end", "longest_gap")
    if len(peaks) < 2:
        return {**dict.fromkeys(names, np.nan), "beats_per_second": len(peaks) / (len(beats.ecg) / fs)}
    steep = np.abs(np.diff(beats.ecg, prepend=beats.ecg[0]))
    width = max(1, round(0.08 * fs))
    steep = np.convolve(steep, np.full(width, 1 / width), "same")
    level = np.median(steep[peaks])
    others, _ = find_peaks(steep, height=0.4 * level, distance=round(0.25 * fs))
    if len(others) == 0:
        return {**dict.fromkeys(names, np.nan), "beats_per_second": len(peaks) / (len(beats.ecg) / fs)}
    near = np.abs(peaks[:, None] - others[None]).min(1) < 0.08 * fs
    return {
        "agreement": near.mean(),
        "extra_peaks": (len(others) - near.sum()) / len(peaks),
        "beats_per_second": len(peaks) / (len(beats.ecg) / fs),
        "unseen_start": peaks[0] / fs,
        "unseen_end": (len(beats.ecg) - peaks[-1]) / fs,
        "longest_gap": np.diff(peaks).max() / fs,
    }
