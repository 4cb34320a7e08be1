"""The network of the report on rice leaves, block by block, and the batches it is trained on."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from sweep_unit import defined
from torch import nn
from torchvision.models.resnet import BasicBlock

from lib.publish.project import ROOT

NOTEBOOK = ROOT / "projects" / "resnet_from_scratch.ipynb"


@pytest.fixture(scope="module")
def made_up():
    """What the sweep defines."""
    return defined(NOTEBOOK, ("network",), "synthetic")


def restless(module):
    """The module in double precision with random biases, scales and running statistics, as after a training."""
    generator = torch.Generator().manual_seed(1)
    for part in module.double().modules():
        if isinstance(part, nn.Conv2d):
            nn.init.normal_(part.bias, generator=generator)
        if isinstance(part, nn.BatchNorm2d):
            for values in (part.weight, part.bias, part.running_mean):
                nn.init.normal_(values, generator=generator)
            nn.init.uniform_(part.running_var, 0.5, 2, generator=generator)
    return module


def as_torchvision_s(block, slope):
    """Torchvision's block, which has no biases before batch norm, with the weights of ours.

    A bias moves the mean that batch norm takes away: gone in training, taken up by the running mean in evaluation.
    """
    outputs, inputs = block.first[0].weight.shape[:2]
    past = nn.Sequential(nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs))
    other = BasicBlock(inputs, outputs, downsample=past).double()
    other.relu = nn.LeakyReLU(slope)
    theirs = {"first.0": "conv1", "first.1": "bn1", "second.0": "conv2", "second.1": "bn2"}
    theirs |= {"skip.0": "downsample.0", "skip.1": "downsample.1"}
    ours = {k: v.clone() for k, v in block.state_dict().items()}
    for place in ("first", "second", "skip"):
        ours[f"{place}.1.running_mean"] -= ours.pop(f"{place}.0.bias")
    names = {k: k.rsplit(".", 1) for k in ours}
    other.load_state_dict({f"{theirs[place]}.{last}": ours[k] for k, (place, last) in names.items()})
    return other


@pytest.mark.parametrize("outputs", [32, 64])
@pytest.mark.parametrize("training", [True, False])
def test_a_residual_block_does_the_same_as_torchvision_s(made_up, outputs, training):
    torch.manual_seed(0)
    block = restless(made_up["ResidualBlock"](32, outputs)).train(training)
    x, slopes = torch.randn(4, 32, 9, 7).double(), torch.randn(4, outputs, 9, 7).double()
    found = []
    for one in (block, as_torchvision_s(block, made_up["SLOPE"]).train(training)):
        given = x.clone().requires_grad_()
        out = one(given)
        out.backward(slopes)
        found.append((out.detach(), given.grad))
    for ours, theirs in zip(*found, strict=True):
        assert torch.allclose(ours, theirs, atol=1e-9)
        assert ours.abs().mean() > 0.01


def test_with_ten_classes_the_network_has_the_published_number_of_weights(made_up):
    network = made_up["RiceNet"](classes=10)
    assert sum(p.numel() for p in network.parameters() if p.requires_grad) == 503_498


@pytest.mark.parametrize("size", [(64, 64), (96, 96), (40, 72), (16, 16)])
@pytest.mark.parametrize("classes", [3, 10])
def test_the_network_takes_pictures_of_any_size(made_up, size, classes):
    network = made_up["RiceNet"](classes).eval()
    assert network(torch.zeros(2, 3, *size)).shape == (2, classes)


@pytest.mark.parametrize(("skip", "given"), [("none", 0.0), ("identity", 1.0)])
def test_a_block_that_finds_nothing_passes_on_what_its_skip_says(made_up, skip, given):
    block = made_up["ResidualBlock"](8, 8, skip, norm=False)
    nn.init.zeros_(block.second[0].weight)
    nn.init.zeros_(block.second[0].bias)
    x = torch.rand(2, 8, 5, 5)
    assert torch.equal(block(x), given * x)


def test_an_identity_skip_projects_only_where_the_channels_differ(made_up):
    sizes = [
        (part.first[0].in_channels, part.first[0].out_channels, isinstance(part.skip, nn.Identity))
        for part in made_up["RiceNet"](4, skip="identity").modules()
        if isinstance(part, made_up["ResidualBlock"])
    ]
    assert len(sizes) == 6
    assert [identity for *_, identity in sizes] == [inputs == outputs for inputs, outputs, _ in sizes]
    assert {identity for *_, identity in sizes} == {True, False}


@pytest.mark.parametrize("skip", ["projection", "identity", "none"])
def test_without_batch_norm_none_is_left_and_without_skip_no_one_by_one(made_up, skip):
    parts = list(made_up["RiceNet"](4, skip=skip, norm=False).modules())
    assert not any(isinstance(part, nn.BatchNorm2d) for part in parts)
    assert made_up["RiceNet"](4, norm=False)(torch.randn(1, 3, 32, 32)).isfinite().all()
    pointwise = [part for part in parts if isinstance(part, nn.Conv2d) and part.kernel_size == (1, 1)]
    assert len(pointwise) == {"projection": 6, "identity": 2, "none": 0}[skip]


def test_each_variant_of_the_sweep_differs_from_the_network_as_built_in_what_it_says(made_up):
    network = {name: made_up["RiceNet"](4, **given) for name, given in made_up["VARIANTS"].items()}
    kinds = {name: [type(part) for part in one.modules()] for name, one in network.items()}
    assert kinds["as built"] == kinds["no augmentation"]
    assert nn.BatchNorm2d not in kinds["no batch norm"]
    convolutions = {name: kind.count(nn.Conv2d) for name, kind in kinds.items()}
    assert convolutions["as built"] == convolutions["no batch norm"] == 19
    assert convolutions["no skip"] == 13


def test_he_s_initialisation_keeps_the_size_of_values_in_a_deep_stack_and_pytorch_s_does_not(made_up):
    torch.manual_seed(0)
    x, kept = torch.randn(4, 32, 48, 48), {}
    for name in ("He's", "PyTorch's"):
        deep = nn.Sequential(*(made_up["ResidualBlock"](32, 32, "none", norm=False) for _ in range(16)))
        if name == "He's":
            deep.apply(made_up["initialise"])
        with torch.no_grad():
            kept[name] = float(deep(x).square().mean().sqrt())
    assert 1 / 4 < kept["He's"] < 4
    assert kept["PyTorch's"] < 0.05


def test_biases_before_batch_norm_do_nothing_in_training(made_up):
    torch.manual_seed(0)
    network, x = made_up["RiceNet"](4).double(), torch.randn(4, 3, 32, 32).double()
    changed = made_up["RiceNet"](4).double()
    changed.load_state_dict(network.state_dict())
    idle = [part[0].bias for part in changed.modules() if isinstance(part, nn.Sequential) and len(part) == 2]
    assert sum(len(bias) for bias in idle) == 3 * 32 + 3 * 32 + 3 * 64 * 3 + 3 * 128 + 32
    for bias in idle:
        nn.init.normal_(bias)
    assert torch.allclose(network(x), changed(x), atol=1e-8)
    assert not torch.allclose(network.eval()(x), changed.eval()(x), atol=0.01), "in evaluation the mean is fixed"


def test_turning_keeps_the_shape_the_range_and_a_single_colour(made_up):
    torch.manual_seed(0)
    x = torch.rand(1, 3, 24, 24).repeat(16, 1, 1, 1)
    turned = made_up["turned"](x)
    assert turned.shape == x.shape
    assert turned.min() >= x.min() - 1e-5
    assert turned.max() <= x.max() + 1e-5
    plain = torch.rand(16, 3, 1, 1).expand(16, 3, 24, 24)
    assert torch.allclose(made_up["turned"](plain), plain, atol=1e-5)


def test_each_picture_is_turned_in_another_way(made_up):
    torch.manual_seed(0)
    turned = made_up["turned"](torch.rand(1, 3, 24, 24).repeat(16, 1, 1, 1))
    apart = (turned[:, None] - turned[None]).abs().mean((2, 3, 4))
    assert (apart + torch.eye(16) > 0.02).all()


@pytest.fixture
def colours():
    """Thirty pictures of ten families, each of one colour of its own, in three classes."""
    torch.manual_seed(0)
    groups = np.arange(30) // 3
    return torch.rand(30, 3, 1, 1).expand(30, 3, 16, 16).contiguous(), groups % 3, groups


def drawn(batches, seed=0):
    """The pictures and the targets of one epoch."""
    torch.manual_seed(seed)
    found = list(batches)
    assert len(found) == len(batches)
    return tuple(torch.cat(part) for part in zip(*found, strict=True))


@pytest.mark.parametrize("augment", [True, False])
def test_a_seed_decides_the_batches(made_up, colours, augment):
    batches = made_up["LeafBatches"](*colours, 3, augment)
    first, again, other = drawn(batches), drawn(batches), drawn(batches, seed=1)
    for a, b, c in zip(first, again, other, strict=True):
        assert torch.equal(a, b)
        assert not torch.equal(a, c)


def test_pictures_and_their_targets_are_mixed_in_the_same_shares(made_up):
    torch.manual_seed(0)
    hue = torch.randn(3, 3)  # of each class
    y = np.arange(30) % 3
    batches = made_up["LeafBatches"](hue[y][:, :, None, None].expand(30, 3, 16, 16).contiguous(), y, np.arange(30), 3)
    x, targets = drawn(batches)
    assert torch.allclose(targets.sum(1), torch.ones(len(targets)), atol=1e-5)
    assert (targets >= 0).all()
    assert ((targets > 0).sum(1) <= 2).all()
    assert ((targets > 0.05) & (targets < 0.95)).any(), "some are mixed"
    assert torch.allclose(x, (targets @ hue)[:, :, None, None].expand_as(x), atol=1e-4)


def test_without_augmentation_pictures_come_as_they_are_with_their_own_class(made_up, colours):
    images, y, groups = colours
    x, targets = drawn(made_up["LeafBatches"](images, y, groups, 3, augment=False))
    member = (x[:, None, :, 0, 0] == images[None, :, :, 0, 0]).all(2)
    assert (member.sum(1) == 1).all()
    assert torch.equal(x, images[member.int().argmax(1)])
    assert set(targets.unique().tolist()) == {0, 1}
    assert np.array_equal(targets.argmax(1), y[member.int().argmax(1)])
    assert member.any(0).all(), "every picture's turn comes"


def test_a_photograph_of_k_copies_is_drawn_as_often_as_the_root_of_k(made_up):
    groups = np.repeat([0, 1, 2], [1, 4, 9])
    batches = made_up["LeafBatches"](torch.zeros(14, 3, 2, 2), groups, groups, 3, augment=False)
    counts = sum(drawn(batches, seed)[1].sum(0) for seed in range(5)).numpy()
    n, wanted = counts.sum(), np.array([1, 2, 3]) / 6
    assert n == 5 * len(batches) * batches.SIZE
    assert (abs(counts / n - wanted) < 4 * np.sqrt(wanted * (1 - wanted) / n)).all()


def as_trained(made_up, network, x):
    """What `settle` reads of a training: the network and its batches."""
    batches = made_up["LeafBatches"](x, np.zeros(len(x), int), np.arange(len(x)), 4)
    return SimpleNamespace(model=network, config=SimpleNamespace(train=batches))


def test_a_settled_network_says_in_evaluation_what_it_says_in_training(made_up):
    torch.manual_seed(0)
    # One picture many times: whichever are drawn, batch norm finds the same mean and variance.
    network, x = made_up["RiceNet"](4), torch.randn(1, 3, 32, 32).repeat(16, 1, 1, 1)
    unsettled = network.eval()(x).detach()
    made_up["settle"](as_trained(made_up, network, x))
    assert not network.training
    settled = network(x).detach()
    trained = network.train()(x).detach()
    assert (settled - trained).abs().max() < 0.02 * (unsettled - trained).abs().max()


def test_settling_does_nothing_without_batch_norm(made_up):
    network, x = made_up["RiceNet"](4, norm=False), torch.randn(4, 3, 32, 32)
    before = network(x)
    made_up["settle"](as_trained(made_up, network, x))
    assert torch.equal(before, network(x))
