"""The residual network for ECGs."""

import pytest
import torch
import torch.nn.functional as F

from lib.models.residual import ResidualECG


def small(**options):
    torch.manual_seed(0)
    return ResidualECG(**{"classes": 2, "channels": (6, 8, 8), "wide": 8, "dilations": (1, 2), **options})


@pytest.mark.parametrize("steps", [1, 15, 16, 100, 333])
@pytest.mark.parametrize("classes", [1, 4])
def test_any_length_gives_one_row_of_finite_scores_a_record(steps, classes):
    scores = small(classes=classes)(torch.randn(3, steps))
    assert scores.shape == (3, classes)
    assert scores.isfinite().all()


@pytest.mark.parametrize("length", [1, 97, 128, 150])
def test_padding_does_not_change_the_scores_whatever_stands_in_it(length):
    network = small().eval()
    # Running means and weights that are not those of a fresh network, so that a zero isn't mapped to zero.
    with torch.no_grad():
        for name, value in [*network.named_parameters(), *network.named_buffers()]:
            if value.is_floating_point():
                value += 0.1 * torch.rand_like(value) + (0.3 if "running_mean" in name else 0)
    x = torch.randn(2, length)
    padded = torch.cat([x, 100 * torch.randn(2, 57)], 1)
    mask = torch.arange(length + 57).expand(2, -1) < length
    assert torch.allclose(network(padded, mask), network(x), atol=1e-5)
    assert not torch.allclose(network(padded), network(x), atol=1e-2)


def test_a_record_of_padding_only_gives_finite_scores():
    assert small().eval()(torch.zeros(1, 50), torch.zeros(1, 50, dtype=torch.bool)).isfinite().all()


def test_records_of_a_batch_do_not_influence_each_other_in_eval_mode():
    network = small().eval()
    x = torch.randn(3, 80)
    assert torch.allclose(network(x)[:1], network(x[:1]), atol=1e-6)


def test_every_weight_gets_a_gradient():
    network = small()
    network(torch.randn(4, 200)).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters())


def test_the_default_network_is_small():
    assert 100_000 < sum(p.numel() for p in ResidualECG().parameters()) < 400_000


@pytest.mark.parametrize(("x", "mask"), [((3, 1, 50), None), ((50,), None), ((3, 50), (3, 49))])
def test_wrong_shapes_are_refused(x, mask):
    with pytest.raises(ValueError, match=r"\(B, T\)"):
        small()(torch.zeros(x), None if mask is None else torch.ones(mask, dtype=torch.bool))


def pulses(n, irregular, steps=400):
    """Pulses every 40 steps, or at random distances: (n, steps)."""
    x = 0.1 * torch.randn(n, steps)
    for row in x:
        gaps = torch.randint(20, 61, (30,)) if irregular else torch.full((30,), 40)
        places = gaps.cumsum(0) - int(torch.randint(20, (1,)))
        row[places[places < steps]] += 1
    return x


def trained(seed):
    torch.manual_seed(seed)
    network = small(channels=(8, 16, 16), wide=16, dropout=0.0)
    optimizer = torch.optim.AdamW(network.parameters(), 1e-2)
    for _ in range(60):
        x = torch.cat([pulses(12, False), pulses(12, True)])
        loss = F.cross_entropy(network(x), torch.arange(24) // 12)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return network.eval()


def test_it_learns_to_tell_regular_from_irregular_pulses_and_the_seed_decides_all():
    network = trained(1)
    torch.manual_seed(99)
    x = torch.cat([pulses(40, False), pulses(40, True)])
    right = network(x).argmax(1) == torch.arange(80) // 40
    assert right.float().mean() > 0.9
    assert torch.equal(trained(1)(x), network(x))
