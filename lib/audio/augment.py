"""Random changes of a training item that leave its label: masks, loudness, pitch, pace.

>>> augment = Augment(time_masks=(2, 25), band_masks=(2, 8), gain=6 / sd, shift=2, stretch=0.1)
>>> train = Spectrograms(log_mels, targets, mean, sd, augment)

All work on a *normalised* log-mel spectrogram, (frames, bands), where 0 is the training part's mean. They draw from
PyTorch's own random generator, which `lib.training` seeds for each batch, also in worker processes.
"""

import math

import torch
import torch.nn.functional as F

TIME_SHARE = 0.2  # the most of a clip that one time mask may hide: Park et al.'s p


class Augment:
    """Each change drawn anew for each item; what is left at 0 is not done.

    Parameters
    ----------
    time_masks, band_masks : (how many, widest) masks over frames and over bands, as SpecAugment has them (Park et al.
        2019, doi:10.21437/Interspeech.2019-2680): of a width from 0 to `widest` and anywhere in the item, filled
        with 0, the mean. A time mask hides at most a fifth of the clip.
    gain : the whole item is made louder or softer by up to this much, in the item's units: `6 / sd` for 6 dB.
    shift : all is moved up or down by up to this many bands, fractions included; the outermost band is repeated.
        A different vocal tract or pitch (after Jaitly and Hinton 2013, who warp the axis for the same purpose).
    stretch : the clip is made slower or faster by up to this fraction, by interpolation between frames: 0.1 gives
        from 1/1.1 to 1.1 of its frames.
    """

    def __init__(
        self,
        time_masks: tuple[int, int] = (0, 0),
        band_masks: tuple[int, int] = (0, 0),
        gain: float = 0.0,
        shift: float = 0.0,
        stretch: float = 0.0,
    ) -> None:
        if min(*time_masks, *band_masks, gain, shift, stretch) < 0:
            raise ValueError("how much to change can't be negative")
        self.time_masks, self.band_masks = time_masks, band_masks
        self.gain, self.shift, self.stretch = gain, shift, stretch

    def __call__(self, x: torch.Tensor, generator: torch.Generator | None = None) -> torch.Tensor:
        """A changed copy of `x` (frames, bands), a normalised log-mel spectrogram; with `stretch` of other frames."""
        if x.ndim != 2 or x.numel() == 0:
            raise ValueError(f"an item is (frames, bands), got {tuple(x.shape)}")
        (time_masks, longest), (band_masks, widest) = self.time_masks, self.band_masks
        # All of an item's draws at once: one call costs as much as a thousand numbers.
        draws = iter(torch.rand(3 + 2 * (time_masks + band_masks), generator=generator).tolist())
        pace, pitch, loudness = (2 * next(draws) - 1 for _ in range(3))
        if self.stretch:
            frames = max(1, round(len(x) * math.exp(pace * math.log1p(self.stretch))))
            size = (frames, x.shape[1])
            x = F.interpolate(x[None, None], size, mode="bilinear", align_corners=True)[0, 0]
        if self.shift:
            x = _shifted(x, pitch * self.shift)
        x = x + loudness * self.gain  # also what makes it a copy
        for _ in range(time_masks):
            start, width = _span(len(x), min(longest, int(TIME_SHARE * len(x))), next(draws), next(draws))
            x[start : start + width] = 0
        for _ in range(band_masks):
            start, width = _span(x.shape[1], min(widest, x.shape[1]), next(draws), next(draws))
            x[:, start : start + width] = 0
        return x


def mask_batch(
    x: torch.Tensor,
    lengths: torch.Tensor,
    time_masks: tuple[int, int] = (2, 25),
    band_masks: tuple[int, int] = (2, 8),
    generator: torch.Generator | None = None,
) -> torch.Tensor:
    """`Augment`'s masks for a padded batch at once, on its device: each item its own, within its own frames.

    Parameters
    ----------
    x : (B, frames, bands) normalised, padded with zeros behind `lengths` (B,) frames.
    time_masks, band_masks : as in `Augment`.

    Returns
    -------
    (B, frames, bands), a copy.
    """
    if x.ndim != 3 or len(lengths) != len(x):
        raise ValueError(f"a batch is (B, frames, bands) with B lengths, got {tuple(x.shape)} and {len(lengths)}")
    lengths = torch.as_tensor(lengths, device=x.device)
    bands = torch.full_like(lengths, x.shape[2])
    in_time = _hidden(
        x.shape[1], lengths, (TIME_SHARE * lengths).long().clamp(max=time_masks[1]), time_masks, generator
    )
    in_band = _hidden(x.shape[2], bands, bands.clamp(max=band_masks[1]), band_masks, generator)
    return x.masked_fill(in_time[:, :, None] | in_band[:, None, :], 0)


def _span(size: int, widest: int, width: float, start: float) -> tuple[int, int]:
    """Where a mask begins and how wide it is, from two numbers in [0, 1)."""
    width = int(width * (widest + 1))
    return int(start * (size - width + 1)), width


def _hidden(
    steps: int, sizes: torch.Tensor, widest: torch.Tensor, masks: tuple[int, int], generator: torch.Generator | None
) -> torch.Tensor:
    """(B, steps) bool: what `masks[0]` spans of up to `widest` (B,) steps within the first `sizes` (B,) hide."""
    # Drawn where the generator lives, so that a seed means the same masks on a CPU and on a GPU.
    device = generator.device if generator is not None else "cpu"
    width, start = torch.rand(2, len(sizes), masks[0], generator=generator, device=device).to(sizes.device)
    width = (width * (widest[:, None] + 1)).long()
    start = (start * (sizes[:, None] - width + 1)).long()
    step = torch.arange(steps, device=sizes.device)
    return ((step >= start[:, :, None]) & (step < (start + width)[:, :, None])).any(1)


def _shifted(x: torch.Tensor, bands: float) -> torch.Tensor:
    """`x` (frames, bands) moved up by so many bands, by linear interpolation; the outermost are repeated."""
    beyond = math.ceil(abs(bands))
    padded = torch.cat([x[:, :1].expand(-1, beyond), x, x[:, -1:].expand(-1, beyond + 1)], 1)
    below = math.floor(beyond - bands)
    fraction = beyond - bands - below
    n = x.shape[1]
    return torch.lerp(padded[:, below : below + n], padded[:, below + 1 : below + 1 + n], fraction)
