"""A small residual network over time, for single-lead ECGs of any length.

After Hannun et al. 2019 (doi:10.1038/s41591-018-0268-3): convolutions with residual connections that halve
the rate again and again. Theirs has 34 layers and 10 million parameters; this one is made for a processor.
"""

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Block(nn.Module):
    """Two convolutions, and the input added to what they give.

    Parameters
    ----------
    inputs, outputs : channels. kernel, dilation : of the convolutions, in steps. stride : 2 halves the rate.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, dilation: int, dropout: float) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(inputs)
        self.conv1 = _conv(inputs, outputs, kernel, stride, 1)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.conv2 = _conv(outputs, outputs, kernel, 1, dilation)
        self.dropout = nn.Dropout(dropout)
        self.shortcut = nn.Identity()
        if stride > 1 or inputs != outputs:
            self.shortcut = nn.Conv2d(inputs, outputs, (1, 1), (1, stride), bias=False)
        self.stride = stride

    def forward(self, x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """(B, inputs, 1, T) and mask (B, 1, 1, T), 1 inside the record → the same at the new rate."""
        # Masked before each convolution: beyond the end there is nothing, as beyond the edge of the array.
        y = self.conv1(torch.relu(self.norm1(x)) * mask)
        kept = mask[..., :: self.stride]
        y = self.conv2(self.dropout(torch.relu(self.norm2(y))) * kept)
        return self.shortcut(x) + y, kept


def _conv(inputs: int, outputs: int, kernel: int, stride: int, dilation: int) -> nn.Conv2d:
    """A convolution over time, written in two dimensions because those are faster on processors."""
    pad = (0, dilation * (kernel // 2))
    return nn.Conv2d(inputs, outputs, (1, kernel), (1, stride), pad, (1, dilation), bias=False)


class ResidualECG(nn.Module):
    """ECGs of any length → class scores.

    Parameters
    ----------
    classes : how many. channels : of the stem and of the stages after it; each of them halves the rate.
    wide, dilations : channels of the blocks at the last rate, and how far apart their steps are. With the
        default 100 Hz become 6.25 Hz, and a step sees 9 s: several beats and the intervals between them.
    kernel : steps of the convolutions that halve the rate. dropout : share of values set to 0 in training.
    """

    def __init__(
        self,
        classes: int = 4,
        channels: Sequence[int] = (24, 32, 48, 64),
        wide: int = 96,
        kernel: int = 7,
        dilations: Sequence[int] = (1, 2, 4),
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        self.stem = _conv(1, channels[0], 15, 2, 1)
        blocks = [Block(a, b, kernel, 2, 1, dropout) for a, b in itertools.pairwise(channels)]
        last = channels[-1]
        for i, dilation in enumerate(dilations):
            blocks.append(Block(last if i == 0 else wide, wide, 5, 1, dilation, dropout))
        self.blocks = nn.ModuleList(blocks)
        self.norm = nn.BatchNorm2d(wide)
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(3 * wide, classes))
        self.to(memory_format=torch.channels_last)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """(B, T) float and (B, T) bool, true inside the record → (B, classes) scores.

        What lies outside the mask, which begins with the record, has no influence in eval mode.
        """
        if x.ndim != 2 or (mask is not None and mask.shape != x.shape):
            raise ValueError(
                f"x and mask are (B, T), got {tuple(x.shape)} and {mask is not None and tuple(mask.shape)}"
            )
        mask = torch.ones_like(x, dtype=torch.bool) if mask is None else mask
        x = (x * mask)[:, None, None]
        mask = mask[:, None, None, ::2].to(x.dtype)
        x = self.stem(x.to(memory_format=torch.channels_last))
        for block in self.blocks:
            x, mask = block(x, mask)
        x = torch.relu(self.norm(x)).float() * mask
        n = mask.sum(-1).clamp(min=1)
        mean = x.sum(-1) / n
        spread = (((x - mean[..., None]) * mask).square().sum(-1) / n + 1e-5).sqrt()
        return self.head(torch.cat([mean, spread, x.amax(-1)], 1).flatten(1))
