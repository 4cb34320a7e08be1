"""What takes frequencies away from sound: filters, the telephone, a missing band.

Each takes (B, samples) float32, a strength in Hz and the rate, as in `lib.audio.noises`. The filters are zero-phase:
they move nothing in time.
"""

from collections.abc import Callable

import torch
import torchaudio.functional as F
from scipy.fft import next_fast_len
from torch import Generator, Tensor

from lib.audio.noises import uniform

ORDER = 8  # of the Butterworth filters: 48 dB an octave
RINGS = 0.25  # s that a filter may ring on, before the end of the clip would touch its beginning
TELEPHONE_LOW = 300  # Hz
MASKED_BELOW = 4000  # Hz: where speech has its energy


def low_pass(x: Tensor, strength: float, rate: int, generator: Generator | None, others: Tensor | None) -> Tensor:
    """Butterworth's response of 8th order: −3 dB at `strength` Hz, −48 dB an octave above."""
    return _filtered(x, rate, lambda hertz: _butterworth(hertz / strength))


def high_pass(x: Tensor, strength: float, rate: int, generator: Generator | None, others: Tensor | None) -> Tensor:
    """Butterworth's response of 8th order: −3 dB at `strength` Hz, −48 dB an octave below."""
    return _filtered(x, rate, lambda hertz: _butterworth(strength / hertz))  # at 0 Hz infinite, so a gain of 0


def telephone(x: Tensor, strength: float, rate: int, generator: Generator | None, others: Tensor | None) -> Tensor:
    """300 Hz to `strength` Hz through 8-bit mu-law with the clip's peak as full scale; filtered before and after."""

    def line(wave: Tensor) -> Tensor:
        return _filtered(wave, rate, lambda f: _butterworth(f / strength) * _butterworth(TELEPHONE_LOW / f))

    sent = line(x)
    peak = sent.abs().amax(1, keepdim=True)
    code = F.mu_law_encoding(sent / peak.clamp(min=torch.finfo(x.dtype).tiny), 256)
    return line(F.mu_law_decoding(code, 256) * peak)


def band_mask(x: Tensor, strength: float, rate: int, generator: Generator | None, others: Tensor | None) -> Tensor:
    """Nothing is left of a band `strength` Hz wide, anywhere between 0 and 4,000 Hz."""
    low = uniform((len(x), 1), x, generator) * (MASKED_BELOW - strength)
    return _filtered(x, rate, lambda hertz: ((hertz < low) | (hertz > low + strength)).to(x.dtype))


def _butterworth(ratio: Tensor) -> Tensor:
    """The gain at `ratio` times the edge."""
    return (1 + ratio ** (2 * ORDER)).rsqrt()


def _filtered(x: Tensor, rate: int, gain: Callable[[Tensor], Tensor]) -> Tensor:
    """`x` with each frequency in Hz multiplied by its gain, (frequencies,) or (B, frequencies)."""
    n = next_fast_len(x.shape[1] + int(RINGS * rate), real=True)
    hertz = torch.fft.rfftfreq(n, 1 / rate, device=x.device)
    return torch.fft.irfft(torch.fft.rfft(x, n) * gain(hertz), n)[:, : x.shape[1]]
