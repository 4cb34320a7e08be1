"""wav2vec 2.0 on the sound itself, through transformers: convolutions, a transformer, masked mean, one logit.

Baevski et al. 2020 (doi:10.48550/arXiv.2006.11477). The convolutions turn 16,000 samples a second into 50 steps;
they are kept as pre-trained, which served emotion best (Wang et al. 2021, doi:10.48550/arXiv.2111.02735), and so
can be computed once for all epochs (`extract`).
"""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Literal

import torch
import transformers
from torch import Tensor, nn
from transformers import Wav2Vec2Config, Wav2Vec2Model

from lib.models.masks import check_lengths, length_mask, masked_mean, strided
from lib.models.weights import WeightsError, unreachable

HUB = "facebook/wav2vec2-base-960h"  # 95 million parameters, trained on 960 h of read English


class Wav2Vec2Classifier(nn.Module):
    """Waves, or the convolutions' features of them, of any length → one logit.

    The result for an item is the same whatever padding stands behind it, in eval mode. wav2vec2-base normalises its
    first layer over the *whole* wave, so in a padded batch an item's features would depend on the padding. Where
    the configuration says so (`feat_extract_norm="group"`) items of equal length are computed together and others
    apart; with "layer" (see `small_config`) all at once.

    Frozen, the convolutions stay in eval mode under `.train()`. Dropout and the masking of random spans of time
    (`mask_time_prob`) belong to what is trained and act in training mode. LayerDrop is switched off, because
    processes that train together must use the same weights.

    Parameters
    ----------
    weights : None, from scratch; "hub", those of facebook/wav2vec2-base-960h; or a folder that holds such a model
        (config.json, model.safetensors).
    config : of the network from scratch; None: wav2vec2-base. Pre-trained weights bring their own.
    inputs : what `forward` is given, "waves" (B, samples) or "features" (B, steps, C) made by `extract`.
    freeze_cnn : keep the convolutions as they are. dropout : in the head. hidden : width of the head's MLP.

    Raises
    ------
    WeightsError : the weights can't be reached, or don't fit. ValueError : settings that exclude each other.
    """

    def __init__(
        self,
        weights: str | Path | None = None,
        config: Wav2Vec2Config | None = None,
        *,
        inputs: Literal["waves", "features"] = "waves",
        freeze_cnn: bool = True,
        dropout: float = 0.1,
        hidden: int = 256,
    ) -> None:
        super().__init__()
        if inputs not in ("waves", "features"):
            raise ValueError(f'inputs must be "waves" or "features"; got {inputs!r}')
        if inputs == "features" and not freeze_cnn:
            raise ValueError("features computed beforehand come from frozen convolutions: freeze_cnn must be True")
        if weights is not None and config is not None:
            raise ValueError("pre-trained weights bring their own configuration; give weights or config, not both")
        self.inputs, self.freeze_cnn = inputs, freeze_cnn
        self.network = Wav2Vec2Model(config or Wav2Vec2Config()) if weights is None else _pretrained(weights)
        self.config = self.network.config
        self.config.layerdrop = 0.0
        if freeze_cnn:
            self.network.freeze_feature_encoder()
            self.network.feature_extractor.eval()
        self.width = self.config.hidden_size
        self.head = nn.Sequential(
            nn.Dropout(dropout), nn.Linear(self.width, hidden), nn.GELU(), nn.Dropout(dropout), nn.Linear(hidden, 1)
        )

    def train(self, mode: bool = True) -> "Wav2Vec2Classifier":
        """Training mode, but for what is frozen."""
        super().train(mode)
        if self.freeze_cnn:
            self.network.feature_extractor.eval()
        return self

    def steps(self, lengths: Tensor | int) -> Tensor | int:
        """How many steps the convolutions make of so many samples: 400 give the first, every 320 another."""
        for kernel, stride in zip(self.config.conv_kernel, self.config.conv_stride, strict=True):
            lengths = strided(lengths, stride, kernel)
        return lengths

    def extract(self, waves: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """The convolutions' features.

        Parameters
        ----------
        waves : (B, samples) float at 16 kHz, mean 0 and variance 1. lengths : (B,) samples of each.

        Returns
        -------
        (B, steps, C), zero behind each item, and (B,) steps of each.

        Raises
        ------
        ValueError : shapes or lengths are wrong, or an item is too short for a single step.
        """
        if waves.ndim != 2:
            raise ValueError(f"waves must be (B, samples), got {tuple(waves.shape)}")
        check_lengths(lengths, *waves.shape)
        steps = self.steps(lengths)
        if int(steps.min()) < 1:
            raise ValueError(f"an item of {int(lengths.min())} samples is too short for one step; 400 are needed")
        cnn = self.network.feature_extractor
        with torch.no_grad() if self.freeze_cnn else nullcontext():
            if self.config.feat_extract_norm != "group":
                features = cnn(waves[:, : int(lengths.max())]).transpose(1, 2)
                return features.masked_fill(~length_mask(steps, features.shape[1])[..., None], 0), steps
            features = None
            for length in lengths.unique():
                rows = lengths == length
                part = cnn(waves[rows, : int(length)]).transpose(1, 2)
                if features is None:
                    features = part.new_zeros(len(waves), int(steps.max()), part.shape[2])
                features[rows, : part.shape[1]] = part
            return features, steps

    def embed(self, x: Tensor, lengths: Tensor) -> Tensor:
        """Waves (B, samples) and samples (B,), or features (B, steps, C) and steps (B,) → (B, width)."""
        if self.inputs == "waves":
            x, lengths = self.extract(x, lengths)
        elif x.ndim != 3 or x.shape[2] != self.config.conv_dim[-1]:
            raise ValueError(f"features must be (B, steps, {self.config.conv_dim[-1]}), got {tuple(x.shape)}")
        check_lengths(lengths, *x.shape[:2])
        # Random spans are `mask_time_length` long; transformers refuses batches shorter than that.
        short = self.config.mask_time_length - x.shape[1]
        if self.training and self.config.mask_time_prob > 0 and short > 0:
            x = nn.functional.pad(x, (0, 0, 0, short))
        mask = length_mask(lengths, x.shape[1])
        # What Wav2Vec2Model.forward does after its convolutions; that method takes nothing but waves.
        hidden, _ = self.network.feature_projection(x)
        hidden = self.network._mask_hidden_states(hidden, attention_mask=mask)
        return masked_mean(self.network.encoder(hidden, attention_mask=mask).last_hidden_state, lengths)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """As `embed` → (B, 1) logits."""
        return self.head(self.embed(x, lengths))


def small_config(**changes: object) -> Wav2Vec2Config:
    """A wav2vec 2.0 small enough to train from scratch on a processor, with the same 50 steps a second.

    Its convolutions normalise each step by itself ("layer"), so padding never touches an item. `changes` are
    settings of `transformers.Wav2Vec2Config`.
    """
    settings = {
        "hidden_size": 192,
        "num_hidden_layers": 4,
        "num_attention_heads": 4,
        "intermediate_size": 768,
        "conv_dim": (32, 48, 64, 96, 128, 128, 128),
        "conv_bias": True,
        "feat_extract_norm": "layer",
        "num_conv_pos_embeddings": 32,
        "num_conv_pos_embedding_groups": 16,
        "attention_dropout": 0.0,  # drawing random numbers for these two takes a sixth of the time
        "activation_dropout": 0.0,
    }
    return Wav2Vec2Config(**settings | changes)


def _pretrained(weights: str | Path) -> Wav2Vec2Model:
    """The model of the hub or of a folder. Raises `WeightsError`."""
    where = HUB if weights == "hub" else Path(weights)
    if weights != "hub" and not (where / "config.json").is_file():
        raise WeightsError(f'{where} holds no config.json; weights is None, "hub" or the folder of a saved model')
    try:
        with _quiet():
            network, found = Wav2Vec2Model.from_pretrained(where, dtype=torch.float32, output_loading_info=True)
    except OSError as error:
        if weights == "hub":
            raise unreachable(HUB, error, "a folder with its config.json and model.safetensors") from error
        raise WeightsError(f"the model in {where} can't be read: {error}") from error
    # The vector that stands for masked steps is not in the file; it is learned anew.
    lacking = sorted(set(found["missing_keys"]) - {"masked_spec_embed"})
    if lacking or found["mismatched_keys"]:
        raise WeightsError(f"the model in {where} is no wav2vec 2.0: it lacks {', '.join(lacking[:3]) or 'some'}")
    return network


@contextmanager
def _quiet() -> Iterator[None]:
    """No progress bar, and no report on weights that are missing: they are looked at here."""
    log = transformers.utils.logging
    level, bars = log.get_verbosity(), log.is_progress_bar_enabled()
    log.set_verbosity_error()
    log.disable_progress_bar()
    try:
        yield
    finally:
        log.set_verbosity(level)
        if bars:
            log.enable_progress_bar()
