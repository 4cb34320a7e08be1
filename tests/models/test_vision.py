"""The vision transformer and ConvNeXt on spectrograms."""

import copy

import huggingface_hub.constants
import pytest
import timm
import torch
from safetensors.torch import save_file
from speech_models import (
    count,
    disturbed,
    head,
    moved_in_phases,
    padding_changes,
    spectrograms,
    trainable,
    without_gradient,
)
from timm.layers import resample_abs_pos_embed

from lib.models.vision import SpectrogramConvNeXt, SpectrogramViT
from lib.models.weights import WeightsError

DEIT, ATTO = "deit_tiny_distilled_patch16_224", "convnext_atto"
TINY_DEIT = {"depth": 2, "embed_dim": 24, "num_heads": 2}
TINY_CONVNEXT = {"depths": (1, 1, 2, 1), "dims": (8, 8, 12, 16), "ls_init_value": 1.0}


def vit(**options):
    torch.manual_seed(0)
    return SpectrogramViT(**{"frames": 100, **TINY_DEIT, **options})


def convnext(**options):
    torch.manual_seed(0)
    return SpectrogramConvNeXt(**{"name": ATTO, **TINY_CONVNEXT, **options})


MODELS = {"vit": vit, "convnext": convnext}


@pytest.fixture(params=MODELS)
def make(request):
    return MODELS[request.param]


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    """Random checkpoints as the hub has them: 3 channels, 224 × 224 pixels, 1,000 classes. {name: (path, weights)}"""
    torch.manual_seed(1)
    folder, made = tmp_path_factory.mktemp("checkpoints"), {}
    for name, options in [(DEIT, TINY_DEIT), (ATTO, TINY_CONVNEXT)]:
        state = disturbed(timm.create_model(name, **options)).state_dict()
        made[name] = folder / f"{name}.safetensors", state
        save_file(state, made[name][0])
    torch.save(made[DEIT][1], folder / "deit.pth")
    return made


def test_deit_tiny_with_one_channel_and_two_heads_of_one_logit_has_this_many_parameters():
    with torch.device("meta"):
        model = SpectrogramViT(frames=192)
    # 16 × 16 pixels of 1 channel; 2 tokens and 4 × 12 patches; 12 blocks; a norm; 2 heads.
    block = 4 * 192 * 193 + 2 * 192 * 768 + 768 + 192 + 4 * 192
    patches, positions = 192 * 257, (2 + 4 * 12) * 192
    assert count(model) == patches + positions + 2 * 192 + 12 * block + 2 * 192 + 2 * 193 == 5_398_466
    assert count(model.head) == 2 * (192 + 1)
    assert count(model, only_trainable=True) == count(model)


def test_convnext_tiny_with_one_channel_and_one_logit_has_this_many_parameters():
    with torch.device("meta"):
        model = SpectrogramConvNeXt()
        published = timm.create_model("convnext_tiny")
    assert count(published) == 28_589_128  # with 1,000 classes
    assert count(model) == count(published) - 2 * 16 * 96 - 999 * 769 == 27_817_825
    assert count(model, only_trainable=True) == count(model)


@pytest.mark.parametrize("frames", [1, 16, 50, 97, 130])
def test_any_length_gives_one_finite_logit_an_item(make, frames):
    logits = make()(torch.randn(2, frames, 64), torch.tensor([frames, 1]))
    assert logits.shape == (2, 1)
    assert logits.isfinite().all()


@pytest.mark.parametrize("extra", [0, 1, 63])
def test_padding_does_not_change_an_item_whatever_stands_in_it(make, extra):
    assert padding_changes(disturbed(make()), *spectrograms(), extra) < 1e-4


def test_every_weight_gets_a_gradient(make):
    assert without_gradient(make(), *spectrograms()) == set()


def test_first_all_heads_move_alone_then_everything(make):
    model = make()
    first, second = moved_in_phases(model, *spectrograms())
    assert first == head(model)
    assert second == trainable(model)
    assert len(first) == 2 * (2 if make is vit else 1)


def test_the_same_seed_gives_the_same_network_and_the_same_dropout(make):
    x, lengths = spectrograms()
    assert torch.equal(make()(x, lengths), make()(x, lengths))


def test_wrong_shapes_and_lengths_are_refused(make):
    for x, lengths in [((2, 64, 50), [50, 50]), ((2, 50, 64), [51, 50]), ((2, 50, 64), [0, 50]), ((0, 50, 64), [])]:
        with pytest.raises(ValueError, match=r"64|between|empty"):
            make()(torch.zeros(x), torch.tensor(lengths, dtype=torch.int64))


@torch.no_grad()
def test_the_image_has_low_bands_in_its_first_rows_and_time_from_left_to_right():
    x = torch.zeros(1, 96, 64)
    x[0, 40, 20] = 1.0  # patch row 1, column 2
    for make, side in [(vit, 16), (convnext, 4)]:
        model, maps = make().eval(), []
        layer = model.network.patch_embed.proj if make is vit else model.stem[0]
        layer.register_forward_hook(lambda _, __, out, maps=maps: maps.append(out))
        model(torch.cat([x, 0 * x]), torch.tensor([96, 96]))
        lit = (maps[0][0] - maps[0][1]).abs().sum(0).nonzero()
        assert lit.tolist() == [[20 // side, 40 // side]]


@torch.no_grad()
def test_an_item_longer_than_the_vit_is_cut_and_the_end_has_no_influence():
    model, x = vit(frames=96).eval(), torch.randn(2, 120, 64)
    changed = x.clone()
    changed[:, 96:] += 5
    assert model.frames == 96
    assert torch.equal(model(x, torch.tensor([120, 120])), model(changed, torch.tensor([120, 96])))


@torch.no_grad()
def test_patches_of_nothing_but_padding_are_not_attended_to():
    torch.manual_seed(0)
    model, (x, lengths) = disturbed(vit()).eval(), spectrograms(torch.tensor([100, 60, 33]))
    before, positions = model(x, lengths), model.network.pos_embed[0, 2:].view(4, 7, -1)
    positions[:, 4:] += torch.randn(24)  # the patches from frame 64 on
    changed = (model(x, lengths) - before).abs().flatten()
    assert changed[0] > 1e-2
    assert changed[1:].max() < 1e-6
    positions[:, 3] += torch.randn(24)  # those from frame 48 on
    changed = (model(x, lengths) - before).abs().flatten()
    assert changed[1] > 1e-3
    assert changed[2] < 1e-6


@torch.no_grad()
def test_the_logit_is_the_mean_of_both_heads():
    model, (x, lengths) = disturbed(vit()).eval(), spectrograms()
    first, second = model.tokens(x, lengths).unbind(1)
    a, b = model.head.layers
    assert torch.allclose(model(x, lengths), (a(first) + b(second)) / 2)
    assert not torch.allclose(a(first), b(second), atol=1e-3)


@torch.no_grad()
def test_an_unpadded_item_gives_what_timms_own_network_gives():
    x, lengths = torch.randn(2, 96, 64), torch.tensor([96, 96])
    model = disturbed(vit(frames=96)).eval()
    theirs = timm.create_model(DEIT, in_chans=1, num_classes=1, img_size=(64, 96), **TINY_DEIT).eval()
    theirs.load_state_dict(model.network.state_dict(), strict=False)
    theirs.head, theirs.head_dist = model.head.layers
    assert torch.allclose(model(x, lengths), theirs(x.transpose(1, 2)[:, None]), atol=1e-5)
    model = disturbed(convnext()).eval()
    theirs = timm.create_model(ATTO, in_chans=1, num_classes=1, **TINY_CONVNEXT).eval()
    theirs.load_state_dict({n: v for n, v in model.state_dict().items() if "head" not in n}, strict=False)
    theirs.head.norm, theirs.head.fc = model.norm, model.head[1]
    assert torch.allclose(model(x, lengths), theirs(x.transpose(1, 2)[:, None]), atol=1e-5)


def test_a_plain_transformer_has_one_head():
    model = vit(name="deit_tiny_patch16_224")
    assert len(model.head.layers) == 1
    assert model(*spectrograms()).shape == (6, 1)


def test_a_checkpoints_weights_arrive_with_channels_summed_and_positions_resampled(checkpoints):
    path, given = checkpoints[DEIT]
    got = vit(weights=path).network.state_dict()
    assert torch.allclose(got.pop("patch_embed.proj.weight"), given["patch_embed.proj.weight"].sum(1, keepdim=True))
    resampled = resample_abs_pos_embed(given["pos_embed"], new_size=(4, 7), old_size=(14, 14), num_prefix_tokens=2)
    assert torch.equal(got.pop("pos_embed"), resampled)
    assert got.keys() <= given.keys()
    assert all(torch.equal(value, given[name]) for name, value in got.items())

    path, given = checkpoints[ATTO]
    got = {name.replace("norm.", "head.norm.") if name.startswith("norm.") else name: value
           for name, value in convnext(weights=path).state_dict().items()}  # fmt: skip
    assert torch.allclose(got.pop("stem.0.weight"), given["stem.0.weight"].sum(1, keepdim=True))
    assert {name for name in got if name not in given} == {"head.1.weight", "head.1.bias"}
    assert all(torch.equal(value, given[name]) for name, value in got.items() if name in given)


def test_a_checkpoint_of_pickled_weights_loads_as_well(checkpoints):
    path, _ = checkpoints[DEIT]
    assert torch.equal(vit(weights=path.parent / "deit.pth").network.pos_embed, vit(weights=path).network.pos_embed)


def test_loaded_weights_are_trained_in_the_same_two_phases(checkpoints):
    model = vit(weights=checkpoints[DEIT][0])
    start = copy.deepcopy(model.network.state_dict())
    first, second = moved_in_phases(model, *spectrograms())
    assert (first, second) == (head(model), trainable(model))
    assert not torch.equal(start["blocks.0.mlp.fc1.weight"], model.network.state_dict()["blocks.0.mlp.fc1.weight"])


def test_weights_of_another_network_are_refused(checkpoints, tmp_path):
    with pytest.raises(WeightsError, match="is not a checkpoint of timm's deit"):
        vit(weights=checkpoints[ATTO][0])
    with pytest.raises(WeightsError, match="is not a checkpoint of timm's convnext_atto"):
        convnext(weights=checkpoints[DEIT][0])
    with pytest.raises(WeightsError, match="is not a checkpoint"):
        vit(weights=checkpoints[DEIT][0], embed_dim=48)
    half = dict(list(checkpoints[DEIT][1].items())[:9])
    save_file(half, tmp_path / "half.safetensors")
    with pytest.raises(WeightsError, match="lacks"):
        vit(weights=tmp_path / "half.safetensors")
    (tmp_path / "broken.safetensors").write_bytes(b"not weights")
    with pytest.raises(WeightsError, match="is not a checkpoint"):
        vit(weights=tmp_path / "broken.safetensors")
    with pytest.raises(WeightsError, match="there is no checkpoint"):
        vit(weights=tmp_path / "none.safetensors")


def test_an_unreachable_hub_says_how_to_go_on(make, monkeypatch, tmp_path):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(WeightsError, match=r"(?s)hub.*HF_HUB_OFFLINE.*weights=PATH.*weights=None"):
        make(weights="hub")


@pytest.mark.parametrize(
    "build",
    [
        lambda: vit(name=ATTO),
        lambda: vit(bands=50),
        lambda: SpectrogramConvNeXt("resnet18"),
        lambda: convnext(bands=40),
    ],
)
def test_other_networks_and_numbers_of_bands_are_refused(build):
    with pytest.raises(ValueError, match=r"is no|bands"):
        build()
