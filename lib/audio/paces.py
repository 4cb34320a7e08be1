"""Sound faster or slower, higher or lower.

Each takes (B, samples) float32, a strength, the rate and a generator, as in `lib.audio.noises`. What becomes shorter
begins again from its start, so that no silence tells what was done; what becomes longer is cut.
"""

import math
from collections.abc import Callable
from fractions import Fraction

import torch
import torchaudio.functional as F
from torch import Generator, Tensor

from lib.audio.noises import signs, with_loudness_of

WINDOW = 0.064  # s, of the phase vocoder, at most: four periods of a voice at 62 Hz
SMALL = 100  # resampling by a ratio of larger numbers takes long, and none needs to be more exact


def small_ratio(ratio: float) -> tuple[int, int]:
    """Two whole numbers in about this ratio, off by under .5 %; by under .01 % at the strengths of `CORRUPTIONS`."""
    near = Fraction(ratio).limit_denominator(SMALL)
    return near.numerator, near.denominator


def speed(x: Tensor, strength: float, rate: int, generator: Generator | None, others: Tensor | None) -> Tensor:
    """`strength` % faster or slower, as likely, pitch and formants going along: a tape at another speed."""
    return _either_way(x, generator, 1 + strength / 100, 1 - strength / 100, _played)


def tempo(x: Tensor, strength: float, rate: int, generator: Generator | None, others: Tensor | None) -> Tensor:
    """`strength` % faster or slower, as likely, at the same pitch, by a phase vocoder."""
    return _either_way(
        x, generator, 1 + strength / 100, 1 - strength / 100, lambda part, pace: _stretched(part, pace, rate)
    )


def pitch(x: Tensor, strength: float, rate: int, generator: Generator | None, others: Tensor | None) -> Tensor:
    """`strength` semitones up or down, as likely, formants included, as long as before: stretched, then resampled."""

    def shifted(part: Tensor, ratio: float) -> Tensor:
        up, down = small_ratio(ratio)
        return _played(_stretched(part, down / up, rate), ratio)

    return _either_way(x, generator, 2 ** (strength / 12), 2 ** (-strength / 12), shifted)


def _either_way(
    x: Tensor,
    generator: Generator | None,
    up: float,
    down: float,
    change: Callable[[Tensor, float], Tensor],
) -> Tensor:
    """Half of the items, drawn at random, changed by `up` and the others by `down`; each as long as before."""
    which = signs(len(x), x, generator)[:, 0] > 0
    done = torch.empty_like(x)
    for rows, factor in ((which, up), (~which, down)):
        if rows.any():
            part = change(x[rows], factor)
            done[rows] = part.repeat(1, -(-x.shape[1] // part.shape[1]))[:, : x.shape[1]]
    return done


def _played(x: Tensor, ratio: float) -> Tensor:
    """All frequencies `ratio` times as high, 1/`ratio` of the samples."""
    orig, new = small_ratio(ratio)
    return F.resample(x, orig, new)


def _stretched(x: Tensor, pace: float, rate: int) -> Tensor:
    """1/`pace` of the samples at the same pitch and as loud."""
    window = 1 << (int(WINDOW * rate).bit_length() - 1)  # a power of two
    hann, hop = torch.hann_window(window, device=x.device), window // 4
    # Zeros behind, so that a clip shorter than a window has frames enough.
    padded = torch.nn.functional.pad(x, (0, window))
    spectrum = torch.stft(padded, window, hop, window=hann, pad_mode="constant", return_complex=True)
    advance = torch.linspace(0, torch.pi * hop, window // 2 + 1, device=x.device)[:, None]
    spectrum = F.phase_vocoder(spectrum, pace, advance)
    stretched = torch.istft(spectrum, window, hop, window=hann, length=math.ceil(x.shape[1] / pace))
    return with_loudness_of(stretched, x)  # the vocoder's phases no longer agree, which takes 3 dB of speech away
