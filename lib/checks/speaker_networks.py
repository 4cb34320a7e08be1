"""The checks of the two convolutional networks for spectrograms, over time and over time and frequency.

Their layers are found by class and channels, filled with values that let every part show, and compared with a
reference in evaluation mode; what dropout does is seen in training mode, between the layers.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from lib.checks.compare import Mistake, difference, expect_tensor, find_mistakes, students_code, told
from lib.checks.failure import CheckFailed, expect
from lib.checks.networks import made
from lib.checks.speaker_recipes import (
    NET1D_MISTAKES,
    NET2D_MISTAKES,
    Net1dRecipe,
    Net2dRecipe,
    net1d_recipe,
    net2d_recipe,
)
from lib.checks.task import Task

if TYPE_CHECKING:
    import torch

CLIPS, FRAMES, BANDS = 3, 40, 128
TOLERANCE = 1e-5  # of values in float32, relative to the largest
OVER_TIME = ((128, 128, 3), (128, 64, 5), (64, 32, 7))  # channels in, channels out, kernel
IN_A_PICTURE = ((1, 16, 3), (16, 32, 3), (32, 128, 3), (128, 32, 3))
SMALL = (62, 46)  # frames and bands of which 2 · 1 are left at the end
DROPOUT = 0.2


def spectrograms(clips: int, frames: int, bands: int) -> "torch.Tensor":
    import torch

    return torch.randn(clips, frames, bands, generator=torch.Generator().manual_seed(4))


def called(net: "torch.nn.Module", x: "torch.Tensor", doing: str = "") -> "torch.Tensor":
    """The network's output (clips, 2), its shape checked."""
    import torch

    clips, frames, bands = x.shape
    before = x.detach().clone()
    sizes = {"clips": clips, "frames": frames, "bands": bands}
    try:
        with students_code(doing or f"calling it on spectrograms of shape {tuple(x.shape)}", sizes):
            output = net(x)
    except CheckFailed as failure:
        if "channels" not in str(failure):
            raise
        remedy = (
            "Conv2d wants (clips, channels, height, width): give the spectrogram an axis for its one channel, "
            "x.unsqueeze(1)."
            if any(isinstance(m, torch.nn.Conv2d) for m in net.modules())
            else "Conv1d convolves over the last axis and wants (clips, bands, frames): swap the last two axes first."
        )
        raise CheckFailed(f"{remedy}\n{failure}") from None
    expect(bool((x.detach() == before).all()), "forward changes its inputs in place; leave them as they are.")
    expect_tensor(output, "what forward returns")
    got = tuple(output.shape)
    text = f"the output has shape {got}; it should be {(clips, 2)}: two logits a clip."
    if got in ((clips, 1), (clips,)):
        text += " There is one number a clip: end with a linear layer of two outputs, one for each class."
    elif len(got) == 3:
        text += " One axis too many is left: take the mean over time before the linear layer."
    expect(got == (clips, 2), text)
    return output


def convolutions_of(net: "torch.nn.Module", kind: type, wanted: tuple[tuple[int, int, int], ...]) -> list:
    """The convolutions in the wanted order, once their channels, kernels and manner are right."""
    layers = [m for m in net.modules() if isinstance(m, kind)]
    expect(len(layers) > 0, f"it has no torch.nn.{kind.__name__}.")
    found = [(m.in_channels, m.out_channels, m.kernel_size) for m in layers]
    right = [(i, o, (k,) * len(layers[0].kernel_size)) for i, o, k in wanted]
    if sorted(found) != sorted(right):
        listed = ", ".join(f"{i} → {o} (kernel {'×'.join(map(str, k))})" for i, o, k in found)
        chain = ", ".join(f"{i} → {o} (kernel {'×'.join(map(str, k))})" for i, o, k in right)
        text = f"the convolutions are {listed}; the task asks for {chain}."
        if [f[:2] for f in found] == [r[:2] for r in right]:
            text += " The channels are right, the kernels are not."
        elif [f[2] for f in found] == [r[2] for r in right]:
            text += " The kernels are right, the channels are not."
        raise CheckFailed(text)
    ordered = [layers[found.index(r)] for r in right]
    for m in ordered:
        name = f"the convolution {m.in_channels} → {m.out_channels}"
        expect(
            m.padding == "valid" or (not isinstance(m.padding, str) and not any(m.padding)),
            f"{name} has padding; that works well too, but the network of the task has none.",
        )
        expect(set(m.stride) == set(m.dilation) == {1}, f"{name} has a stride or dilation; the task has none.")
        expect(m.bias is not None, f"{name} has no bias.")
    return ordered


def linear_of(net: "torch.nn.Module", inputs: int, remedies: dict[int, str], otherwise: str) -> "torch.nn.Linear":
    """The one linear layer, with 2 outputs."""
    import torch

    layers = [m for m in net.modules() if isinstance(m, torch.nn.Linear)]
    expect(len(layers) == 1, f"it has {len(layers)} linear layers; the task asks for one, at the end.")
    (layer,) = layers
    read = layer.in_features
    expect(
        read == inputs,
        f"its linear layer reads {read} numbers; it should be {inputs}. {remedies.get(read, otherwise)}",
    )
    expect(
        layer.out_features == 2,
        f"its linear layer gives {layer.out_features} numbers; it should be two logits a clip, one for each class.",
    )
    expect(layer.bias is not None, "its linear layer has no bias.")
    return layer


def nothing_else(net: "torch.nn.Module", known: list) -> None:
    ids = {id(p) for m in known for p in m.parameters()}
    others = [n for n, p in net.named_parameters() if id(p) not in ids]
    expect(not others, f"it has more parameters than the task asks for: {', '.join(others)}.")


def enliven(layers: list) -> None:
    """Values of a size that lets every part of the network show, also the running statistics."""
    import torch

    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for m in layers:
            normal = getattr(m, "running_mean", None) is not None
            for weight, size in ((m.weight, 1.0 if normal else 1.5 / m.weight[0].numel() ** 0.5), (m.bias, 0.3)):
                weight.copy_(torch.randn(weight.shape, generator=generator) * size)
            if normal:
                m.running_mean.copy_(torch.rand(m.bias.shape, generator=generator))
                m.running_var.copy_(torch.rand(m.bias.shape, generator=generator) + 0.5)


def judge(net: "torch.nn.Module", x: "torch.Tensor", recipes: list[Callable], mistakes: list[Mistake]) -> None:
    """In evaluation mode the output equals one of the references; where not, say which mistake it is."""
    import torch

    net.eval()
    output = called(net, x)
    expect(
        difference(output, called(net, x)) < TOLERANCE,
        "in evaluation mode a second call gives something else: functional dropout needs training=self.training; or "
        "is a layer made anew in forward?",
    )
    with torch.no_grad():
        gap = min(difference(recipe({}), output) for recipe in recipes)
        if gap > TOLERANCE:
            for recipe in recipes:
                found = find_mistakes(mistakes, lambda changes, r=recipe: difference(r(changes), output) <= TOLERANCE)
                expect(not found, told(found) if found else "")
    expect(
        difference(output[:1], called(net, x[:1], "calling it on a single spectrogram")) < TOLERANCE,
        "a clip's output changes with the other clips of its batch, in evaluation mode; each stands alone.",
    )
    expect(
        gap <= TOLERANCE,
        f"the layers are there, but the output differs from the reference (by {gap:.2g}): compare the order of the "
        "steps, and what goes in and out of each, with the task.",
    )
    expect(output.requires_grad, "the output carries no gradient: is there a no_grad, a detach or a .data?")
    net.zero_grad()
    output.square().sum().backward()
    without = [n for n, p in net.named_parameters() if p.grad is None]
    expect(not without, f"no gradient reaches {', '.join(without)}: not used, or cut off?")


def norms_of(net: "torch.nn.Module") -> list:
    """The three batch norms in the order of their convolutions."""
    import torch

    found = {m.num_features: m for m in net.modules() if isinstance(m, torch.nn.BatchNorm1d)}
    others = [type(m).__name__ for m in net.modules() if isinstance(m, torch.nn.LayerNorm | torch.nn.GroupNorm)]
    expect(not others, f"it has a {others[0] if others else ''}; the task asks for BatchNorm1d.")
    missing = [str(o) for _, o, _ in OVER_TIME if o not in found]
    expect(
        not missing, f"batch norm is missing after the convolution with {' and '.join(missing)} channels: BatchNorm1d."
    )
    return [found[o] for _, o, _ in OVER_TIME]


def check_dropout(net: "torch.nn.Module", convolutions: list, norms: list) -> None:
    """In training, each batch norm gets what the ReLU gives, with a fifth of it set to 0 and the rest scaled up."""
    import torch

    seen: dict[tuple[str, int], torch.Tensor] = {}
    hooks = []
    for n, (convolution, norm) in enumerate(zip(convolutions, norms, strict=True)):
        hooks.append(convolution.register_forward_hook(lambda m, x, y, n=n: seen.update({("conv", n): y.clone()})))
        hooks.append(convolution.register_forward_pre_hook(lambda m, x, n=n: seen.update({("in", n): x[0].clone()})))
        hooks.append(norm.register_forward_pre_hook(lambda m, x, n=n: seen.update({("norm", n): x[0].clone()})))
    net.train()
    torch.manual_seed(0)
    with torch.no_grad():
        called(net, spectrograms(16, FRAMES, BANDS), "calling it in training mode")
    for hook in hooks:
        hook.remove()
    for n, (_, channels, _) in enumerate(OVER_TIME):
        name = f"the convolution with {channels} channels"
        positive = seen["conv", n] > 0
        kept = seen["norm", n][positive] / seen["conv", n][positive]
        share = (kept == 0).float().mean().item()
        later = seen.get(("in", n + 1))
        expect(
            share > 0 or later is None or (later == 0).float().mean() < 0.05,
            f"the dropout after {name} comes behind the batch norm; the order is ReLU, dropout, batch norm.",
        )
        expect(
            share > 0,
            f"dropout is missing after {name}: in training mode nothing is set to 0 between ReLU and batch norm.",
        )
        expect(
            abs(share - DROPOUT) < 0.05,
            f"the dropout after {name} sets about {share:.0%} to 0; the task asks for {DROPOUT:.0%}.",
        )
        silent = ((seen["norm", n] == 0) | ~positive).all(2) & (positive.sum(2) > 8)
        expect(
            silent.float().mean() < 0.05,
            f"the dropout after {name} takes whole channels (Dropout1d); the task asks for single values (Dropout).",
        )


def verify_conv1d(answer: object) -> str:
    import torch

    net = made(answer, "Conv1DNet")
    x = spectrograms(CLIPS, FRAMES, BANDS)
    convolutions = convolutions_of(net, torch.nn.Conv1d, OVER_TIME)
    norms = norms_of(net)
    called(net.eval(), x)
    linear = linear_of(net, 32, {}, "Take the mean over time first, so that any length will do.")
    nothing_else(net, [*convolutions, *norms, linear])
    enliven([*convolutions, *norms, linear])
    layers = (convolutions, norms, linear)
    judge(net, x, [lambda changes: net1d_recipe(layers, x, Net1dRecipe(**changes))], NET1D_MISTAKES)
    check_dropout(net, convolutions, norms)
    net.eval()
    for frames in (13, 200):
        called(net, spectrograms(2, frames, BANDS), f"calling it on {frames} frames")
    with students_code("making Conv1DNet(bands=40)"):
        other = answer(bands=40).eval()
    called(other, spectrograms(2, 20, 40), "calling Conv1DNet(bands=40) on 40 bands")
    return "three convolutions over time with ReLU, dropout and batch norm, the mean over time, two logits a clip."


def verify_conv2d(answer: object) -> str:
    import torch

    net = made(answer, "Conv2DNet")
    convolutions = convolutions_of(net, torch.nn.Conv2d, IN_A_PICTURE)
    if not any(isinstance(p, torch.nn.UninitializedParameter) for p in net.parameters()):
        check_flat(net)
    called(net.eval(), spectrograms(2, 150, BANDS))
    nothing_else(net, [*convolutions, check_flat(net)])
    frames, bands = SMALL
    with students_code(f"making Conv2DNet(frames={frames}, bands={bands})"):
        net = answer(frames=frames, bands=bands)
    x = spectrograms(CLIPS, frames, bands)
    called(net.eval(), x, f"calling Conv2DNet(frames={frames}, bands={bands}) on spectrograms of that size")
    linear = linear_of(net, 64, {}, f"With {frames} frames and {bands} bands 2·1·32 numbers are left.")
    convolutions = convolutions_of(net, torch.nn.Conv2d, IN_A_PICTURE)
    enliven([*convolutions, linear])
    recipes = [  # frames or bands upwards, channels flattened first or last: all are right
        lambda changes, u=upright, c=channels_last: net2d_recipe(
            convolutions, linear, x, Net2dRecipe(**{"upright": u, "channels_last": c, **changes})
        )
        for upright in (False, True)
        for channels_last in (False, True)
    ]
    judge(net, x, recipes, NET2D_MISTAKES)
    with torch.no_grad():
        same = difference(called(net.eval(), x), called(net.train(), x)) < TOLERANCE
    expect(same, "in training mode it gives something else: there is dropout or a norm, which the task has not.")
    return "four convolutions with ReLU and 2×2 max-pool, 7·6·32 numbers into one linear layer, 81,378 parameters."


def check_flat(net: "torch.nn.Module") -> "torch.nn.Linear":
    """The linear layer of the network of 150 frames and 128 bands; other sizes tell which pool is missing."""
    last = "The last max-pool is missing."
    remedies = {
        32: "It reads a mean or maximum over the picture; flatten the 7·6·32 values that are left.",
        15 * 12 * 32: last,
        142 * 120 * 32: "The max-pools are missing: one of 2×2 after each convolution.",
        16 * 13 * 32: "A max-pool is missing: there is one of 2×2 after each convolution.",
    }
    return linear_of(net, 7 * 6 * 32, remedies, "After four times convolution and 2×2 max-pool, 7·6·32 are left.")


TASKS = {
    "Conv1DNet": Task(
        verify_conv1d,
        (
            "Conv1d convolves over the last axis and wants the bands, as its channels, before it. The spectrograms "
            "come as (clips, frames, bands).",
            "transpose(1, 2), then three times: Conv1d, ReLU, Dropout(0.2), BatchNorm1d. Channels go bands, 128, 64, "
            "32 with kernels 3, 5, 7 and no padding. Then the mean over the last axis, and Linear(32, 2) with nothing "
            "after it.",
        ),
    ),
    "Conv2DNet": Task(
        verify_conv2d,
        (
            "A spectrogram is a picture with one channel: give it an axis for that. How large is the picture after "
            "each convolution and pool?",
            "unsqueeze(1), then four times: Conv2d with a 3×3 kernel, ReLU, MaxPool2d(2). Channels go 1, 16, 32, 128, "
            "32. A 3×3 kernel without padding takes 2 from each side, the pool halves and drops the rest; compute "
            "both sides in a loop in __init__ for the size of the linear layer after Flatten.",
        ),
    ),
}
