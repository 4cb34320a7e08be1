"""A small convolutional network and a transformer over log-mel spectrograms, trained from scratch.

Convolutions see short patterns of pitch and time, attention sets them in relation over the whole item, as in
CoAtNet (Dai et al. 2021, doi:10.48550/arXiv.2106.04803) and the hybrid of the vision transformer's paper
(Dosovitskiy et al. 2021, doi:10.48550/arXiv.2010.11929).
"""

import itertools
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from lib.models.masks import check_lengths, length_mask, masked_mean, strided


class ConvBlock(nn.Module):
    """A 3 × 3 convolution; with `residual` two of them, and the input added to what they give."""

    def __init__(self, inputs: int, outputs: int, residual: bool = True) -> None:
        super().__init__()
        self.conv1 = _conv(inputs, outputs, 3)
        self.residual = residual
        if residual:
            self.conv2 = _conv(outputs, outputs, 3)
            self.shortcut = nn.Identity() if inputs == outputs else _conv(inputs, outputs, 1)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """(B, inputs, T, F) and mask (B, 1, T, 1), or None → (B, outputs, T, F), nowhere negative, 0 in padding."""
        y = _inside(torch.relu(self.conv1(x)), mask)
        if self.residual:
            # Masked before each convolution: one that reads padding carries it over the item's end.
            y = _inside(torch.relu(self.conv2(y) + self.shortcut(x)), mask)
        return y


class ConvTransformer(nn.Module):
    """Log-mel spectrograms of any length → one logit.

    Blocks of convolutions, each followed by a max-pool that halves time and frequency, then the mean over
    frequency, a linear map to `width`, the transformer and an MLP. With 5 blocks a step of the transformer is
    32 frames long (0.64 s at a hop of 20 ms); a shorter item is one step.

    With `masked` the result for an item is the same whatever padding stands behind it, in eval mode. In training the
    batch norms' means are over padding too; with batches of similar length (at most 2 % of padding) that is
    accepted.

    Parameters
    ----------
    bands : frequency bands of the spectrogram.
    channels : of the convolution blocks.
    width, layers, heads, dropout : of the transformer.
    positions : add sinusoidal positions (Vaswani et al. 2017, doi:10.48550/arXiv.1706.03762). Without them the
        transformer takes its steps as a set, in no order.
    masked : keep padding out of convolutions, attention and mean. False, for comparison: `lengths` are not used.
    pool : what the head reads, the mean of the steps or a learned class "token" put before them.
    """

    def __init__(
        self,
        bands: int = 64,
        channels: Sequence[int] = (32, 32, 64, 64, 128),
        width: int = 256,
        layers: int = 3,
        heads: int = 4,
        dropout: float = 0.1,
        positions: bool = True,
        masked: bool = True,
        pool: Literal["mean", "token"] = "mean",
    ) -> None:
        super().__init__()
        if pool not in ("mean", "token"):
            raise ValueError(f'pool must be "mean" or "token"; got {pool!r}')
        if width % 2 or width % heads:
            raise ValueError(f"width must be even and a multiple of heads; got {width} and {heads}")
        self.bands, self.width, self.positions, self.masked = bands, width, positions, masked
        self.blocks = nn.ModuleList([ConvBlock(1, channels[0], residual=False)])
        self.blocks.extend(ConvBlock(a, b) for a, b in itertools.pairwise(channels))
        # A window that hangs over the end is kept, so that no frame is lost and no item vanishes.
        self.pool = nn.MaxPool2d(2, ceil_mode=True)
        self.project = nn.Linear(channels[-1], width)
        self.token = nn.Parameter(0.02 * torch.randn(1, 1, width)) if pool == "token" else None
        layer = nn.TransformerEncoderLayer(
            width, heads, 4 * width, dropout, activation="gelu", batch_first=True, norm_first=True
        )
        self.transformer = nn.TransformerEncoder(layer, layers, nn.LayerNorm(width), enable_nested_tensor=False)
        for module in self.transformer.layers:  # TransformerEncoder copies one layer: all would start alike
            module.apply(_fresh)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Sequential(
            nn.Linear(width, width // 2), nn.GELU(), nn.Dropout(dropout), nn.Linear(width // 2, 1)
        )

    def embed(self, x: Tensor, lengths: Tensor) -> Tensor:
        """(B, T, bands) and (B,) frames of each → (B, width). Raises `ValueError` for other shapes."""
        if x.ndim != 3 or x.shape[2] != self.bands:
            raise ValueError(f"x must be (B, T, {self.bands}), got {tuple(x.shape)}")
        check_lengths(lengths, len(x), x.shape[1])
        x = x[:, None]
        mask = length_mask(lengths, x.shape[2])[:, None, :, None] if self.masked else None
        x = _inside(x, mask)
        for block in self.blocks:
            # What a pool's last window reads of padding is 0, and the item's own values are not negative.
            x = self.pool(block(x, mask))
            lengths = strided(lengths, 2)
            mask = None if mask is None else mask[:, :, ::2]
        x = self.project(x.mean(3).transpose(1, 2))  # (B, steps, width)
        if self.positions:
            x = x + sinusoids(x.shape[1], self.width, x.device).to(x.dtype)
        x = self.dropout(x)
        outside = None if mask is None else ~mask[:, 0, :, 0]
        if self.token is not None:
            x = torch.cat([self.token.expand(len(x), -1, -1), x], 1)
            outside = None if outside is None else nn.functional.pad(outside, (1, 0), value=False)
        x = self.transformer(x, src_key_padding_mask=outside)
        if self.token is not None:
            return x[:, 0]
        return masked_mean(x, lengths) if self.masked else x.mean(1)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """(B, T, bands) and (B,) frames of each → (B, 1) logits."""
        return self.head(self.embed(x, lengths))


def sinusoids(steps: int, width: int, device: torch.device | None = None) -> Tensor:
    """Positions 0 … steps − 1 as (steps, width): sines, then cosines, of wavelengths from 2π to 20,000π."""
    rates = torch.exp(torch.arange(0, width, 2, device=device) * (-torch.log(torch.tensor(1e4)).item() / width))
    angles = torch.arange(steps, device=device)[:, None] * rates
    return torch.cat([angles.sin(), angles.cos()], 1)


def _conv(inputs: int, outputs: int, kernel: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False), nn.BatchNorm2d(outputs))


def _inside(x: Tensor, mask: Tensor | None) -> Tensor:
    """`x` with zeros where the mask is false."""
    return x if mask is None else x.masked_fill(~mask, 0)


def _fresh(module: nn.Module) -> None:
    """New random weights, of the same distribution."""
    if isinstance(module, nn.MultiheadAttention):
        module._reset_parameters()
    elif hasattr(module, "reset_parameters"):
        module.reset_parameters()
