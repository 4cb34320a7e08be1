"""Networks made for photographs, through timm, on log-mel spectrograms: a vision transformer and a ConvNet.

A spectrogram (T, bands) is turned into an image of one channel whose height is the bands, lowest first, and whose
width is time, as in the Audio Spectrogram Transformer (Gong et al. 2021, doi:10.21437/Interspeech.2021-698).
Both networks start at random or with weights learned on photographs; timm then sums the weights of the first
layer's three channels, which does the same as giving it the spectrogram three times.
"""

import math
import re
from pathlib import Path

import timm
import torch
from huggingface_hub.errors import HfHubHTTPError
from timm.models import load_state_dict
from timm.models.convnext import ConvNeXt
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn
from torch.nn.functional import pad

from lib.models.masks import check_lengths, length_mask, masked_mean, strided
from lib.models.weights import WeightsError, unreachable

STRIDE = 32  # pixels of the image to a step of ConvNeXt's last feature map


class SpectrogramViT(nn.Module):
    """Log-mel spectrograms → one logit, by a vision transformer (DeiT: Touvron et al. 2021, arXiv 2012.12877).

    An item is cut or filled up with zeros to `frames`, because there is one learned position a patch. With
    pre-trained weights timm resamples those of its 14 × 14 patches to the patches there are here. Patches of nothing
    but padding are left out of the attention, so what stands behind an item has no influence.

    Each class token has a head, and a distilled network has two; their logits are averaged (late fusion).

    Parameters
    ----------
    name : of timm's network; a `VisionTransformer` with class tokens.
    frames : an item's length inside, rounded up to whole patches. bands : a multiple of the patch's side.
    dropout : share of a class token's values set to 0 before its head, in training.
    weights : None, from scratch; "hub", what timm knows for this name; or the path of a local checkpoint of the
        same format (.safetensors or .pth; 3 channels, 224 × 224 pixels).
    options : for timm, e.g. `depth=4, embed_dim=96` for a smaller network.

    Raises
    ------
    WeightsError : the weights can't be reached, or don't fit. ValueError : bands or network of another kind.
    """

    def __init__(
        self,
        name: str = "deit_tiny_distilled_patch16_224",
        frames: int = 192,
        bands: int = 64,
        dropout: float = 0.3,
        weights: str | Path | None = None,
        **options: object,
    ) -> None:
        super().__init__()
        named = re.search(r"patch(\d+)", name)
        if named is None:
            raise ValueError(f"{name} is no vision transformer: the patch's size is not in its name")
        patch = int(options.get("patch_size", named[1]))
        if bands % patch or frames < 1:
            raise ValueError(f"bands must be a multiple of the patch's {patch} pixels, frames at least 1")
        self.bands, self.frames, self.patch = bands, math.ceil(frames / patch) * patch, patch
        network = timm_network(name, weights, img_size=(bands, self.frames), **options)
        if not isinstance(network, VisionTransformer) or network.cls_token is None:
            raise ValueError(f"{name} is no vision transformer with class tokens")
        self.network, self.width = network, network.embed_dim
        self.classes = 2 if hasattr(network, "dist_token") else 1
        self.head = TokenHeads(self.classes, self.width, dropout)

    def tokens(self, x: Tensor, lengths: Tensor) -> Tensor:
        """(B, T, bands) and (B,) frames of each → (B, tokens, width), the class tokens."""
        image, lengths = as_image(x, lengths, self.bands, self.frames)
        # Patches are numbered along time first, then along frequency.
        heard = length_mask(strided(lengths, self.patch), self.frames // self.patch)
        heard = heard.repeat(1, self.bands // self.patch)
        mask = pad(heard, (self.network.num_prefix_tokens, 0), value=True)
        return self.network.forward_features(image, attn_mask=mask[:, None, None])[:, : self.classes]

    def embed(self, x: Tensor, lengths: Tensor) -> Tensor:
        """(B, T, bands) and (B,) frames of each → (B, width), the mean of the class tokens."""
        return self.tokens(x, lengths).mean(1)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """(B, T, bands) and (B,) frames of each → (B, 1) logits."""
        return self.head(self.tokens(x, lengths))


class SpectrogramConvNeXt(nn.Module):
    """Log-mel spectrograms of any length → one logit, by ConvNeXt (Liu et al. 2022, doi:10.1109/CVPR52688.2022.01167).

    Convolutions don't care how wide the image is. The feature maps are set to zero behind an item's end, as they
    are beyond the edges of the image, and the last one is averaged over the item alone; so an item's result is the
    same whatever padding stands behind it.

    Parameters
    ----------
    name : of timm's network, a `ConvNeXt`; "convnext_atto" is a small one.
    dropout : share of the vector's values set to 0 before the head, in training.
    bands : a multiple of 32. weights : as in `SpectrogramViT`.
    options : for timm. From scratch `ls_init_value=1.0` learns faster: by default timm scales each block's share by
        1e-6 at the start, made for 300 epochs.

    Raises
    ------
    WeightsError : the weights can't be reached, or don't fit. ValueError : bands or network of another kind.
    """

    def __init__(
        self,
        name: str = "convnext_tiny",
        dropout: float = 0.2,
        bands: int = 64,
        weights: str | Path | None = None,
        **options: object,
    ) -> None:
        super().__init__()
        if bands % STRIDE:
            raise ValueError(f"bands must be a multiple of {STRIDE}, got {bands}")
        network = timm_network(name, weights, **options)
        if not isinstance(network, ConvNeXt) or "head.norm.weight" not in network.state_dict():
            raise ValueError(f"{name} is no ConvNeXt")
        self.bands, self.width = bands, network.num_features
        self.stem, self.stages, self.norm = network.stem, network.stages, network.head.norm
        self.head = nn.Sequential(nn.Dropout(dropout), _linear(self.width))

    def embed(self, x: Tensor, lengths: Tensor) -> Tensor:
        """(B, T, bands) and (B,) frames of each → (B, width)."""
        frames = math.ceil(x.shape[1] / STRIDE) * STRIDE
        x, lengths = as_image(x, lengths, self.bands, frames)
        x, lengths = self.stem(x), strided(lengths, self.stem[0].stride[1])
        for stage in self.stages:
            if isinstance(stage.downsample, nn.Sequential):  # all but the first
                x, lengths = stage.downsample(inside(x, lengths)), strided(lengths, 2)
            for block in stage.blocks:
                x = block(inside(x, lengths))
        vector = masked_mean(x.mean(2).transpose(1, 2), lengths)
        return self.norm(vector[..., None, None]).flatten(1)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """(B, T, bands) and (B,) frames of each → (B, 1) logits."""
        return self.head(self.embed(x, lengths))


class TokenHeads(nn.Module):
    """One linear layer a class token, (B, tokens, width) → (B, 1), the mean of their logits."""

    def __init__(self, tokens: int, width: int, dropout: float) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.layers = nn.ModuleList(_linear(width) for _ in range(tokens))

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, tokens, width) → (B, 1) logits."""
        tokens = self.dropout(tokens).unbind(1)
        return torch.stack([layer(x) for layer, x in zip(self.layers, tokens, strict=True)]).mean(0)


def timm_network(name: str, weights: str | Path | None, **options: object) -> nn.Module:
    """timm's network for one channel, without its classifier, with `weights` (see `SpectrogramViT`)."""
    options |= {"in_chans": 1, "num_classes": 0}
    if weights is None:
        return timm.create_model(name, **options)
    if weights == "hub":
        local = f"a checkpoint of timm's {name} (.safetensors)"
        try:
            return timm.create_model(name, pretrained=True, **options)
        except (OSError, HfHubHTTPError) as error:
            raise unreachable(f"timm's {name}", error, local) from error
    path = Path(weights)
    if not path.is_file():
        raise WeightsError(f'there is no checkpoint {path}; weights is None, "hub" or the path of a file')
    try:
        known = load_state_dict(path).keys()
        network = timm.create_model(name, pretrained=True, pretrained_cfg_overlay={"file": str(path)}, **options)
    except Exception as error:  # pickle, safetensors and torch each have errors of their own
        raise WeightsError(f"{path} is not a checkpoint of timm's {name}: {error}") from error
    # timm leaves what a checkpoint lacks at random and says so only in the log.
    missing = [key for key, _ in network.named_parameters() if key not in known]
    if missing:
        raise WeightsError(f"{path} is not a checkpoint of timm's {name}: it lacks {missing[0]}, {len(missing)} in all")
    return network


def as_image(x: Tensor, lengths: Tensor, bands: int, frames: int) -> tuple[Tensor, Tensor]:
    """(B, T, bands) → (B, 1, bands, frames), cut or filled up, zero behind each item; and the lengths after that."""
    if x.ndim != 3 or x.shape[2] != bands:
        raise ValueError(f"x must be (B, T, {bands}), got {tuple(x.shape)}")
    check_lengths(lengths, len(x), x.shape[1])
    lengths = lengths.clamp(max=frames)
    image = pad(x[:, :frames], (0, 0, 0, max(frames - x.shape[1], 0))).transpose(1, 2)[:, None]
    return inside(image, lengths), lengths


def inside(x: Tensor, lengths: Tensor) -> Tensor:
    """Feature maps (B, C, H, W) with zeros behind each item's `lengths` columns."""
    return x.masked_fill(~length_mask(lengths, x.shape[3])[:, None, None], 0)


def _linear(width: int) -> nn.Linear:
    """A head that starts at almost no opinion, whatever it reads."""
    layer = nn.Linear(width, 1)
    nn.init.trunc_normal_(layer.weight, std=0.02)
    nn.init.zeros_(layer.bias)
    return layer
