"""The check of transfer: a copy of a network with a new head, its trunk frozen or not.

The check brings a small network of its own, with batch norms, and looks at what moves when it is trained.
"""

import copy
from collections.abc import Callable
from typing import TYPE_CHECKING

from lib.checks.compare import describe, students_code
from lib.checks.failure import CheckFailed, expect
from lib.checks.functions import expect_function
from lib.checks.task import Task

if TYPE_CHECKING:
    import torch

CLASSES, OUTPUTS = 4, 3
NORMS = "running_mean", "running_var", "num_batches_tracked"


def network(classes: int = CLASSES) -> "torch.nn.Module":
    """A small network for pictures (B, 12, 8), with a trunk and a head, whose batch norms have seen other pictures."""
    import torch
    from torch import nn

    class Network(nn.Module):
        def __init__(self, outputs: int) -> None:
            super().__init__()
            self.trunk = nn.Sequential(
                nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(),
                nn.Linear(16, 6), nn.BatchNorm1d(6),
            )  # fmt: skip
            self.head = nn.Linear(6, outputs)

        def forward(self, x: "torch.Tensor") -> "torch.Tensor":
            return self.head(self.trunk(x[:, None]))

    net = Network(classes)
    with torch.no_grad():
        for k in range(5):
            net(pictures(k, 0.5))
    return net


def pictures(seed: int, shift: float = 2.0) -> "torch.Tensor":
    import torch

    return torch.randn(6, 12, 8, generator=torch.Generator().manual_seed(seed)) + shift


def snapshot(net: "torch.nn.Module") -> dict:
    """Everything a network is: weights, statistics, what is trained, and the mode of each part."""
    state = {n: v.clone() for n, v in net.state_dict().items()}
    return state | {
        "trains": [(n, p.requires_grad) for n, p in net.named_parameters()],
        "modes": [(n, m.training) for n, m in net.named_modules()],
    }


def same(a: dict, b: dict, names: list[str]) -> bool:
    return all(n in a and n in b and a[n].shape == b[n].shape and bool((a[n] == b[n]).all()) for n in names)


def expect_untouched(net: "torch.nn.Module", before: dict, when: str) -> None:
    """The given network is what it was."""
    after = snapshot(net)
    weights = [n for n in before if n not in ("trains", "modes")]
    head = [n for n in weights if n.startswith("head")]
    shallow = "It shares its parts with the new one: copy.deepcopy copies those too, copy.copy doesn't."
    expect(same(before, after, head), f"the given network has another head {when}. {shallow}")
    expect(
        before["trains"] == after["trains"],
        f"the given network itself is frozen or thawed {when}: do that to the copy, and to a deep one.",
    )
    expect(
        before["modes"] == after["modes"],
        f"the given network itself is put in another mode {when}: call train() and eval() on the copy only.",
    )
    expect(same(before, after, weights), f"the given network's weights or statistics have changed {when}. {shallow}")


def transferred(answer: Callable, net: "torch.nn.Module", outputs: int, frozen: bool) -> "torch.nn.Module":
    """The student's new network, its parts checked: the trunk's weights as they were, a fresh head."""
    import torch

    before = snapshot(net)
    with students_code(f"calling transfer(network, {outputs}, frozen={frozen})"):
        new = answer(net, outputs, frozen)
    expect(isinstance(new, torch.nn.Module), f"transfer should return a network, but it is {describe(new)}.")
    expect(new is not net, "it returns the given network itself; a new one is wanted, the given stays as it is.")
    expect_untouched(net, before, "after the call")
    for part in ("trunk", "head"):
        expect(
            isinstance(getattr(new, part, None), torch.nn.Module),
            f"the new network has no `.{part}`; keep the names, so that it can be transferred again.",
        )
    expect_head(new.head, net.head, outputs)
    expect_trunk(net.trunk, new.trunk)
    shared = {p.data_ptr() for p in net.parameters()} & {p.data_ptr() for p in new.parameters()}
    expect(not shared, "the new network shares weights with the given one: training it would change both. Deep copy.")
    return new


def expect_trunk(old: "torch.nn.Module", trunk: "torch.nn.Module") -> None:
    """The same weights and statistics in the same order; a wrapper around the trunk may give them longer names."""
    ours, theirs = old.state_dict(), trunk.state_dict()
    pairs = [(n, a, b) for (n, a), b in zip(ours.items(), theirs.values(), strict=False)]
    expect(
        len(ours) == len(theirs) and all(a.shape == b.shape for _, a, b in pairs),
        "the new trunk has other parts than the given network's: copy the given network, whichever it is.",
    )
    other = [n for n, a, b in pairs if not bool((a == b).all())]
    expect(
        all(n.endswith(NORMS) for n in other),
        "the trunk's weights are not those of the given network: what it has learned is lost. Copy it, don't make it "
        "anew.",
    )
    expect(
        not other,
        "the batch norms of the trunk have other running statistics than the given network's; keep those too.",
    )


def expect_head(head: "torch.nn.Module", old: "torch.nn.Linear", outputs: int) -> None:
    import torch

    expect(isinstance(head, torch.nn.Linear), f"the new head is a {type(head).__name__}; a torch.nn.Linear is wanted.")
    expect(
        head.out_features == outputs,
        f"the new head has {head.out_features} outputs; {outputs} are wanted."
        + (" It is the old one." if head.out_features == old.out_features else ""),
    )
    expect(
        head.in_features == old.in_features,
        f"the new head reads {head.in_features} numbers; the trunk gives {old.in_features}: network.head.in_features.",
    )
    expect(
        head.weight.shape != old.weight.shape or not bool((head.weight == old.weight).all()),
        "the head has the old weights, though as many outputs are wanted as it had: a fresh one all the same.",
    )
    expect(head.weight.requires_grad, "the head is frozen too; it always trains. Freeze the trunk only.")


def step(new: "torch.nn.Module", outputs: int) -> dict:
    """One step of training as in a trainer, but for train() and eval(); returns what was before."""
    import torch

    before = snapshot(new)
    new.zero_grad()
    with students_code("calling the new network on pictures"):
        result = new(pictures(20))
    got = describe(result) if not isinstance(result, torch.Tensor) else str(tuple(result.shape))
    expect(got == str((6, outputs)), f"the new network gives {got}; it should be {(6, outputs)}.")
    expect(result.requires_grad, "the new network's output carries no gradient: the head can't train.")
    result.square().sum().backward()
    with torch.no_grad():  # by hand: an optimizer of PyTorch takes seconds to load
        for p in new.parameters():
            if p.grad is not None:
                p -= 0.1 * (p.grad + 0.1 * p)
    return before


def moved(new: "torch.nn.Module", before: dict, statistics: bool) -> list[str]:
    """Which of the trunk's weights, or running statistics, are not what they were."""
    after = new.state_dict()
    names = [n for n in after if n.startswith("trunk") and n.endswith(NORMS) == statistics]
    names = [n for n in names if not n.endswith("num_batches_tracked")]  # only counts
    return [n for n in names if not same(before, after, [n])]


def expect_frozen(new: "torch.nn.Module") -> None:
    """Neither weights nor statistics of the trunk move, whichever of train() and eval() was called before."""
    import torch

    when = {
        "as it comes": lambda: None,
        "after .train(), which a trainer calls before each epoch": lambda: new.train(),
        "after .eval() and .train() again": lambda: new.eval().train(),
    }
    for said, prepare in when.items():
        with students_code(f"using the new network {said}"):
            prepare()
        before = step(new, OUTPUTS)
        with_gradient = [n for n, p in new.trunk.named_parameters() if p.grad is not None and p.grad.any()]
        text = (
            f"frozen=True, but {len(with_gradient)} weights of the trunk have a gradient: {', '.join(with_gradient)}."
        )
        if isinstance(vars(new.trunk).get("requires_grad"), bool):
            text += " trunk.requires_grad = False only sets a name on the module: requires_grad_(False) is a method."
        expect(not with_gradient, text)
        expect(not moved(new, before, statistics=False), "frozen=True, but the trunk's weights change in training.")
        still = moved(new, before, statistics=True)
        text = f"frozen=True, but the running statistics of the trunk's batch norms move, {said}."
        if said.startswith("after .train()"):
            text += " eval() holds only until then: train() reaches every part. See to it that the trunk stays asleep."
        elif said.startswith("as"):
            text += " They are no weights, so requires_grad says nothing about them: they move in training mode."
        expect(not still, text)
        after = new.state_dict()
        expect(not same(before, after, ["head.weight"]), f"the head doesn't train {said}; it always should.")
    expect(new.head.training, "the whole network stays in evaluation mode after .train(); only the trunk should.")
    with torch.no_grad(), students_code("calling the new network on pictures"):
        awake = new.train()(pictures(21))
        asleep = new.eval()(pictures(21))
    expect(
        bool(((awake - asleep).abs() < 1e-5).all()),
        "frozen=True: the running statistics stay, but in training mode the batch norms don't use them, they normalise "
        "by the batch. Keep them in evaluation mode.",
    )


def expect_thawed(new: "torch.nn.Module", given: str = "", when: str = "frozen=False, but") -> None:
    """Everything moves in training."""
    new.train()
    before = step(new, OUTPUTS)
    without = [n for n, p in new.trunk.named_parameters() if p.grad is None]
    expect(not without, f"{when} the trunk{given} stays frozen: no gradient reaches {', '.join(without)}.")
    after = new.state_dict()
    still = [n for n in after if n.endswith("weight") and same(before, after, [n])]
    expect(not still, f"{when} {', '.join(still)} doesn't change in training.")
    statistics = [n for n in after if n.endswith(NORMS[:2])]
    expect(
        len(moved(new, before, statistics=True)) == len(statistics),
        f"{when} the running statistics of the batch norms{given} stand still in training.",
    )


def expect_wakes(new: "torch.nn.Module") -> None:
    """A frozen trunk that is given its gradients back is trained as any other, as fine-tuning does after the head."""
    says = "new.trunk.requires_grad_(True), then new.train()"
    with students_code(f"giving the frozen trunk its gradients back: {says}"):
        new.trunk.requires_grad_(True)
        new.train()
    try:
        expect_thawed(new, when=f"after {says},")
    except CheckFailed as failure:
        raise CheckFailed(
            f"given its gradients back, the trunk should wake up: {failure} Look each time, in the hook "
            "or in train(), whether a weight of the trunk requires a gradient; what is settled once, when `transfer` "
            "is called, lasts for good."
        ) from None


def verify_transfer(answer: object) -> str:
    expect_function(answer, "transfer")
    source = network()
    for frozen in (True, False):
        transferred(answer, copy.deepcopy(source), CLASSES, frozen)
        given = copy.deepcopy(source)
        new = transferred(answer, given, OUTPUTS, frozen)
        before = snapshot(given)
        if frozen:
            expect_frozen(new)
            expect_wakes(new)
        else:
            expect_thawed(new)
        expect_untouched(given, before, "when the new one is trained")
    expect_frozen(transferred(answer, copy.deepcopy(source).eval(), OUTPUTS, True))
    asleep = copy.deepcopy(source).eval().requires_grad_(False)
    try:
        expect_thawed(transferred(answer, asleep, OUTPUTS, False), " of a network that was frozen")
        expect_frozen(transferred(answer, asleep, OUTPUTS, True))
    except CheckFailed as failure:
        raise CheckFailed(f"given a network that is frozen itself: {failure}") from None
    return (
        "a new network, the trunk's weights kept, a fresh head; frozen, the trunk stands still whatever is called, "
        "until it gets its gradients back."
    )


TASKS = {
    "transfer": Task(
        verify_transfer,
        (
            "copy.deepcopy, then another head. Frozen means two things: no gradients for the weights, and batch norms "
            "that keep their statistics. Which of the two does requires_grad_(False) do? And who tells the batch norms "
            "when, later, the trunk is frozen no longer?",
            "trunk.requires_grad_(not frozen) for the weights. Batch norms move their statistics in training mode, and "
            ".train() wakes every part of a network up. So put a frozen trunk to sleep before each call, with a hook: "
            "trunk.register_forward_pre_hook(function), where function(trunk, inputs) calls trunk.eval() if none of "
            "trunk.parameters() requires a gradient, and returns nothing. As it looks each time, the trunk wakes up "
            "once it gets its gradients back.",
        ),
    ),
}
