"""What the beats look like: P wave, QRS complex, T wave, and how alike the beats are.

The P wave is looked for twice: in the average beat, and as what the beats have in common before their QRS
complexes (in atrial fibrillation there is none, and the baseline trembles at 4 to 9 Hz instead).
"""

import numpy as np

from lib.ecg.peaks import BEFORE, Beats, correlation

P_WAVE = (-0.25, -0.06)  # seconds from the R peak
T_WAVE = (0.12, 0.45)
QRS = (-0.08, 0.08)
SHAPE_POINTS = 25  # samples of the average beat that are features themselves
TREMBLE = (4.0, 9.0)  # Hz, the atria in fibrillation


def morphology_features(beats: Beats, rr: np.ndarray) -> dict[str, float]:
    """Features of the beats' form; `rr` (n,) are the intervals in s. NaN where there are too few beats."""
    if len(beats.waves) < 3:
        nothing = np.full((3, len(beats.average)), np.nan)
        beats = Beats(beats.ecg, beats.fs, beats.peaks, 1, nothing, beats.inside[:0], nothing[0], np.full(3, np.nan))
        rr = np.full(2, np.nan)
    rr = rr if len(rr) else np.full(2, np.nan)
    return {
        **_alike(beats),
        **_qrs(beats),
        **_p_wave(beats),
        **_t_wave(beats, rr),
        **_tremble(beats, rr),
        **_shape(beats),
    }


def _alike(beats: Beats) -> dict[str, float]:
    """How like the average beat the beats are, around the QRS complex and as a whole."""
    whole = correlation(beats.waves, beats.average)
    like = beats.likeness
    known = np.isfinite(like).all()
    heights = beats.waves[:, beats.part(*QRS)].max(1)
    middle = np.median(heights)
    # Beats that look different: often those that begin in a ventricle.
    odd = like < 0.85
    return {
        "polarity": beats.polarity,
        "like_mean": like.mean(),
        "like_least": like.min(),
        "like_q10": np.quantile(like, 0.1) if known else np.nan,
        "like_q25": np.quantile(like, 0.25) if known else np.nan,
        "odd_share": odd.mean() if known else np.nan,
        "odd_alternating": (odd[1:] != odd[:-1]).mean() if known else np.nan,
        "like_whole_mean": whole.mean(),
        "like_whole_q10": np.quantile(whole, 0.1) if known else np.nan,
        "height_cv": heights.std() / (abs(middle) + 1e-9),
        "height_most": heights.max() / (abs(middle) + 1e-9),
        "height_least": heights.min() / (abs(middle) + 1e-9),
        "height": middle,
    }


def _qrs(beats: Beats) -> dict[str, float]:
    """Width, depth and area of the QRS complex, in the average beat and from beat to beat."""
    part = beats.part(-0.12, 0.12)
    waves = beats.waves[:, part]
    level = np.median(beats.waves[:, beats.part(-0.12, -0.06)], 1, keepdims=True)
    widths = _widths(waves - level, beats.fs)
    average = beats.average[part] - np.median(beats.average[beats.part(-0.12, -0.06)])
    slope = np.abs(np.diff(average))
    r = average.max()
    middle = average.argmax() if np.isfinite(r) else 0
    known = np.isfinite(r) and r > 0
    steep = slope > 0.15 * slope.max() if known else np.zeros(1, bool)
    where = np.flatnonzero(steep)
    return {
        "qrs_width": _widths(average[None], beats.fs)[0],
        "qrs_width_steep": (where[-1] - where[0]) / beats.fs if len(where) else np.nan,
        "qrs_width_sd": widths.std(),
        "qrs_width_q90": np.quantile(widths, 0.9) if known else np.nan,
        "qrs_q": average[: middle + 1].min() / r if known else np.nan,
        "qrs_s": average[middle:].min() / r if known else np.nan,
        "qrs_area": average.sum() / (np.abs(average).sum() + 1e-9),
        "qrs_steepest": slope.max() * beats.fs / (r + 1e-9) if known else np.nan,
        "qrs_turns": (np.diff(np.sign(np.diff(average))[slope > 0.05 * slope.max()]) != 0).sum() if known else np.nan,
    }


def _widths(waves: np.ndarray, fs: float) -> np.ndarray:
    """Spread in time of each row's energy, in s: (m,)."""
    energy = waves**2
    time = np.arange(waves.shape[1]) / fs
    total = energy.sum(1) + 1e-9
    centre = (energy * time).sum(1) / total
    return np.sqrt((energy * (time - centre[:, None]) ** 2).sum(1) / total)


def _common(waves: np.ndarray) -> float:
    """Share of the energy of the rows that their mean explains, corrected for their number: 1 when all are equal."""
    rows = waves - waves.mean(1, keepdims=True)
    n = len(rows)
    of_mean, each = (rows.mean(0) ** 2).sum(), (rows**2).sum(1).mean()
    return float((of_mean - each / n) / (each * (1 - 1 / n) + 1e-9))


def _p_wave(beats: Beats) -> dict[str, float]:
    """Is there a P wave before each QRS complex, and always at the same distance?"""
    part = beats.part(*P_WAVE)
    average = beats.average
    height = np.ptp(average[beats.part(*QRS)]) + 1e-9
    good = beats.likeness >= min(0.9, np.median(beats.likeness)) if np.isfinite(average).all() else slice(None)
    waves = beats.waves[good][:, part]
    p = _level(average[part])
    known = np.isfinite(p).all()
    top = int(p.argmax()) if known else 0
    like = correlation(waves, average[part])
    tops = _level(waves).argmax(1) / beats.fs
    noise = np.median(np.std(waves - average[part], axis=1))
    # The wave is a hill: compare the top with the ends of the window.
    hill = p[top] - (p[: top + 1].min() + p[top:].min()) / 2 if known else np.nan
    return {
        "p_height": hill / height,
        "p_depth": -p.min() / height,
        "p_over_noise": hill / (noise + 1e-9),
        "p_distance": -P_WAVE[0] - top / beats.fs if known else np.nan,
        "p_energy": p.std() / height,
        "p_common": _common(waves),
        "p_like_mean": like.mean(),
        "p_like_median": np.median(like),
        "p_like_q20": np.quantile(like, 0.2) if known else np.nan,
        "p_place_sd": tops.std() if known else np.nan,
        "p_place_mad": np.median(np.abs(tops - np.median(tops))) if known else np.nan,
        "p_noise": noise / height,
        "p_curve": _curve(p) / height,
    }


def _level(x: np.ndarray) -> np.ndarray:
    """Without the straight line from the first to the last sample of the last axis."""
    ends = 3
    first, last = x[..., :ends].mean(-1, keepdims=True), x[..., -ends:].mean(-1, keepdims=True)
    return x - first - (last - first) * np.linspace(0, 1, x.shape[-1])


def _curve(x: np.ndarray) -> float:
    """How much the parabola that fits best bends: positive for a hill."""
    t = np.linspace(-1, 1, len(x))
    pattern = 1 - t**2
    pattern = pattern - pattern.mean()
    return float(x @ pattern / (pattern @ pattern))


def _t_wave(beats: Beats, rr: np.ndarray) -> dict[str, float]:
    """Height, place and steadiness of the T wave."""
    part = beats.part(*T_WAVE)
    height = np.ptp(beats.average[beats.part(*QRS)]) + 1e-9
    t = beats.average[part] - beats.average[-1]
    known = np.isfinite(t).all()
    top = int(np.abs(_level(t)).argmax()) if known else 0
    st = np.median(beats.average[beats.part(0.08, 0.12)]) - np.median(beats.average[beats.part(-0.10, -0.06)])
    peak = T_WAVE[0] + top / beats.fs if known else np.nan
    return {
        "t_height": t[top] / height,
        "t_place": peak,
        "t_place_corrected": peak / np.sqrt(np.median(rr)),
        "t_common": _common(beats.waves[:, part]),
        "t_like": np.median(correlation(beats.waves[:, part], beats.average[part])),
        "t_energy": t.std() / height,
        "st_level": st / height,
    }


def _tremble(beats: Beats, rr: np.ndarray) -> dict[str, float]:
    """What is left between the beats once the average beat is taken away, and how much of it lies at 4 to 9 Hz."""
    from scipy.signal import welch

    names = ("tremble_share", "tremble_peak", "tremble_sharpness", "rest_size", "rest_low", "rest_high")
    if not np.isfinite(beats.average).all():
        return dict.fromkeys(names, np.nan)
    fs = beats.fs
    rest = beats.ecg.copy()
    width = len(beats.average)
    # Short intervals: the average beat ends where the next begins.
    end = min(width, round((BEFORE + max(0.2, float(np.median(rr)) - BEFORE)) * fs))
    fade = np.ones(end)
    ramp = min(10, end // 4)
    fade[:ramp], fade[-ramp:] = np.linspace(0, 1, ramp), np.linspace(1, 0, ramp)
    places = beats.peaks[beats.inside][:, None] - round(BEFORE * fs) + np.arange(end)
    rest -= np.bincount(places.ravel(), np.tile(beats.average[:end] * fade, len(places)), len(rest))
    blank = beats.peaks[:, None] + np.arange(-round(0.06 * fs), round(0.1 * fs))
    rest[blank.clip(0, len(rest) - 1)] = 0
    height = np.ptp(beats.average[beats.part(*QRS)]) + 1e-9
    segment = min(len(rest), round(2.5 * fs))
    frequency, power = welch(rest, fs, nperseg=segment, noverlap=segment // 2)
    total = power[(frequency >= 1) & (frequency <= 30)].sum() + 1e-9
    inside = (frequency >= TREMBLE[0]) & (frequency <= TREMBLE[1])
    return {
        "tremble_share": power[inside].sum() / total,
        "tremble_peak": frequency[inside][power[inside].argmax()],
        "tremble_sharpness": power[inside].max() / (power[inside].mean() + 1e-12),
        "rest_size": np.median(np.abs(rest)) / height,
        "rest_low": power[(frequency >= 1) & (frequency < TREMBLE[0])].sum() / total,
        "rest_high": power[(frequency > TREMBLE[1]) & (frequency <= 30)].sum() / total,
    }


def _shape(beats: Beats) -> dict[str, float]:
    """The average beat itself at a few points, relative to its QRS complex."""
    height = np.ptp(beats.average[beats.part(*QRS)]) + 1e-9
    points = np.linspace(0, len(beats.average) - 1, SHAPE_POINTS).astype(int)
    smooth = np.convolve(np.pad(beats.average, 3, mode="edge"), np.full(7, 1 / 7), "valid")
    return {f"shape_{i}": smooth[p] / height for i, p in enumerate(points)}
