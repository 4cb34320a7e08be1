"""What is added to sound: noise, other voices, the echo of a room.

Each takes (B, samples) float32, a strength, the rate, a generator or None, and what babble is made of; and returns a
new tensor of the same shape. The checks are `lib.audio.corruptions.corrupt`'s.
"""

import math

import torch
import torchaudio.functional as F
from scipy.fft import next_fast_len
from torch import Generator, Tensor

VOICES = 8  # in babble, at most
LOWEST_PINK = 20  # Hz: below, noise has no power. The ear hears nothing there, but half of 1/f's power could lie there
EVEN_AT = 0.5  # s of RT60: where the echo has as much energy as the direct sound


def uniform(shape: tuple[int, ...], like: Tensor, generator: Generator | None) -> Tensor:
    """Numbers in [0, 1) on `like`'s device, drawn where the generator lives: a seed means the same on any device."""
    device = generator.device if generator is not None else "cpu"
    return torch.rand(shape, generator=generator, device=device).to(like.device)


def normal(shape: tuple[int, ...], like: Tensor, generator: Generator | None) -> Tensor:
    """Standard normal numbers, as `uniform`."""
    device = generator.device if generator is not None else "cpu"
    return torch.randn(shape, generator=generator, device=device).to(like.device)


def signs(items: int, like: Tensor, generator: Generator | None) -> Tensor:
    """(items, 1) of −1 or +1, as likely."""
    return 1 - 2 * (uniform((items, 1), like, generator) < 0.5).to(like.dtype)


def with_loudness_of(x: Tensor, before: Tensor) -> Tensor:
    """`x` (B, samples) with the root mean square of `before` (B, samples'), item by item; silence stays silent."""
    now, wanted = (wave.square().mean(1, keepdim=True).sqrt() for wave in (x, before))
    return torch.where(now > 0, x / now.clamp(min=torch.finfo(x.dtype).tiny) * wanted, x)


def white_noise(x: Tensor, strength: float, rate: int, generator: Generator | None, others: Tensor | None) -> Tensor:
    """Gaussian noise with as much power in each hertz, `strength` dB below the clip's power."""
    return _added(x, normal(x.shape, x, generator), strength)


def pink_noise(x: Tensor, strength: float, rate: int, generator: Generator | None, others: Tensor | None) -> Tensor:
    """Gaussian noise with as much power in each octave from 20 Hz, `strength` dB below the clip's power."""
    n = next_fast_len(x.shape[1], real=True)
    spectrum = torch.fft.rfft(normal((len(x), n), x, generator))
    hertz = torch.fft.rfftfreq(n, 1 / rate, device=x.device)
    shape = torch.where(hertz >= LOWEST_PINK, hertz.clamp(min=LOWEST_PINK).rsqrt(), 0)
    if not shape.any():  # a few samples hold no frequency but 0
        return white_noise(x, strength, rate, generator, others)
    return _added(x, torch.fft.irfft(spectrum * shape, n)[:, : x.shape[1]], strength)


def babble(x: Tensor, strength: float, rate: int, generator: Generator | None, others: Tensor | None) -> Tensor:
    """Up to eight other voices talking at once, each of equal power, `strength` dB below the clip's power together.

    Each begins anywhere in its recording and goes round. `others` None: the batch's other items, never itself.
    """
    if others is None and len(x) == 1:
        raise ValueError("babble of a single item needs other voices: give others, (N, samples), or a larger batch")
    pool = x if others is None else others
    voices = min(VOICES, len(pool) - (others is None))
    ranks = uniform((len(x), len(pool)), x, generator)
    if others is None:
        ranks.fill_diagonal_(-1)
    chosen = ranks.topk(voices, dim=1).indices.tolist()
    offsets = (uniform((len(x), voices), x, generator) * pool.shape[1]).long().tolist()
    noise = torch.empty_like(x)
    for i, (rows, starts) in enumerate(zip(chosen, offsets, strict=True)):
        spoken = zip(rows, starts, strict=True)
        parts = torch.stack([_going_round(pool[row], start, x.shape[1]) for row, start in spoken])
        power = torch.linalg.vector_norm(parts, dim=1)
        noise[i] = torch.where(power > 0, 1 / power.clamp(min=1e-20), 0) @ parts
    return _added(x, noise, strength)


def reverberation(x: Tensor, strength: float, rate: int, generator: Generator | None, others: Tensor | None) -> Tensor:
    """The sound in a room whose echo falls by 60 dB in `strength` seconds; as loud as before.

    The room's answer to a click is the click and white noise that decays exponentially, the model of Polack's thesis
    (Université du Maine 1988). The echo's energy is `strength / 0.5 s` times the direct sound's, as in a room of
    150 m³ one metre from the speaker: by Sabine's formula it is proportional to RT60.
    """
    n = x.shape[1]
    length = min(n, math.ceil(strength * rate))
    length = next_fast_len(n + length - 1, real=True) - n + 1  # a slightly longer echo can be computed faster
    t = torch.arange(1, length, device=x.device) / rate
    echo = normal((len(x), length - 1), x, generator) * 10 ** (-3 * t / strength)
    # Relative to the energy of the whole decay, which a short clip's echo is only the beginning of.
    whole = strength * rate / (6 * math.log(10))
    click = torch.cat([torch.ones_like(x[:, :1]), echo * math.sqrt(strength / EVEN_AT / whole)], 1)
    return with_loudness_of(F.fftconvolve(x, click)[:, :n], x)


def _added(x: Tensor, noise: Tensor, decibels: float) -> Tensor:
    """`x` and `noise` at this signal-to-noise ratio over the whole clip; as it was when either is silent."""
    noisy = F.add_noise(x, noise, torch.full_like(x[:, 0], decibels))
    # Silent noise would have to be infinitely amplified, which no sample of the item survives, not even the first.
    return torch.where(noisy[:, :1].isfinite(), noisy, x)


def _going_round(voice: Tensor, start: int, n: int) -> Tensor:
    """`n` samples of `voice` from `start` on, beginning again when it ends."""
    rolled = torch.cat([voice[start:], voice[:start]])
    return rolled.repeat(-(-n // len(rolled)))[:n] if n > len(rolled) else rolled[:n]
