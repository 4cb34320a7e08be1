"""What the tests of the speech models share: small batches, and what must hold for each of the models."""

import torch
from torch.utils.data import TensorDataset

from lib.training import Callback, Training, TrainingConfig

LENGTHS = torch.tensor([97, 64, 70, 33, 5, 1])  # frames; 97 is the longest


def spectrograms(lengths=LENGTHS, bands=64, seed=0):
    """(B, T, bands), zero behind each item, and the lengths."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(len(lengths), int(lengths.max()), bands, generator=generator)
    return x * (torch.arange(x.shape[1]) < lengths[:, None])[..., None], lengths


def disturbed(model, seed=0):
    """The model with weights, biases and running means that are not those of a fresh one: no 0 stays a 0."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for value in [*model.parameters(), *model.buffers()]:
            if value.is_floating_point():
                value += 0.1 * torch.rand(value.shape, generator=generator)
    return model


@torch.no_grad()
def padding_changes(model, x, lengths, extra):
    """The largest difference between an item alone and in a padded batch, as a share of the items' own spread."""
    model.eval()
    behind = x.new_full((len(x), extra, *x.shape[2:]), 50.0)
    padded = torch.cat([x, behind], 1)
    for row, n in zip(padded, lengths, strict=True):
        row[n:] = 50.0
    padded[0, lengths[0] :] = torch.nan
    together = model.embed(padded, lengths)
    alone = torch.cat([model.embed(row[None, :n], n[None]) for row, n in zip(x, lengths, strict=True)])
    return float((together - alone).abs().max() / alone.std(0).mean())


def without_gradient(model, *inputs):
    """Names of the parameters that should train but get no gradient, and of those that get one but shouldn't."""
    model.train()
    model.zero_grad()
    model(*inputs).square().sum().backward()
    should = {name for name, p in model.named_parameters() if p.requires_grad}
    does = {name for name, p in model.named_parameters() if p.grad is not None and p.grad.abs().max() > 0}
    return should ^ does


class Snapshots(Callback):
    """The state of the model before the run and after each phase."""

    def __init__(self):
        self.states = []

    def take(self, training):
        self.states.append({name: value.clone() for name, value in training.model.state_dict().items()})

    before_run = after_phase = take


def moved_in_phases(model, *inputs):
    """Train head-only, then everything; the names that changed in the first phase, and in the second."""
    n = len(inputs[0])
    snapshots = Snapshots()
    Training(
        TrainingConfig(
            model=model,
            train=TensorDataset(*inputs, torch.arange(n) % 2),
            epochs=1,
            batch_size=n,
            head="head",
            head_epochs=1,
            callbacks=[snapshots],
            show="off",
            device="cpu",
        )
    ).run()
    before, middle, after = snapshots.states
    return [
        {name for name in before if not torch.equal(a[name], b[name])} for a, b in [(before, middle), (middle, after)]
    ]


def trainable(model):
    """Names of the parameters that may move."""
    return {name for name, p in model.named_parameters() if p.requires_grad}


def head(model):
    """Names of the head's parameters."""
    return {f"head.{name}" for name, _ in model.head.named_parameters()}


def count(module, only_trainable=False):
    """How many numbers a module learns."""
    return sum(p.numel() for p in module.parameters() if p.requires_grad or not only_trainable)
