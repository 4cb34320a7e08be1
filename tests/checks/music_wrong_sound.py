"""Wrong answers to the tasks on beats and chroma of the unit on music, each with the words of its mistake."""

from itertools import pairwise

import numpy as np
from music_right import beat_medians, fold_to_chroma
from spoilt_answers import after, as_list, in_place, stub


def edges_of(frames, beats):
    return np.unique(np.clip([0, *beats, len(frames)], 0, len(frames))).astype(int)


def medians(of=np.median, axis=0, first=0, last=0, edges=edges_of):
    """Medians of stretches with one part changed."""

    def beat_medians(frames, beats):
        stretches = pairwise(edges(frames, beats))
        return np.stack([of(frames[a + first : b + last], axis=axis) for a, b in stretches])

    return beat_medians


def all_edges(frames, beats):
    return [0, *beats, len(frames)]


def sorts_in_place(frames, beats):
    found = []
    for a, b in pairwise(edges_of(frames, beats)):
        part = frames[a:b]
        part.sort(axis=0)
        found.append((part[(b - a - 1) // 2] + part[(b - a) // 2]) / 2)
    return np.array(found)


def from_first_beat(frames, beats):
    """Begins with a stretch up to the first beat, and so needs one."""
    found = [np.median(frames[: beats[0]], axis=0)] if beats[0] > 0 else []
    return np.array(found + [np.median(frames[a:b], axis=0) for a, b in pairwise(edges_of(frames, beats)) if a > 0])


def no_row_without_beats(frames, beats):
    return beat_medians(frames, beats) if len(beats) else np.zeros((0, frames.shape[1]))


def flat_without_beats(frames, beats):
    return beat_medians(frames, beats) if len(beats) else np.median(frames, axis=0)


def librosas(frames, beats):
    import librosa

    return librosa.util.sync(frames.T, beats, aggregate=np.median).T


def seconds(frames, beats):
    return beat_medians(frames, np.asarray(beats) * 22050 / 512)


def seconds_back(frames, beats):
    return beat_medians(frames, (np.asarray(beats) * 512 / 22050).astype(int))


def zeros_for_empty(frames, beats):
    parts = [frames[a:b] for a, b in pairwise(all_edges(frames, beats))]
    return np.stack([np.median(part, axis=0) if len(part) else np.zeros(frames.shape[1]) for part in parts])


def first_lost(frames, beats):
    return edges_of(frames, beats)[1:]


def last_lost(frames, beats):
    return [0, *beats]


def neither(frames, beats):
    return list(beats)


BEATS = [
    (medians(np.mean), "means of the stretches"),
    (medians(np.sum), "sums of the stretches"),
    (medians(np.max), "largest of each stretch"),
    (medians(lambda part, axis: np.sort(part, axis)[(len(part) - 1) // 2]), r"torch\.median"),
    (medians(lambda part, axis: np.sort(part, axis)[len(part) // 2]), "one of the middle two"),
    (medians(edges=first_lost), "before the first beat is missing"),
    (medians(edges=last_lost), "after the last beat is missing"),
    (medians(edges=neither), "before the first and after the last beat are missing"),
    (medians(edges=lambda f, b: [*edges_of(f, b)[:-1], len(f) - 1]), "last frame is missing"),
    (medians(last=1), "in two stretches"),
    (medians(edges=lambda f, b: [0, *(np.asarray(b) + 1), len(f)]), "off by one frame"),
    (medians(edges=lambda f, b: [0, *(np.asarray(b) - 1), len(f)]), "off by one frame"),
    (medians(np.nanmedian, first=1), "NaN|a beat's frame is lost"),
    (medians(edges=all_edges), "beat at frame 0, there are NaN"),
    (zeros_for_empty, "in place of .*gives no row"),
    (after(beat_medians, np.transpose), "transposed"),
    (after(medians(np.mean), np.transpose), "transposed.*means"),
    (lambda frames, beats: np.median(frames, axis=1), "keeps one number"),
    (lambda frames, beats: np.median(frames, axis=0), "are the beats ignored"),
    (lambda frames, beats: np.median(frames, axis=0, keepdims=True), "are the beats ignored"),
    (seconds, "taken as seconds"),
    (seconds_back, "not seconds|taken as seconds"),
    (medians(axis=None), "keep the bands apart"),
    (from_first_beat, "IndexError.*clip without beats"),
    (no_row_without_beats, "without beats gives no row"),
    (flat_without_beats, "should be one row of 5 bands"),
    (sorts_in_place, "changes the frames or the beats in place"),
    (in_place(beat_medians), "changes the frames or the beats in place"),
    (librosas, "does the whole task"),
    (after(beat_medians, lambda v: v * 1.1), "are not the medians of their stretches"),
    (after(beat_medians, lambda v: v[::2]), "a row for each stretch"),
    (as_list(beat_medians), "numpy array, but it is a list"),
    (lambda frames, beats: None, "None .*return"),
    (stub, "nothing here yet"),
]


def by_largest(chroma, power):
    largest = chroma.max(axis=1, keepdims=True)
    return np.divide(chroma, largest, out=np.zeros(chroma.shape), where=largest > 0)


def over(divisor):
    """Normalised by something else, zeros where that is zero."""

    def scaled(chroma, power):
        by = divisor(chroma)
        return np.divide(chroma, by, out=np.zeros(chroma.shape), where=np.broadcast_to(by > 0, chroma.shape))

    return scaled


def plus(small):
    return lambda chroma: chroma.max(1, keepdims=True) + small


def at_least(small):
    return lambda chroma: np.maximum(chroma.max(1, keepdims=True), small)


def fold(rounded=np.round, value=lambda p: p, gather=np.sum, scale=by_largest, first=0, a4=440.0, low_used=None,
         kept=np.greater_equal):  # fmt: skip
    """Chroma with one part of it changed."""

    def fold_to_chroma(power, frequencies, low=55.0):
        used = kept(frequencies, low if low_used is None else low_used)
        pitch = (rounded(69 + 12 * np.log2(frequencies[used] / a4)) - first).astype(int) % 12
        values = value(power[used].astype(float))
        rows = [gather(values[pitch == k], axis=0) if (pitch == k).any() else 0 * values[0] for k in range(12)]
        return scale(np.stack(rows, axis=1), power)

    return fold_to_chroma


def adds_once(power, frequencies, low=55.0):
    kept = frequencies >= low
    pitch = np.round(69 + 12 * np.log2(frequencies[kept] / 440)).astype(int) % 12
    chroma = np.zeros((12, power.shape[1]))
    chroma[pitch] += power[kept]
    return by_largest(chroma.T, power)


def with_zero_hertz(power, frequencies, low=55.0):
    """The logarithm of all frequencies, 0 Hz among them, and the selection afterwards."""
    pitch = np.round(69 + 12 * np.log2(frequencies / 440)) % 12
    chroma = np.stack([power[(pitch == k) & (frequencies >= low)].sum(axis=0) for k in range(12)], axis=1)
    return by_largest(chroma, power)


def nan_for_silence(power, frequencies, low=55.0):
    chroma = fold_to_chroma(power, frequencies, low)
    chroma[(power == 0).all(0)] = np.nan
    return chroma


def ones_for_silence(chroma, power):
    return np.where(chroma.max(1, keepdims=True) > 0, by_largest(chroma, power), 1.0)


def librosas(power, frequencies, low=55.0):
    import librosa

    return librosa.feature.chroma_stft(S=power, n_fft=2 * (len(power) - 1)).T


def librosas_filters(power, frequencies, low=55.0):
    import librosa

    return (librosa.filters.chroma(sr=22050, n_fft=2 * (len(power) - 1)) @ power).T


def squares_in_between(power, frequencies, low=55.0):
    return fold_to_chroma((power.astype(np.float32) ** 2) ** np.float32(0.5), frequencies, low)


def sum_over_frames(power, frequencies, low=55.0):
    return np.repeat(power.sum(axis=1, keepdims=True), 12, axis=1)


def longer(chroma, power):
    return np.concatenate([chroma, chroma[:, :1]], axis=1)


CHROMA = [
    (fold(first=9), "column 0 is A"),
    (fold(first=1), "a semitone off"),
    (fold(first=-1), "a semitone off"),
    (fold(np.floor), "rounded down"),
    (fold(np.ceil), "rounded up"),
    (fold(lambda note: np.trunc(note - 69) + 69), "cut towards zero"),
    (fold(value=np.sqrt), "amplitudes are added"),
    (fold(value=np.square), "power is squared"),
    (fold(value=lambda p: 10 * np.log10(np.maximum(p, 1e-10))), "decibels are added"),
    (fold(value=lambda p: 10 * np.log10(np.maximum(p, 1e-3) / 1e3)), "Are decibels added"),
    (fold(value=np.log1p), r"log\(1 \+ power\)"),
    (fold(gather=np.mean), "mean of a pitch class's bins"),
    (fold(gather=np.max), "only the strongest bin"),
    (adds_once, r"np\.add\.at"),
    (fold(scale=over(lambda c: c.max())), "clip's largest value"),
    (fold(scale=over(lambda c: c.max(0))), "over time"),
    (fold(scale=over(lambda c: c.sum(1, keepdims=True))), "divided by its sum"),
    (fold(scale=over(lambda c: np.linalg.norm(c, axis=1, keepdims=True))), "root of the squares"),
    (fold(scale=lambda c, p: c), "not normalised"),
    *((fold(scale=over(plus(small))), "Has the divisor a floor") for small in (1e-10, 1e-8, 1e-7, 1.0)),
    *((fold(scale=over(at_least(small))), "Has the divisor a floor") for small in (1e-11, 1e-7, 1e-3)),
    (
        fold(scale=over(lambda c: np.where(c.max(1, keepdims=True) > 1e-6, c.max(1, keepdims=True), np.inf))),
        "quiet frame is 0, not 1.*taken for a silent one",
    ),
    (fold(scale=lambda c, p: by_largest(c - c.min(1, keepdims=True), p)), "smallest value of a frame"),
    (fold(scale=ones_for_silence), "becomes ones"),
    (fold(scale=lambda c, p: c / c.max(1, keepdims=True)), "silent frame becomes NaN"),
    (nan_for_silence, "silent frame becomes NaN"),
    (fold(low_used=1.0), "`low` is ignored"),
    (fold(low_used=55.0), "`low` is ignored.*from 55 Hz"),
    (fold(kept=np.greater), ">= low is wanted"),
    (fold(a4=432.0), "A4 = 440"),
    (fold(first=9, scale=lambda c, p: c), "two things are wrong.*column 0 is A.*not normalised"),
    (with_zero_hertz, "logarithm of 0 Hz"),
    (squares_in_between, "float32.*overflows"),
    (fold(a4=450.0), "differ from the reference in the columns"),
    (fold(first=5), "C4, 261.63 Hz lands in column 7"),
    (after(fold_to_chroma, np.transpose), "axes are swapped"),
    (fold(scale=longer), r"\(9, 12\) is wanted"),
    (sum_over_frames, "sums over the frames"),
    (librosas, "does the whole task"),
    (librosas_filters, "does the whole task"),
    (in_place(fold_to_chroma), "in place"),
    (as_list(fold_to_chroma), "numpy array, but it is a list"),
    (lambda power, frequencies, low=55.0: None, "None .*return"),
    (stub, "nothing here yet"),
]

WRONG = {"beat_medians": BEATS, "fold_to_chroma": CHROMA}
