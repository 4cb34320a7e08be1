"""One clip of music in numbers: mel spectrogram, chroma, beats, medians from beat to beat, and a vector of statistics.

>>> clip = of_clip(signal)
>>> clip["mel"].shape, clip["chroma"].shape, clip["beats"].shape        # (1292, 128), (1292, 12), (59,)
>>> medians(clip["mel"], clip["beats"]).shape                           # (60, 128)

All of it comes from one Fourier transform. Beats are librosa's (Ellis 2007, doi: 10.1080/09298210701653344): the
moments about one tempo apart at which most bands get louder. Medians between them make a piece as long in steps as
it is in beats, whatever its tempo (Ellis & Poliner 2007, doi: 10.1109/ICASSP.2007.367348).
"""

from collections.abc import Sequence

import librosa
import numpy as np

from lib.audio.signals import as_float

RATE, WINDOW, HOP, BANDS = 22050, 2048, 512, 128  # samples a second, samples, samples (23 ms), mel bands
FLOOR = 1e-10  # of power: −100 dB
LOUDEST = 80.0  # dB below a clip's loudest band that the beat tracker looks at: librosa's
LEAST_SECONDS = 1.0  # shorter clips hold no two beats, and too few frames for a statistic
SILENCE = 2e-5  # of full scale from lowest to highest sample: less than one step of 16 bits
LEAST_BEATS = 2  # with fewer there is no stretch from beat to beat
STRETCH = 0.5  # seconds: a beat at 120 a minute, for what has none
MFCCS = 20
PITCHES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")


def of_clip(signal: np.ndarray) -> dict[str, np.ndarray]:
    """All features of one clip.

    Parameters
    ----------
    signal : (samples,) int16, or floating point of full scale ±1, 22,050 a second.

    Returns
    -------
    dict of arrays, with `frames` = samples // 512 + 1, each of 2,048 samples centred on a multiple of 512:

    - `mel` (frames, 128) float32: `10 · log10(power)` dB of the bands, never below −100 dB. No limit below the
      loudest band (`top_db`): it would turn how loud a clip is elsewhere into a change of what is quiet.
    - `chroma` (frames, 12) float32: the power of each pitch class from C, in proportion to the frame's strongest, at
      the clip's own tuning; a silent frame is all 0.
    - `beats` (k,) int64: frame numbers, rising; may be none.
    - `tempo` () float64: beats a minute as estimated; nan with fewer than two beats.
    - `beat_mel` (segments, 128), `beat_chroma` (segments, 12) float32: medians between beats, or over each half
      second of a clip with fewer than two.
    - `statistics` (columns,) float32, named by `STATISTICS`; all finite, the tempo of a clip without beats is 0.

    Raises
    ------
    ValueError
        The clip is empty, has several channels, holds NaN, is silent or shorter than a second.
    """
    wave = as_float(signal, "the clip")
    if len(wave) < LEAST_SECONDS * RATE:
        raise ValueError(f"too short: {len(wave) / RATE:.2f} s, at least {LEAST_SECONDS:g} s are needed")
    if np.ptp(wave) < SILENCE:
        raise ValueError("silent from end to end")
    spectrum = librosa.stft(wave, n_fft=WINDOW, hop_length=HOP)
    power = spectrum.real**2 + spectrum.imag**2
    mel = librosa.feature.melspectrogram(S=power, sr=RATE, n_mels=BANDS)
    decibels = 10 * np.log10(np.maximum(mel, FLOOR))
    chroma = librosa.feature.chroma_stft(S=power, sr=RATE, n_fft=WINDOW, tuning=_tuning(power))
    tempo, beats = _beats(decibels)
    edges = beats if len(beats) >= LEAST_BEATS else half_seconds(decibels.shape[1])
    made = {
        "mel": decibels.T,
        "chroma": chroma.T,
        "beats": beats,
        "tempo": np.array(tempo),
        "beat_mel": medians(decibels.T, edges),
        "beat_chroma": medians(chroma.T, edges),
        "statistics": _statistics(wave, power, decibels, chroma, tempo, beats),
    }
    return {name: np.array(array, order="C") for name, array in made.items()}


def medians(frames: np.ndarray, edges: Sequence[int]) -> np.ndarray:
    """The median of each stretch between edges: (frames, bands) → (segments, bands).

    The first stretch begins at frame 0, the last ends with the last frame. An edge at 0, at or beyond the end, or
    given twice makes no empty row.
    """
    inside = [edge for edge in np.unique(edges).astype(int) if 0 < edge < len(frames)]
    return np.stack([np.median(stretch, axis=0) for stretch in np.split(frames, inside)])


def half_seconds(frames: int) -> np.ndarray:
    """The frame numbers nearest to each half second, but for a last stretch of less than half of one."""
    step = STRETCH * RATE / HOP
    return np.round(np.arange(1, round(frames / step)) * step).astype(int)


def _tuning(power: np.ndarray) -> float:
    """How far the clip is from A4 = 440 Hz, in semitones: what `librosa.estimate_tuning` finds in all of `power`.

    It looks at peaks below 4 kHz only, so it is given no bins above: the same frequencies at a lower rate. That takes a
    third of the time. Above them matters only whether a frame's strongest bin is there, which it is told.
    """
    bins = int(4000 / RATE * WINDOW) + 8
    return librosa.estimate_tuning(S=power[: bins + 1], sr=2 * bins * RATE / WINDOW, ref=0.1 * power.max(0)[None])


def _beats(decibels: np.ndarray) -> tuple[float, np.ndarray]:
    """Beats a minute and (k,) frame numbers, of (128, frames) dB: what `librosa.beat.beat_track` finds in the wave."""
    heard = np.maximum(decibels, decibels.max() - LOUDEST)
    onsets = librosa.onset.onset_strength(S=heard, sr=RATE, hop_length=HOP, n_fft=WINDOW, aggregate=np.median)
    tempo, beats = librosa.beat.beat_track(onset_envelope=onsets, sr=RATE, hop_length=HOP)
    beats = np.asarray(beats, np.int64)
    return (float(np.atleast_1d(tempo)[0]) if len(beats) >= LEAST_BEATS else np.nan), beats


def _statistics(
    wave: np.ndarray, power: np.ndarray, decibels: np.ndarray, chroma: np.ndarray, tempo: float, beats: np.ndarray
) -> np.ndarray:
    """(columns,) float32 in the order of `STATISTICS`; power (1025, frames), decibels (128, ·), chroma (12, ·)."""
    magnitude = np.sqrt(power)
    frequency = librosa.fft_frequencies(sr=RATE, n_fft=WINDOW).astype(np.float32)
    total = np.maximum(magnitude.sum(0), 1e-10)
    reached = magnitude.cumsum(0) >= 0.85 * total
    # Sign changes in each hop; the last frame, which may reach beyond the wave, has those that are left.
    crossings = np.zeros(power.shape[1] * HOP, np.float32)
    crossings[1 : len(wave)] = np.diff(np.signbit(wave))
    measures = np.concatenate(
        [
            librosa.feature.mfcc(S=decibels, n_mfcc=MFCCS),
            librosa.feature.spectral_contrast(S=magnitude, sr=RATE),
            [
                frequency @ magnitude / total,
                frequency[reached.argmax(0)],
                10 * np.log10(librosa.feature.spectral_flatness(S=magnitude)[0]),
                crossings.reshape(-1, HOP).mean(1),
                10 * np.log10(np.maximum(power.sum(0), FLOOR)),
            ],
            chroma,
        ]
    )
    low, high = np.percentile(measures, (5, 95), axis=1)
    change = np.abs(np.diff(measures, axis=1)).mean(1)
    seconds = len(wave) / RATE
    gaps = np.diff(beats) * HOP / RATE
    pulse = [np.nan_to_num(tempo), len(beats) / seconds, gaps.std() if len(gaps) else 0.0]
    return np.concatenate([measures.mean(1), measures.std(1), change, low, high, pulse]).astype(np.float32)


# The contrasts are of octaves from 200 Hz up. Of peaks and of valleys, nothing more than 80 of librosa's dB (160 dB)
# below a clip's strongest counts.
_MEASURES = (
    *(f"mfcc{k}" for k in range(MFCCS)),
    *(f"contrast{k}" for k in range(7)),  # half the dB from valleys to peaks: librosa takes magnitudes for power
    "centroid",
    "rolloff",
    "flatness",
    "crossings",
    "level",
    *(f"chroma_{pitch}" for pitch in PITCHES),
)
STATISTICS = (
    *(f"{measure}_{statistic}" for statistic in ("mean", "sd", "change", "p5", "p95") for measure in _MEASURES),
    "tempo",
    "beats_per_second",
    "beat_gap_sd",
)
