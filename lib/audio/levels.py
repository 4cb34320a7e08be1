"""What is done to the samples themselves: clipping, gain, quantisation, silence in place of a piece.

Each takes (B, samples) float32, a strength, the rate and a generator, as in `lib.audio.noises`.
"""

import torch
from torch import Generator, Tensor

from lib.audio.noises import signs, uniform, with_loudness_of

PACKET = 0.02  # s


def clipping(x: Tensor, strength: float, rate: int, generator: Generator | None, others: Tensor | None) -> Tensor:
    """The loudest `strength` % of a clip's samples are cut to the same level; as loud as before.

    Samples that are exactly 0 don't count: padding has no share.
    """
    levels = torch.full_like(x[:, :1], torch.inf)
    for item, level in zip(x, levels, strict=True):
        loudness = item[item != 0].abs()
        if len(loudness):
            level[0] = loudness.kthvalue(max(1, len(loudness) - round(strength / 100 * len(loudness)))).values
    return with_loudness_of(x.clamp(-levels, levels), x)


def gain(x: Tensor, strength: float, rate: int, generator: Generator | None, others: Tensor | None) -> Tensor:
    """`strength` dB louder or softer, as likely."""
    return x * 10 ** (signs(len(x), x, generator) * strength / 20)


def quantisation(x: Tensor, strength: float, rate: int, generator: Generator | None, others: Tensor | None) -> Tensor:
    """Rounded to what `strength` bits hold, with the clip's peak as full scale: 2 bits are −1, 0 and 1."""
    steps = max(1, round(2 ** (strength - 1)) - 1)
    step = x.abs().amax(1, keepdim=True) / steps
    return torch.where(step > 0, (x / step.clamp(min=torch.finfo(x.dtype).tiny)).round() * step, x)


def time_mask(x: Tensor, strength: float, rate: int, generator: Generator | None, others: Tensor | None) -> Tensor:
    """One piece of `strength` seconds, anywhere in the clip, is silent; a clip no longer than it is silent all over."""
    n = x.shape[1]
    width = min(n, round(strength * rate))
    start = (uniform((len(x), 1), x, generator) * (n - width + 1)).long()
    sample = torch.arange(n, device=x.device)
    return x.masked_fill((sample >= start) & (sample < start + width), 0)


def packet_loss(x: Tensor, strength: float, rate: int, generator: Generator | None, others: Tensor | None) -> Tensor:
    """`strength` % of the packets of 20 ms, anywhere in the clip, are silent."""
    size = round(PACKET * rate)
    packets = -(-x.shape[1] // size)
    order = uniform((len(x), packets), x, generator).argsort(1).argsort(1)
    lost = order < round(strength / 100 * packets)
    return x.masked_fill(lost.repeat_interleave(size, 1)[:, : x.shape[1]], 0)
