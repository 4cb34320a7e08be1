"""Right answers to the tasks of the unit on speaker sex, each written in its own way."""

import math
import random
from itertools import pairwise

import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.nn import functional as F


def stft(signal, window=2048, hop=512):
    """A loop over frames, with the periodic window cut from a longer symmetric one."""
    hann = np.hanning(window + 1)[:-1]
    padded = np.pad(signal, (window // 2, window // 2), "reflect")
    columns = []
    for frame in range(signal.size // hop + 1):
        columns.append(np.fft.rfft(padded[frame * hop : frame * hop + window] * hann))
    return np.stack(columns, axis=1)


def stft_by_fft(signal, window=2048, hop=512):
    """The whole transform, of which the first half is kept; the reflection by slices."""
    half = window // 2
    padded = np.concatenate([signal[half:0:-1], signal, signal[-2 : -half - 2 : -1]])
    frames = np.lib.stride_tricks.sliding_window_view(padded, window)[::hop]
    shape = np.sin(np.pi * np.arange(window) / window) ** 2
    return np.fft.fft(frames * shape, axis=-1)[:, : 1 + half].transpose()


def stft_by_scipy_window(signal, window=2048, hop=512):
    from scipy.fft import rfft
    from scipy.signal import get_window

    frames = 1 + len(signal) // hop
    out = np.zeros((1 + window // 2, frames), dtype=np.complex128)
    for k in range(frames):
        index = np.abs(np.arange(k * hop - window // 2, k * hop - window // 2 + window))
        index = np.where(index >= len(signal), 2 * (len(signal) - 1) - index, index)
        out[:, k] = rfft(signal[index] * get_window("hann", window))
    return out


def mel_filters(rate, window, bands, low, high):
    """By interpolation between three corners."""
    if high is None:
        high = rate / 2
    if high > rate / 2:
        raise ValueError("too high")
    mels = np.linspace(2595 * math.log10(1 + low / 700), 2595 * math.log10(1 + high / 700), bands + 2)
    hertz = 700 * (10 ** (mels / 2595) - 1)
    frequencies = np.fft.rfftfreq(window, 1 / rate)
    return np.array([np.interp(frequencies, hertz[k : k + 3], [0, 1, 0]) for k in range(bands)])


def mel_filters_by_natural_logarithms(rate, window, bands, low, high):
    """Only the spacing counts, and a scale's factor cancels."""
    high = high or rate / 2
    if 2 * high > rate:
        raise ValueError("too high")
    steps = np.linspace(np.log1p(low / 700), np.log1p(high / 700), bands + 2)
    corners = 700 * np.expm1(steps)
    filters = np.zeros((bands, window // 2 + 1), dtype=np.float32)
    for band in range(bands):
        left, peak, right = corners[band : band + 3]
        for k in range(window // 2 + 1):
            f = k * rate / window
            if left <= f <= peak:
                filters[band, k] = (f - left) / (peak - left)
            elif peak < f < right:
                filters[band, k] = (right - f) / (right - peak)
    return filters


class Conv1DNet(nn.Module):
    def __init__(self, bands=128):
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv1d(bands, 128, 3), nn.ReLU(), nn.Dropout(0.2), nn.BatchNorm1d(128),
            nn.Conv1d(128, 64, 5), nn.ReLU(), nn.Dropout(0.2), nn.BatchNorm1d(64),
            nn.Conv1d(64, 32, 7), nn.ReLU(), nn.Dropout(0.2), nn.BatchNorm1d(32),
            nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(32, 2),
        )  # fmt: skip

    def forward(self, x):
        return self.net(x.permute(0, 2, 1))


class Conv1DNetByHand(nn.Module):
    """Layers made in another order; functional dropout that knows the mode; the mean after the linear layer."""

    def __init__(self, bands=128):
        super().__init__()
        self.out = nn.Linear(32, 2)
        self.norms = nn.ModuleList([nn.BatchNorm1d(c) for c in (32, 64, 128)])
        self.c3, self.c2 = nn.Conv1d(64, 32, 7, padding="valid"), nn.Conv1d(128, 64, 5)
        self.c1 = nn.Conv1d(bands, 128, 3)

    def forward(self, x):
        x = torch.swapaxes(x, 1, 2)
        for convolution, norm in zip((self.c1, self.c2, self.c3), reversed(self.norms), strict=True):
            x = F.relu(F.dropout(convolution(x), 0.2, training=self.training), inplace=True)
            x = norm(x)
        return self.out(x.transpose(1, 2)).mean(1)


class Conv2DNet(nn.Module):
    def __init__(self, frames=150, bands=128):
        super().__init__()
        size = [frames, bands]
        for _ in range(4):
            size = [(s - 2) // 2 for s in size]
        self.c1, self.c2 = nn.Conv2d(1, 16, (3, 3)), nn.Conv2d(16, 32, 3)
        self.c3, self.c4 = nn.Conv2d(32, 128, 3), nn.Conv2d(128, 32, 3)
        self.linear = nn.Linear(32 * size[0] * size[1], 2)

    def forward(self, x):
        x = x[:, None]
        for convolution in (self.c1, self.c2, self.c3, self.c4):
            x = F.max_pool2d(F.relu(convolution(x)), 2)
        return self.linear(x.flatten(1))


class Conv2DNetUpright(Conv2DNet):
    """Bands upwards, pool before ReLU, channels last in the flat row."""

    def forward(self, x):
        x = x.transpose(1, 2).unsqueeze(1)
        for convolution in (self.c1, self.c2, self.c3, self.c4):
            x = torch.relu(F.max_pool2d(convolution(x), 2))
        return self.linear(x.permute(0, 2, 3, 1).reshape(len(x), -1))


class Conv2DNetLazy(nn.Module):
    def __init__(self, frames=150, bands=128):
        super().__init__()
        channels = (1, 16, 32, 128, 32)
        layers = []
        for a, b in pairwise(channels):
            layers.extend((nn.Conv2d(a, b, 3), nn.ReLU(), nn.MaxPool2d(2)))
        self.net = nn.Sequential(nn.Unflatten(1, (1, frames)), *layers, nn.Flatten(), nn.LazyLinear(2))

    def forward(self, x):
        return self.net(x)


def split_by_speaker(speakers, sexes, share, seed):
    rng = random.Random(seed)
    held = set()
    for sex in sorted(set(sexes.tolist())):
        people = sorted({s for s, own in zip(speakers.tolist(), sexes.tolist(), strict=True) if own == sex})
        if len(people) == 1:
            raise ValueError(sex)
        held |= set(rng.sample(people, max(1, round(share * len(people)))))
    return np.array([s in held for s in speakers.tolist()])


def split_by_speaker_with_pandas(speakers, sexes, share, seed):
    table = pd.DataFrame({"speaker": speakers, "sex": sexes}).drop_duplicates().sort_values("speaker")
    state = np.random.RandomState(seed)
    chosen = []
    for _, group in table.groupby("sex"):
        if len(group) < 2:
            raise ValueError("one speaker")
        chosen.extend(group["speaker"].sample(max(1, round(share * len(group))), random_state=state))
    return pd.Series(speakers).isin(chosen).to_numpy()


def add_noise(speech, noise, snr):
    fitted = noise[torch.arange(speech.shape[-1]) % noise.shape[0]]
    out = []
    for clip in speech:
        wanted = (clip**2).mean() / 10 ** (snr / 10)
        power = (fitted**2).mean()
        factor = (wanted / power) ** 0.5 if power > 0 else 0.0
        out.append(clip + factor * fitted)
    return torch.stack(out)


def add_noise_by_norms(speech, noise, snr):
    n = speech.size(1)
    while len(noise) < n:
        noise = torch.cat([noise, noise])
    noise = noise[:n].expand_as(speech)
    scale = speech.norm(dim=1, keepdim=True) / noise.norm(dim=1, keepdim=True).clamp(min=1e-12)
    return speech + scale * 10 ** (-snr / 20) * noise


def clip_share(waves, share):
    n = waves.shape[1]
    order = waves.abs().sort(dim=1, descending=True).values
    level = order[:, [min(int(share * n), n - 1)]]
    return torch.maximum(torch.minimum(waves, level), -level)


def clip_share_with_numpy(waves, share):
    out = waves.clone().numpy()
    for row in out:
        level = np.quantile(np.abs(row), 1 - share)
        row[row > level] = level
        row[row < -level] = -level
    return torch.from_numpy(out)


def ring(waves, strength, generator):
    hertz = 50 + 150 * torch.rand(len(waves), 1, generator=generator)
    tone = torch.sin(2 * math.pi * hertz * torch.arange(waves.shape[1]) / 16_000)
    return (1 - strength) * waves + strength * tone * waves


def muffled(waves, strength, generator):
    """A low-pass filter whose edge comes down to some hundred hertz; nothing is drawn."""
    spectrum = torch.fft.rfft(waves)
    hertz = torch.linspace(0, 8000, spectrum.shape[1])
    edge = 8000 * 0.04**strength
    return torch.fft.irfft(spectrum * (hertz <= edge), n=waves.shape[1])


def echo(waves, strength, generator):
    out = waves.clone()
    for k, delay in enumerate(torch.randint(800, 4000, (len(waves),), generator=generator).tolist()):
        out[k, delay:] += strength * waves[k, :-delay]
    return out


def gaps(waves, strength, generator):
    """Every tenth of a second may fall silent."""
    parts = math.ceil(waves.shape[1] / 1600)
    heard = torch.rand(len(waves), parts, generator=generator) >= 0.7 * strength
    return waves * heard.repeat_interleave(1600, dim=1)[:, : waves.shape[1]]


def coarse(waves, strength, generator):
    """Fewer bits: steps up to a fifth of the peak."""
    if strength == 0:
        return waves.clone()
    step = waves.abs().amax(1, keepdim=True).clamp(min=1e-6) * 0.2 * strength
    return (waves / step).round() * step


def wow(waves, strength, generator):
    """A tape that runs now faster, now slower."""
    n = waves.shape[1]
    t = torch.arange(n) / 16_000
    phase = 2 * math.pi * torch.rand(len(waves), 1, generator=generator)
    place = torch.arange(n) + strength * 160 * torch.sin(2 * math.pi * 4 * t + phase)
    place = place.clamp(0, n - 1)
    below = place.floor().long().clamp(max=n - 2)
    return torch.lerp(waves.gather(1, below), waves.gather(1, below + 1), place - below)


def crackle(waves, strength, generator):
    """Clicks of an old record."""
    hit = torch.rand(waves.shape, generator=generator) < 0.002
    size = torch.randn(waves.shape, generator=generator)
    return waves + strength * hit * size * waves.abs().amax(1, keepdim=True)


def hum(waves, strength, generator):
    """The mains, with its overtones, at a phase of each clip's own."""
    t = torch.arange(waves.shape[1]) / 16_000
    turn = torch.rand(len(waves), 1, generator=generator)
    tone = sum(torch.sin(2 * math.pi * h * (50 * t + turn)) / h for h in (1, 3, 5, 7))
    return waves + strength * tone * waves.std(1, keepdim=True)


def overdrive(waves, strength, generator):
    """A soft limit, unlike hard clipping."""
    loud = waves.abs().amax(1, keepdim=True).clamp(min=1e-9)
    return (1 - strength) * waves + strength * loud * torch.tanh(8 * waves / loud)


def choose_combination(scores, floor=0.7):
    best = None
    for name, (score, low) in scores.items():
        if low >= floor and (best is None or score < scores[best][0]):
            best = name
    if best is None:
        raise ValueError("none")
    return best


def choose_combination_with_pandas(scores, floor=0.7):
    table = pd.DataFrame(scores, index=["score", "low"]).T
    return table.loc[table["low"] >= floor, "score"].idxmin()


def spec_augment(x, time_masks, widest_time, band_masks, widest_band, generator):
    """Item by item, mask by mask."""
    x = x.clone()
    for item in x:
        for masks, widest, view in ((time_masks, widest_time, item), (band_masks, widest_band, item.T)):
            for _ in range(masks):
                width = torch.randint(widest + 1, (), generator=generator).item()
                start = torch.randint(len(view) - width + 1, (), generator=generator).item()
                view[start : start + width] = 0
    return x


def spec_augment_at_once(x, time_masks, widest_time, band_masks, widest_band, generator):
    keep = torch.ones_like(x)
    for axis, masks, widest in ((1, time_masks, widest_time), (2, band_masks, widest_band)):
        size = x.shape[axis]
        for _ in range(masks):
            width, start = torch.rand(2, len(x), 1, generator=generator)
            width = torch.floor(width * (widest + 1))
            start = torch.floor(start * (size - width + 1))
            at = torch.arange(size)[None]
            shown = 1 - ((at >= start) & (at < start + width)).float()
            keep *= shown.unsqueeze(3 - axis)
    return x * keep


def mix_up(x, y, alpha, generator):
    """One λ for the batch, from PyTorch's own Beta, which draws from the global generator."""
    share = torch.distributions.Beta(alpha, alpha).sample()
    order = torch.randperm(x.shape[0], generator=generator)
    return share * x + (1 - share) * x[order], share * y + (1 - share) * y[order]


def mix_up_item_by_item(x, y, alpha, generator):
    seed = torch.randint(10**6, (1,), generator=generator).item()
    rng = np.random.default_rng(seed)
    partner = rng.permutation(len(x))
    weights = torch.from_numpy(rng.beta(alpha, alpha, len(x))).float()
    weights = torch.maximum(weights, 1 - weights)
    shape = (len(x),) + (1,) * (x.dim() - 1)
    return torch.lerp(x[partner], x, weights.reshape(shape)), torch.lerp(y[partner], y, weights)


def denoising_loss(network, clean, spoiled):
    error = clean - network(spoiled)
    return (error * error).mean()


def denoising_loss_by_module(network, clean, spoiled):
    return nn.MSELoss()(network(spoiled), clean.detach())


def conclusions(results):
    table = results.set_index(["model", "training", "condition"])["balanced_accuracy"].unstack("condition")
    table["lost_on_clean"] = table["clean"].max() - table["clean"]
    return table.sort_values(by="spoiled", ascending=False)


def conclusions_with_plain_columns(results):
    table = results.pivot_table(index=["training", "model"], columns="condition", values="balanced_accuracy")
    table = table.reset_index().assign(lost_on_clean=lambda t: t["clean"].max() - t["clean"])
    return table.sort_values("spoiled", ascending=False, ignore_index=True)


RIGHT = {
    "stft": [stft, stft_by_fft, stft_by_scipy_window],
    "mel_filters": [mel_filters, mel_filters_by_natural_logarithms],
    "Conv1DNet": [Conv1DNet, Conv1DNetByHand],
    "Conv2DNet": [Conv2DNet, Conv2DNetUpright, Conv2DNetLazy],
    "split_by_speaker": [split_by_speaker, split_by_speaker_with_pandas],
    "add_noise": [add_noise, add_noise_by_norms],
    "clip_share": [clip_share, clip_share_with_numpy],
    "my_spoiling": [ring, muffled, echo, gaps, coarse, wow, crackle, hum, overdrive],
    "choose_combination": [choose_combination, choose_combination_with_pandas],
    "spec_augment": [spec_augment, spec_augment_at_once],
    "mix_up": [mix_up, mix_up_item_by_item],
    "denoising_loss": [denoising_loss, denoising_loss_by_module],
    "conclusions": [conclusions, conclusions_with_plain_columns],
}
