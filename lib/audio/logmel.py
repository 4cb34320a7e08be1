"""The log-mel spectrogram: how loud each band of pitch is in each frame, in decibels.

>>> spectrograms = log_mels(recordings.signals)          # list of (frames, 64) float32, dB
>>> logmel = LogMel()
>>> x, frames = logmel(waves, lengths)                   # (B, frames, 64), (B,): on a CPU or a GPU

The mel scale is HTK's, `2595 · log10(1 + f / 700)` (Young et al., The HTK Book), with triangles of height 1 rather
than of area 1: that is torchaudio's default and what the published report had. Slaney's variant, librosa's
default, only moves the bands a little and adds a constant to each, which normalising removes.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn
from torchaudio.transforms import AmplitudeToDB, MelScale, Spectrogram

from lib.audio.signals import INT16_ONE, as_float, similar_lengths
from lib.data.progress import bar

BATCH_SECONDS = 30  # of audio computed at once: on one core larger batches leave the cache and are no faster
READ_AHEAD = 512  # signals in memory at once: a large set's are read from disk as they are asked for


class LogMel(nn.Module):
    """Waves → log-mel spectrograms, `10 · log10(power)` dB, never below −100 dB.

    Frame t is a Hann window of `window` samples centred on sample `t · hop`, with zeros before the first and
    after the last sample. So an item in a padded batch has exactly the frames it has alone: with torchaudio's usual
    mirrored ends they would depend on the padding. There is no limit below the loudest band either (`top_db`),
    because that would make an item depend on its batch.

    Parameters
    ----------
    rate : samples a second.
    window, hop : samples; 640 and 320 are 40 and 20 ms at 16 kHz.
    bands : mel bands from `low` to `high` Hz (None: half the rate).
    """

    def __init__(
        self,
        rate: int = 16000,
        window: int = 640,
        hop: int = 320,
        bands: int = 64,
        low: float = 0.0,
        high: float | None = None,
    ) -> None:
        super().__init__()
        if not 0 <= low < (high or rate / 2) <= rate / 2:
            raise ValueError(f"the bands must lie between 0 and {rate / 2:g} Hz, half the rate; got {low} to {high}")
        self.rate, self.hop, self.bands = rate, hop, bands
        self.stft = Spectrogram(window, hop_length=hop, power=None, pad_mode="constant")
        self.mel = MelScale(bands, rate, low, high, window // 2 + 1)
        # What it is given is power; declared as magnitude, the decibels would come out doubled.
        self.decibel = AmplitudeToDB(stype="power", top_db=None)

    def forward(
        self, waves: torch.Tensor, lengths: Sequence[int] | torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Log-mel spectrograms of a batch.

        Parameters
        ----------
        waves : (B, samples), floating point with full scale ±1, or int16.
        lengths : (B,) samples of each item; what lies behind is taken for zeros. None: all are full.

        Returns
        -------
        (B, frames, bands) float32 dB, and (B,) int64 frames of each item, `length // hop + 1`. Frames behind an
        item's own hold −100 dB.

        Raises
        ------
        ValueError
            `waves` is not of that shape or kind, or a length is not between 1 and its samples.
        """
        if waves.ndim != 2 or waves.numel() == 0:
            raise ValueError(f"waves must be (B, samples) with both at least 1, got {tuple(waves.shape)}")
        if waves.dtype == torch.int16:
            waves = waves.float() / INT16_ONE
        elif not waves.is_floating_point():
            raise ValueError(f"waves must be int16 or floating point, not {waves.dtype}")
        samples = waves.shape[1]
        if lengths is None:
            lengths = torch.full((len(waves),), samples)
        lengths = torch.as_tensor(lengths, dtype=torch.int64, device=waves.device)
        if lengths.shape != waves.shape[:1] or lengths.min() < 1 or lengths.max() > samples:
            raise ValueError(f"lengths must be {len(waves)} numbers from 1 to {samples}, got {lengths.tolist()}")
        behind = torch.arange(samples, device=waves.device) >= lengths[:, None]
        spectrograms = self.whole(waves.float().masked_fill(behind, 0))
        frames = lengths // self.hop + 1
        # A window reaches half its width past the end; those frames are none of the item's.
        beyond = torch.arange(spectrograms.shape[1], device=waves.device) >= frames[:, None]
        return spectrograms.masked_fill_(beyond[:, :, None], -100.0), frames

    def whole(self, waves: torch.Tensor) -> torch.Tensor:
        """(B, samples) float32 → (B, samples // hop + 1, bands) dB, all of it, padding included."""
        spectra = self.stft(waves)
        # Squares and sum: torchaudio's own `power=2` takes the root first and is four times slower at it.
        power = spectra.real.square().addcmul_(spectra.imag, spectra.imag)
        return self.decibel(self.mel(power)).transpose(1, 2).contiguous()


def log_mels(
    signals: Sequence[np.ndarray],
    logmel: LogMel | None = None,
    device: str | torch.device = "cpu",
    batch_seconds: float = BATCH_SECONDS,
) -> list[torch.Tensor]:
    """The log-mel spectrogram of each recording, (frames, bands) float32 dB on the CPU, in batches of similar length.

    Parameters
    ----------
    signals : 1-D arrays, int16 or floating point, at the rate of `logmel` (None: `LogMel()`, 16 kHz).
    batch_seconds : audio that is computed at once, padding included; more makes sense on a GPU.

    Raises
    ------
    ValueError
        A signal is empty, has several channels or holds NaN; the error says which.
    """
    logmel = (logmel or LogMel()).to(device)
    most = round(batch_seconds * logmel.rate)
    spectrograms = []
    # Not inference_mode: what it makes can't be saved for a backward pass.
    with torch.no_grad(), bar(total=len(signals), desc="log-mel", unit="clip") as progress:
        for start in range(0, len(signals), READ_AHEAD):
            stop = min(start + READ_AHEAD, len(signals))
            waves = [as_float(signals[i], f"signal {i}") for i in range(start, stop)]
            made = [None] * len(waves)
            for group in similar_lengths(map(len, waves), most):
                batch = np.zeros((len(group), len(waves[group[0]])), np.float32)  # the group's longest is its first
                for row, i in zip(batch, group, strict=True):
                    row[: len(waves[i])] = waves[i]
                for i, spectrogram in zip(group, logmel.whole(torch.from_numpy(batch).to(device)).cpu(), strict=True):
                    # A copy: a view would keep the padding alive.
                    made[i] = spectrogram[: len(waves[i]) // logmel.hop + 1].clone()
                progress.update(len(group))
            spectrograms += made
    return spectrograms
