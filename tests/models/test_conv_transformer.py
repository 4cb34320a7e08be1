"""The CNN-transformer."""

import pytest
import torch
from speech_models import (
    LENGTHS,
    count,
    disturbed,
    head,
    moved_in_phases,
    padding_changes,
    spectrograms,
    trainable,
    without_gradient,
)

from lib.models.conv_transformer import ConvTransformer, sinusoids


def small(**options):
    torch.manual_seed(0)
    return ConvTransformer(**{"channels": (4, 4, 6, 6, 8), "width": 16, "layers": 2, "heads": 2, **options})


def test_the_full_size_has_the_documents_layers_and_this_many_parameters():
    with torch.device("meta"):
        model = ConvTransformer()
    assert [block.conv1[0].out_channels for block in model.blocks] == [32, 32, 64, 64, 128]
    assert (model.project.in_features, model.project.out_features, len(model.transformer.layers)) == (128, 256, 3)
    convolutions = 9 * (32 + 2 * 32 * 32 + 32 * 64 + 3 * 64 * 64 + 64 * 128 + 128 * 128) + 32 * 64 + 64 * 128
    norms = 2 * (32 + 2 * 32 + 3 * 64 + 2 * 64 + 3 * 128)
    layer = 4 * 256 * 257 + 256 * 1024 * 2 + 1024 + 256 + 4 * 256
    rest = 129 * 256 + 2 * 256 + 257 * 128 + 129
    assert count(model) == count(model, only_trainable=True) == convolutions + norms + 3 * layer + rest == 2_816_609


@pytest.mark.parametrize("frames", [1, 2, 31, 32, 33, 100])
def test_any_length_gives_one_finite_logit_an_item(frames):
    logits = small()(torch.randn(2, frames, 64), torch.tensor([frames, 1]))
    assert logits.shape == (2, 1)
    assert logits.isfinite().all()


@pytest.mark.parametrize("pool", ["mean", "token"])
@pytest.mark.parametrize("extra", [0, 1, 63])
def test_padding_does_not_change_an_item_whatever_stands_in_it(pool, extra):
    assert padding_changes(disturbed(small(pool=pool)), *spectrograms(), extra) < 1e-4


def test_without_the_mask_padding_does_change_an_item():
    model, (x, lengths) = disturbed(small(masked=False)).eval(), spectrograms()
    assert not torch.allclose(model(x, lengths)[2:], model(torch.nn.functional.pad(x, (0, 0, 0, 63)), lengths)[2:])


@torch.no_grad()
def test_steps_in_another_order_are_told_apart_by_their_positions_alone():
    x, lengths = torch.randn(1, 20, 1), torch.tensor([20])
    swapped = x[:, torch.randperm(20)]
    for positions in (False, True):
        # With no convolution over time there is nothing but the positions to know the order by.
        model = small(positions=positions).eval()
        model.bands, model.blocks, model.project = 1, torch.nn.ModuleList(), torch.nn.Linear(1, 16)
        assert torch.allclose(model(x, lengths), model(swapped, lengths), atol=1e-6) is not positions


def test_positions_are_unlike_each_other_and_do_not_depend_on_how_many_there_are():
    table = sinusoids(200, 32)
    assert torch.equal(table[:50], sinusoids(50, 32))
    assert torch.cdist(table, table).fill_diagonal_(9).min() > 0.5
    assert torch.allclose(table.square().sum(1), torch.tensor(16.0))


@pytest.mark.parametrize("pool", ["mean", "token"])
def test_every_weight_gets_a_gradient(pool):
    assert without_gradient(small(pool=pool), *spectrograms()) == set()


def test_first_the_head_moves_alone_then_everything():
    model = small()
    first, second = moved_in_phases(model, *spectrograms())
    assert first == head(model)
    assert second >= trainable(model)
    assert any("running_mean" in name for name in second - trainable(model))


def test_layers_of_the_transformer_start_unlike_each_other():
    a, b = small().transformer.layers
    assert not torch.equal(a.linear1.weight, b.linear1.weight)
    assert not torch.equal(a.self_attn.in_proj_weight, b.self_attn.in_proj_weight)


def test_the_same_seed_gives_the_same_network_and_the_same_dropout():
    x, lengths = spectrograms()
    assert torch.equal(small()(x, lengths), small()(x, lengths))


def test_other_numbers_of_bands_work():
    assert small(bands=40)(torch.randn(2, 50, 40), torch.tensor([50, 9])).shape == (2, 1)


@pytest.mark.parametrize(
    ("x", "lengths", "word"),
    [
        (torch.zeros(2, 64, 50), torch.tensor([50, 50]), "64"),
        (torch.zeros(2, 50, 64), torch.tensor([51, 50]), "1 and the 50"),
        (torch.zeros(2, 50, 64), torch.tensor([0, 50]), "1 and the 50"),
        (torch.zeros(0, 50, 64), LENGTHS[:0], "empty"),
    ],
)
def test_wrong_shapes_and_lengths_are_refused(x, lengths, word):
    with pytest.raises(ValueError, match=word):
        small()(x, lengths)


@pytest.mark.parametrize("options", [{"pool": "max"}, {"width": 15}, {"width": 16, "heads": 3}])
def test_settings_that_do_not_exist_are_refused(options):
    with pytest.raises(ValueError, match=r"pool|width"):
        small(**options)
