"""Two views of one recording, its spectrogram and its wave, joined late."""

import torch
from torch import Tensor, nn


class Hybrid(nn.Module):
    """A network for spectrograms and one for waves; their vectors are projected, joined and classified.

    Takes over both networks: their own heads, which are not used here, are removed from them.

    Parameters
    ----------
    spectrogram_model, wave_model : with `embed(x, lengths) -> (B, C)`, `width` (that C) and `head`.
    width : of each projected vector, and of the MLP. dropout : in the MLP.
    """

    def __init__(
        self, spectrogram_model: nn.Module, wave_model: nn.Module, width: int = 128, dropout: float = 0.2
    ) -> None:
        super().__init__()
        self.spectrogram, self.wave = spectrogram_model, wave_model
        for model in (spectrogram_model, wave_model):
            model.head = nn.Identity()
        self.head = JoinedHead((spectrogram_model.width, wave_model.width), width, dropout)

    def forward(self, spectrogram: Tensor, frames: Tensor, x: Tensor, lengths: Tensor) -> Tensor:
        """(B, T, bands) with (B,) frames, and what the wave's network takes with its lengths → (B, 1) logits."""
        if len(spectrogram) != len(x):
            raise ValueError(f"{len(spectrogram)} spectrograms don't go with {len(x)} waves")
        return self.head(self.spectrogram.embed(spectrogram, frames), self.wave.embed(x, lengths))


class JoinedHead(nn.Module):
    """Vectors of `inputs` values → one logit."""

    def __init__(self, inputs: tuple[int, ...], width: int, dropout: float) -> None:
        super().__init__()
        # Normalised, so that neither network drowns the other by the mere size of its values.
        self.projections = nn.ModuleList(nn.Sequential(nn.Linear(n, width), nn.LayerNorm(width)) for n in inputs)
        self.mlp = nn.Sequential(
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(len(inputs) * width, width),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(width, 1),
        )

    def forward(self, *vectors: Tensor) -> Tensor:
        """(B, C) each → (B, 1) logits."""
        return self.mlp(torch.cat([p(v) for p, v in zip(self.projections, vectors, strict=True)], 1))
