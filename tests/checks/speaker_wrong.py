"""Wrong answers to the tasks of the unit on speaker sex, each with the word by which the message must name it."""

import math
import random
from itertools import pairwise

import numpy as np
import pandas as pd
import speaker_wrong_sound
import torch
from speaker_right import (
    Conv1DNet,
    Conv2DNet,
    choose_combination,
    conclusions,
    mel_filters,
    split_by_speaker,
    stft,
)
from spoilt_answers import after, as_list, in_place, stub
from torch import nn
from torch.nn import functional as F


def periodic(n):
    return np.hanning(n + 1)[:-1]


def transform(taper=periodic, mode="reflect", front=0.5, back=0.5, lost=0, length=None, step=None, then=None, fft=None):
    """A transform with one part of it changed; `length` and `step` from window and hop."""

    def stft(signal, window=2048, hop=512):
        width = length(window) if length else window
        jump = step(window) if step else hop
        padded = np.pad(signal, (int(front * width), int(back * width)), mode)
        frames = np.lib.stride_tricks.sliding_window_view(padded, width)[::jump]
        frames = frames[: len(frames) - lost] * taper(width)
        values = (fft or np.fft.rfft)(frames).T
        return then(values) if then else values

    return stft


def scipys(signal, window=2048, hop=512):
    import scipy.signal

    return scipy.signal.stft(signal, nperseg=window, noverlap=window - hop)[2]


STFTS = [
    (transform(np.hanning), "symmetric Hann window"),
    (transform(np.ones), "no window"),
    (transform(np.hamming), "Hamming"),
    (transform(np.blackman), "Blackman"),
    (transform(lambda n: periodic(n) ** 2), "twice"),
    (transform(lambda n: periodic(n) ** 0.5), "half a sine"),
    (transform(mode="constant"), "padded with zeros"),
    (transform(mode="edge"), "outermost sample"),
    (transform(mode="symmetric"), "not symmetric"),
    (transform(mode="wrap"), "other end of the signal"),
    (transform(front=0, back=0), "not centred"),
    (transform(mode="constant", front=0, back=1), "not centred"),
    (transform(front=0), "one side only"),
    (transform(then=np.transpose), "axes are swapped"),
    (transform(then=np.abs), "magnitude"),
    (transform(then=lambda v: np.abs(v) ** 2), "power"),
    (transform(then=np.real), "real part alone"),
    (transform(then=lambda v: 20 * np.log10(np.maximum(np.abs(v), 1e-5))), "decibels"),
    (transform(then=np.conj), r"wrong sign.*conj"),
    (transform(fft=np.fft.fft), "rfft"),
    (transform(then=lambda v: v[:-1]), "last frequency is missing"),
    (transform(lost=1), "last frame is lost"),
    (transform(step=lambda window: window // 4), "quarter of the window"),
    (transform(step=lambda window: 512), "512 samples whatever"),
    (transform(length=lambda window: 2048), "2048 samples long whatever"),
    (transform(then=lambda v: v / v.shape[0]), "differ from the reference"),
    (transform(lambda n: periodic(n) / periodic(n).sum()), "window's sum"),
    (transform(lambda n: periodic(n) / n), "divided by `window`"),
    (transform(then=lambda v: v.astype(np.complex64)), "single precision"),
    (transform(np.hanning, then=np.abs), "two things are wrong.*symmetric.*magnitude"),
    (transform(np.hamming, mode="constant"), "two things are wrong.*Hamming.*zeros"),
    (transform(fft=np.fft.fft, then=np.transpose), "rfft.*axes are swapped"),
    (after(stft, lambda v: v * 1.1), "all frames differ"),
    (after(stft, lambda v: v * (np.arange(v.shape[1]) > 0)), "only frames that reach over an end"),
    (after(stft, lambda v: v * np.nan), "NaN"),
    (scipys, "does the whole task"),
    (in_place(stft), "changes the signal in place"),
    (as_list(stft), "numpy array, but it is a list"),
    (lambda signal, window=2048, hop=512: None, "None .*return"),
    (stub, "nothing here yet"),
    (stft(np.ones(4000)), "give the function itself"),
]


def slaney(f):
    return np.where(f < 1000, f * 3 / 200, 15 + 27 * np.log(np.maximum(f, 1) / 1000) / np.log(6.4))


def from_slaney(m):
    return np.where(m < 15, m * 200 / 3, 1000 * np.exp((m - 15) * np.log(6.4) / 27))


def htk(f):
    return 2595 * np.log10(1 + f / 700)


def from_htk(m):
    return 700 * (10 ** (m / 2595) - 1)


def filters(there=htk, back=from_htk, more=2, end=True, norm=None, bins=0.5, rounded=None, apart=False, **ends):
    """Mel filters with one part of them changed."""

    def mel_filters(rate, window, bands, low, high):
        high = rate / 2 if high is None else high
        if high > rate / 2:
            raise ValueError("too high")
        low, high = ends.get("low", low), ends.get("high", high) or rate / 2
        number = 2 * bands + 1 if apart else bands + more
        corners = back(np.linspace(there(np.array(low)), there(np.array(high)), number, endpoint=end))
        if rounded:
            corners = rounded(corners, rate, window) * rate / window
        f = np.linspace(0, bins * rate, 1 + window // 2)
        rows = []
        for k in range(0, number - 2, 2 if apart else 1):
            left, peak, right = corners[k : k + 3]
            rise = (f - left) / max(peak - left, 1e-9)
            fall = (right - f) / max(right - peak, 1e-9)
            row = np.minimum(rise, fall).clip(0, 1)
            rows.append(norm(row, left, right) if norm else row)
        return np.array(rows)

    return mel_filters


def straight_in_mel(rate, window, bands, low, high):
    high = high or rate / 2
    if high > rate / 2:
        raise ValueError("too high")
    corners = np.linspace(htk(low), htk(high), bands + 2)
    f = htk(np.fft.rfftfreq(window, 1 / rate))
    return np.array([np.interp(f, corners[k : k + 3], [0, 1, 0]) for k in range(bands)])


def no_error(rate, window, bands, low, high):
    return mel_filters(rate, window, bands, low, min(high or rate / 2, rate / 2))


def none_not_foreseen(rate, window, bands, low, high):
    if high > rate / 2:
        raise ValueError("too high")
    return mel_filters(rate, window, bands, low, high)


def refuses_half_the_rate(rate, window, bands, low, high):
    if high is not None and high >= rate / 2:
        raise ValueError("too high")
    return mel_filters(rate, window, bands, low, high)


def asserts(rate, window, bands, low, high):
    assert high is None or high <= rate / 2
    return mel_filters(rate, window, bands, low, high)


def librosas(rate, window, bands, low, high):
    import librosa

    return librosa.filters.mel(sr=rate, n_fft=window, n_mels=bands, fmin=low, fmax=high, htk=True, norm=None)


MELS = [
    (filters(slaney, from_slaney), "Slaney's .linear"),
    (filters(lambda f: f, lambda m: m), "equally spaced in Hz"),
    (filters(lambda f: 2595 * np.log(1 + f / 700)), "natural logarithm"),
    (filters(back=lambda m: 700 * (np.exp(m / 2595) - 1)), "np.exp"),
    (filters(back=lambda m: m), "in mel, not back in Hz"),
    (filters(lambda f: np.log(np.maximum(f, 1e-3)), np.exp), "geomspace"),
    (filters(norm=lambda row, left, right: row * 2 / (right - left)), "divided by its width"),
    (filters(norm=lambda row, left, right: row / row.sum()), "sum of its weights"),
    (filters(norm=lambda row, left, right: row / row.max()), "largest weight"),
    (
        filters(slaney, from_slaney, norm=lambda row, left, right: row * 2 / (right - left)),
        "two things .*Slaney's sc|two th",
    ),
    (filters(rounded=lambda c, rate, window: np.floor((window + 1) * c / rate)), "rounded"),
    (filters(rounded=lambda c, rate, window: np.floor(window * c / rate)), "rounded"),
    (filters(rounded=lambda c, rate, window: np.round(window * c / rate)), "rounded"),
    (filters(more=1), r"bands \+ 2 corners"),
    (filters(more=3), r"bands \+ 2 corners"),
    (filters(end=False), "stop before `high`"),
    (filters(apart=True), "overlap"),
    (filters(bins=1.0), "half of it"),
    (straight_in_mel, "straight on the mel scale"),
    (filters(low=0.0), "`low` is ignored"),
    (filters(high=None), "`high` is ignored"),
    (after(mel_filters, np.transpose), "axes are swapped"),
    (after(mel_filters, lambda m: m[:, :-1]), "last frequency"),
    (after(mel_filters, lambda m: np.concatenate([m, m[:, -2:0:-1]], 1)), r"1 \+ window // 2 frequencies"),
    (after(mel_filters, lambda m: m * 1.2), "first filter peaks at"),
    (after(mel_filters, lambda m: m - 0.1), "negative weights"),
    (no_error, "should raise a ValueError"),
    (none_not_foreseen, "high None"),
    (refuses_half_the_rate, "too high, while making filters for .*high 4000"),
    (asserts, "AssertionError, while .*should raise a ValueError"),
    (after(mel_filters, lambda m: m.astype(int)), "floats are wanted"),
    (librosas, "librosa.filters, which does the whole task"),
    (as_list(mel_filters), "should be a numpy array"),
    (stub, "nothing here yet"),
    (None, "None"),
]


def over_time(*layers, default=128, swap=lambda x: x.transpose(1, 2), then=lambda x: x):
    """A Conv1DNet of the layers given."""

    class Changed(nn.Module):
        def __init__(self, bands=default):
            super().__init__()
            self.net = nn.Sequential(*(eval(layer, {"bands": bands, "Mean": Mean, **vars(nn)}) for layer in layers))

        def forward(self, x):
            return then(self.net(swap(x)))

    return Changed


class Mean(nn.Module):
    def __init__(self, how=torch.mean):
        super().__init__()
        self.how = how

    def forward(self, x):
        return self.how(x)


C1, C2, C3 = "Conv1d(bands, 128, 3)", "Conv1d(128, 64, 5)", "Conv1d(64, 32, 7)"
N1, N2, N3 = (f"BatchNorm1d({n})" for n in (128, 64, 32))
RELU, DROP, MEAN, FLAT, OUT = "ReLU()", "Dropout(0.2)", "AdaptiveAvgPool1d(1)", "Flatten()", "Linear(32, 2)"
BLOCKS = (C1, RELU, DROP, N1, C2, RELU, DROP, N2, C3, RELU, DROP, N3)
WHOLE = (*BLOCKS, MEAN, FLAT, OUT)


def swapped(old, new, layers=WHOLE):
    """The layers with each `old` replaced by `new`, or left out."""
    return [new if x == old else x for x in layers if x != old or new]


def ordered(*kinds):
    """The blocks with ReLU, dropout and norm in another order."""
    made = []
    for convolution, norm in ((C1, N1), (C2, N2), (C3, N3)):
        made += [convolution, *(norm if k == "norm" else k for k in kinds)]
    return (*made, MEAN, FLAT, OUT)


class AlwaysDrops(Conv1DNet):
    def forward(self, x):
        return super().forward(F.dropout(x, 0.2))


class NormsUnused(nn.Module):
    def __init__(self, bands=128):
        super().__init__()
        self.c = nn.ModuleList([nn.Conv1d(bands, 128, 3), nn.Conv1d(128, 64, 5), nn.Conv1d(64, 32, 7)])
        self.norms = nn.ModuleList([nn.BatchNorm1d(c) for c in (128, 64, 32)])
        self.out = nn.Linear(32, 2)

    def forward(self, x):
        x = x.transpose(1, 2)
        for c in self.c:
            x = F.dropout(c(x).relu(), 0.2, self.training)
        return self.out(x.mean(2))


class NoGradient1D(Conv1DNet):
    def forward(self, x):
        return super().forward(x).detach()


class BandsFixed(Conv1DNet):
    def __init__(self, bands=128):
        super().__init__(128)


class Stub1D(nn.Module):
    def __init__(self, bands=128):
        raise NotImplementedError("write this part")


NETS_1D = [
    (over_time(*WHOLE, swap=lambda x: x), "swap the last two axes"),
    (over_time(*WHOLE, swap=lambda x: x.reshape(len(x), 128, -1)), "view or reshape"),
    (over_time(*WHOLE, "Softmax(-1)"), "softmax at the end"),
    (over_time(*WHOLE, "LogSoftmax(-1)"), "log-softmax at the end"),
    (over_time(*WHOLE, "Sigmoid()"), "sigmoid at the end"),
    (over_time(*(x for x in WHOLE if x not in (N1, N2, N3))), "batch norm is missing.*128 and 64 and 32"),
    (over_time(*swapped(N2, None)), "batch norm is missing.* 64 channels"),
    (over_time(*swapped(N3, "GroupNorm(1, 32)")), "GroupNorm"),
    (over_time(*swapped(DROP, None)), "dropout is missing"),
    (over_time(*BLOCKS[:-2], N3, MEAN, FLAT, OUT), "dropout is missing after the convolution with 32"),
    (over_time(*swapped(DROP, "Dropout(0.5)")), "about [45].%.*20%"),
    (over_time(*swapped(DROP, "Dropout1d(0.2)")), "whole channels"),
    (over_time(*ordered("norm", RELU, DROP)), "batch norms come before the ReLUs"),
    (over_time(*ordered(RELU, "norm", DROP)), "behind the batch norm"),
    (over_time(*swapped(RELU, None)), "ReLUs are missing"),
    (over_time(*(x for n, x in enumerate(WHOLE) if n != 5)), "ReLU after convolution 2"),
    (over_time("Conv1d(bands, 128, 7)", *WHOLE[1:8], "Conv1d(64, 32, 3)", *WHOLE[9:]), "kernels are not"),
    (
        over_time(
            "Conv1d(bands, 32, 3)",
            RELU,
            DROP,
            N3,
            "Conv1d(32, 64, 5)",
            *WHOLE[5:8],
            "Conv1d(64, 128, 7)",
            RELU,
            DROP,
            N1,
            MEAN,
            FLAT,
            "Linear(128, 2)",
        ),
        "channels are not",
    ),
    (over_time(*(x.replace(", 3)", ", 3, padding='same')") for x in WHOLE)), "padding; that works well too"),
    (over_time(*(x.replace(", 5)", ", 5, padding=2)") for x in WHOLE)), "128 → 64 has padding"),
    (over_time(*(x.replace(", 5)", ", 5, stride=2)") for x in WHOLE)), "stride"),
    (over_time(*(x.replace(", 5)", ", 5, bias=False)") for x in WHOLE)), "no bias"),
    (over_time(*swapped(MEAN, "AdaptiveMaxPool1d(1)")), "largest value over time"),
    (over_time(*swapped(MEAN, "Mean(lambda x: x[:, :, -1])")), "last frame"),
    (over_time(*swapped(MEAN, "Mean(lambda x: x.sum(2))")), "sum over time"),
    (over_time(*BLOCKS, FLAT, f"Linear({32 * 28}, 2)"), "mean over time first, so that any length"),
    (over_time(*swapped(OUT, "Linear(32, 1)")), "one number a clip"),
    (over_time(*swapped(OUT, "Linear(32, 16)"), "ReLU()", "Linear(16, 2)"), "2 linear layers"),
    (over_time(*BLOCKS, "Mean(lambda x: x.transpose(1, 2))", OUT), "One axis too many"),
    (over_time(*WHOLE, then=lambda x: x * 1.1), "differs from the reference"),
    (over_time(*WHOLE, then=lambda x: x - x.mean(0)), "other clips of its batch"),
    (AlwaysDrops, "training=self.training"),
    (NormsUnused, "made, but not used"),
    (NoGradient1D, "no gradient"),
    (BandsFixed, "`bands` is ignored"),
    (Conv2DNet, "no torch.nn.Conv1d"),
    (Stub1D, "nothing here yet"),
    (Conv1DNet(), "give the class itself"),
    (stft, "give the class itself"),
]


def picture(
    channels=(1, 16, 32, 128, 32), padding=0, pools=4, kind=nn.MaxPool2d, end=None, relu=True, kernel=3, read=None
):
    """A Conv2DNet with one part of it changed."""

    class Changed(nn.Module):
        def __init__(self, frames=150, bands=128):
            super().__init__()
            layers = []
            for n, (a, b) in enumerate(pairwise(channels)):
                layers += [nn.Conv2d(a, b, kernel, padding=padding), nn.ReLU() if relu else nn.Identity()]
                frames, bands = (s + 2 * padding - kernel + 1 for s in (frames, bands))
                if n < pools:
                    layers.append(kind(2))
                    frames, bands = frames // 2, bands // 2
            self.net = nn.Sequential(*layers)
            self.linear = nn.Linear(read or channels[-1] * frames * bands, 2)

        def forward(self, x):
            x = self.net(x.unsqueeze(1))
            x = x.mean((2, 3)) if read else x.flatten(1)
            return end(self.linear(x)) if end else self.linear(x)

    return Changed


class NoChannelAxis(Conv2DNet):
    def forward(self, x):
        return self.linear(F.max_pool2d(F.relu(self.c1(x)), 2).flatten(1))


class Reshaped2D(Conv2DNet):
    def forward(self, x):
        return super().forward(x.reshape(len(x), x.shape[2], -1))


class SizesFixed(Conv2DNet):
    def __init__(self, frames=150, bands=128):
        super().__init__(150, 128)


class Normed2D(Conv2DNet):
    def __init__(self, frames=150, bands=128):
        super().__init__(frames, bands)
        self.norm = nn.BatchNorm2d(16)


class Drops2D(Conv2DNet):
    def forward(self, x):
        return super().forward(F.dropout(x, 0.2, self.training))


class ReLUForgotten(Conv2DNet):
    def forward(self, x):
        x = x[:, None]
        for n, c in enumerate((self.c1, self.c2, self.c3, self.c4)):
            x = F.max_pool2d(F.relu(c(x)) if n != 2 else c(x), 2)
        return self.linear(x.flatten(1))


NETS_2D = [
    (picture(padding=1), "has padding; that works well too"),
    (picture(pools=3), "last max-pool is missing"),
    (picture(pools=0), "max-pools are missing"),
    (picture(pools=1), "reads .* numbers; it should be 1344"),
    (picture(kind=nn.AvgPool2d), "average pools"),
    (picture(read=32), "flatten the 7·6·32"),
    (picture(channels=(1, 16, 32, 64, 128)), "channels are not"),
    (picture(channels=(1, 16, 32, 128)), "1 → 16"),
    (picture(kernel=5), "kernels are not"),
    (picture(relu=False), "ReLUs are missing"),
    (picture(end=nn.Softmax(-1)), "softmax at the end"),
    (picture(end=lambda x: x[:, :1]), "one number a clip"),
    (picture(end=lambda x: x * 2), "differs from the reference"),
    (picture(end=torch.detach), "no gradient"),
    (ReLUForgotten, "ReLU after convolution 3"),
    (NoChannelAxis, r"unsqueeze\(1\)"),
    (Reshaped2D, "view or reshape"),
    (SizesFixed, "reads 1344.* 64.*frames=62 and bands=46"),
    (Normed2D, "more parameters"),
    (Drops2D, "in training mode"),
    (Conv1DNet, "no torch.nn.Conv2d"),
    (None, "give the class itself"),
]


def splitter(of_rows=False, by_sex=True, number=None, seeded=True, drawn=True, own=True, ordered=True, alone=True):
    """A split with one part of it changed."""

    def split_by_speaker(speakers, sexes, share, seed):
        rng = np.random.default_rng(seed if seeded else None)
        if not own:
            np.random.seed(seed)
            rng = np.random
        mask = np.zeros(len(speakers), dtype=bool)
        for sex in np.unique(sexes) if by_sex else [None]:
            rows = np.ones(len(speakers), bool) if sex is None else sexes == sex
            people = np.unique(speakers[rows]) if ordered else np.array(list(dict.fromkeys(speakers[rows].tolist())))
            if alone and len(people) < 2:
                raise ValueError("one speaker")
            count = number(share * len(people)) if number else max(1, round(share * len(people)))
            chosen = rng.choice(people, count, replace=False) if drawn else people[:count]
            mask |= np.isin(speakers, chosen)
        return rng.permutation(mask) if of_rows else mask

    return split_by_speaker


def never_the_first(speakers, sexes, share, seed):
    """Keeps one speaker of each sex for training whatever is drawn."""
    rng = np.random.default_rng(seed)
    mask = np.zeros(len(speakers), dtype=bool)
    for sex in np.unique(sexes):
        people = np.unique(speakers[sexes == sex])
        if len(people) < 2:
            raise ValueError("one speaker")
        mask |= np.isin(speakers, rng.choice(people[1:], max(1, round(share * len(people))), replace=False))
    return mask


def sorts_in_place(speakers, sexes, share, seed):
    mask = split_by_speaker(speakers, sexes, share, seed)
    speakers.sort()
    return mask


def seeds_pythons(speakers, sexes, share, seed):
    random.seed(seed)
    return split_by_speaker(speakers, sexes, share, seed)


SPLITS = [
    (splitter(of_rows=True), "rows in both parts .* divide the speakers"),
    (splitter(by_sex=False), "Draw from each sex apart"),
    (splitter(number=lambda x: max(1, math.floor(x))), "rounded down"),
    (splitter(number=lambda x: math.ceil(x)), "rounded up"),
    (splitter(number=round), "At least one of each sex"),
    (splitter(seeded=False), "same seed hold out different"),
    (splitter(drawn=False), "every seed holds out the same"),
    (splitter(own=False), "np.random.default_rng"),
    (seeds_pythons, "np.random.default_rng"),
    (splitter(ordered=False), "another order hold out other"),
    (splitter(alone=False), "a single speaker should raise a ValueError"),
    (never_the_first, "f00 is never held out"),
    (after(split_by_speaker, np.invert), "inverted"),
    (after(split_by_speaker, np.flatnonzero), "row numbers"),
    (after(split_by_speaker, lambda m: m.astype(int)), "dtype int64; it should be bool"),
    (after(split_by_speaker, lambda m: (m, ~m)), "tuple of 2"),
    (after(split_by_speaker, lambda m: m[:, None]), r"shape \(\d+, 1\)"),
    (as_list(split_by_speaker), "list"),
    (sorts_in_place, "in place"),
    (stub, "nothing here yet"),
]


def chooser(allowed, key, none=None):
    def choose_combination(scores, floor=0.7):
        names = [n for n in scores if allowed(*scores[n], floor)]
        if not names:
            if none:
                return none()
            raise ValueError("none")
        return min(names, key=lambda n: key(*scores[n], floor))

    return choose_combination


def holds(score, low, floor):
    return low >= floor


def by_score(score, low, floor):
    return score


CHOICES = [
    (chooser(lambda s, low, f: s >= f, by_score), "low end of the interval must hold"),
    (chooser(lambda s, low, f: low > f, by_score), ">= in place of >"),
    (chooser(holds, lambda s, low, f: -s), "takes the highest score"),
    (chooser(holds, lambda s, low, f: low), "takes the lowest low end"),
    (chooser(lambda *a: True, by_score), "ignores the floor"),
    (chooser(lambda *a: True, lambda s, low, f: abs(s - f)), "score nearest to the floor"),
    (chooser(lambda *a: True, lambda s, low, f: abs(low - f)), "low end nearest to the floor"),
    (chooser(holds, lambda s, low, f: abs(s - 0.8)), "neither the lowest nor the highest"),
    (chooser(lambda s, low, f: low >= 0.7, by_score), "`floor` is ignored"),
    (chooser(holds, by_score, none=lambda: None), "should raise a ValueError.*None"),
    (chooser(holds, by_score, none=str), "should raise a ValueError"),
    (chooser(holds, by_score, none=lambda: [][0]), "IndexError"),
    (after(choose_combination, lambda name: (name, 0.7)), "name of a combination"),
    (after(choose_combination, str.upper), "'RIGHT'"),
    (lambda scores, floor=0.7: (choose_combination(scores, floor), scores.clear())[0], "in place"),
    (lambda scores, floor=0.7: print(scores), "None .*return"),
    (stub, "nothing here yet"),
]


def table(values="balanced_accuracy", ascending=False, by="spoiled", reference=None, rows=None):
    """A table of conclusions with one part of it changed."""

    def conclusions(results):
        if rows is not None:
            results = rows(results)
        wide = results.pivot(index=["model", "training"], columns="condition", values=values)
        wide = wide.sort_values(by, ascending=ascending)
        wide["lost_on_clean"] = (reference or (lambda w: w["clean"].max() - w["clean"]))(wide)
        return wide

    return conclusions


def mistaken_keys(results):
    return conclusions(results).reset_index().drop(columns="training")


def two_levels(results):
    return results.pivot(index=["model", "training"], columns="condition")


def all_runs(results):
    return results.assign(lost_on_clean=0.0, clean=0.0, spoiled=0.0, unseen=0.0)


CONCLUSIONS = [
    (table(ascending=True), "sorted upwards"),
    (table(by="clean"), "sorted by clean"),
    (after(conclusions, pd.DataFrame.sort_index), "not sorted"),
    (table(values="low"), "shows the column low"),
    (table(values="high"), "shows the column high"),
    (after(table(), lambda t: t.round(1)), "not those of the runs|still belong"),
    (table(reference=lambda w: w["clean"] - w["clean"].max()), "wrong sign"),
    (table(reference=lambda w: w["clean"] - w["spoiled"]), "what spoiling takes"),
    (table(reference=lambda w: w["clean"].iloc[0] - w["clean"]), "from the first row"),
    (table(reference=lambda w: w["clean"].mean() - w["clean"]), "from the mean"),
    (table(reference=lambda w: w.groupby("model")["clean"].transform("max") - w["clean"]), "within each model"),
    (table(reference=lambda w: 1 - w["clean"]), "from 1"),
    (table(reference=lambda w: 1 - w["clean"] / w["clean"].max()), "ratio"),
    (table(reference=lambda w: 100 * (w["clean"].max() - w["clean"])), "percent"),
    (table(reference=lambda w: w["clean"].median() - w["clean"]), "lost_on_clean is wrong"),
    (table(rows=lambda r: r[r["balanced_accuracy"] > 0.6]), "Conv2D mix-up.*failed belongs"),
    (after(conclusions, pd.DataFrame.dropna), "dropna"),
    (after(conclusions, lambda t: t.iloc[:-2]), "rows are missing"),
    (after(conclusions, lambda t: pd.concat([t, t])), "12 rows"),
    (after(conclusions, lambda t: t.fillna(0)), "filled in"),
    (after(conclusions, lambda t: t.drop(columns="lost_on_clean")), "columns are missing: lost_on_clean"),
    (after(conclusions, lambda t: t.drop(columns="unseen")), "columns are missing: unseen"),
    (after(conclusions, lambda t: t.reset_index(drop=True)), "don't say their model and training"),
    (mistaken_keys, "don't say their training"),
    (two_levels, "two levels"),
    (all_runs, "17 rows"),
    (after(conclusions, lambda t: t.to_dict()), "DataFrame, but it is"),
    (lambda results: (conclusions(results), results.insert(0, "n", 1))[0], "in place"),
    (lambda results: None, "None .*return"),
    (stub, "nothing here yet"),
]

WRONG = {
    "stft": STFTS,
    "mel_filters": MELS,
    "Conv1DNet": NETS_1D,
    "Conv2DNet": NETS_2D,
    "split_by_speaker": SPLITS,
    "choose_combination": CHOICES,
    "conclusions": CONCLUSIONS,
    **speaker_wrong_sound.WRONG,
}
