"""The checks of mix-up and of the denoising loss."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from lib.checks.compare import describe, difference, expect_tensor
from lib.checks.failure import CheckFailed, expect
from lib.checks.functions import called, expect_function
from lib.checks.task import Task

if TYPE_CHECKING:
    import torch

BATCH = 8
CALLS = 80  # with alpha 0.05 and 20: what is compared lies more than ten standard errors from its limits
TOLERANCE = 1e-5


def mixed(answer: object, x: "torch.Tensor", y: "torch.Tensor", alpha: float, seed: int) -> tuple:
    """The mixed batch and labels, by generators of that seed; shapes and dtype checked."""
    import torch

    torch.manual_seed(seed)
    doing = f"mixing a batch of shape {tuple(x.shape)} with alpha {alpha:g}"
    got = called(answer, x, y, alpha, torch.Generator().manual_seed(seed), doing=doing, what="the batch or its labels")
    expect(
        isinstance(got, tuple | list) and len(got) == 2,
        f"mix_up should return two things, x_mixed and y_mixed; it returns {describe(got)}.",
    )
    for value, wanted, name in ((got[0], x, "x_mixed"), (got[1], y, "y_mixed")):
        expect_tensor(value, name)
        expect(
            value.shape == wanted.shape,
            f"{name} has shape {tuple(value.shape)}; it should be {tuple(wanted.shape)}.",
        )
        expect(bool(value.isfinite().all()), f"{name} holds NaN or infinite values with alpha {alpha:g}.")
        expect(value.dtype == wanted.dtype, f"{name} has dtype {value.dtype}; keep {wanted.dtype}.")
    return got[0].detach(), got[1].detach()


def weights_of(x_mixed: "torch.Tensor") -> "torch.Tensor":
    """(BATCH, BATCH) how much of item j is in mixed item i; the items were the rows of the unit matrix."""
    import torch

    weights = x_mixed.reshape(BATCH, -1)[:, :BATCH]
    expect(
        float(weights.min()) >= -TOLERANCE,
        "an item is mixed with a negative weight: λ lies outside 0 … 1. A Beta distribution stays inside.",
    )
    expect(
        float((weights.sum(1) - 1).abs().max()) <= TOLERANCE,
        "the two weights of an item don't add up to 1; they should be λ and 1 − λ.",
    )
    others = weights * (1 - torch.eye(BATCH))
    expect(
        int((others > TOLERANCE).sum(1).max()) <= 1,
        "an item is mixed of more than two; each has one partner.",
    )
    return weights


def check_labels(weights: "torch.Tensor", y: "torch.Tensor", y_mixed: "torch.Tensor") -> None:
    """The labels are mixed by the same λ with the same partners as the sound."""
    import torch

    wanted = weights @ y
    if difference(wanted, y_mixed) <= TOLERANCE:
        return
    own = weights.diagonal()
    expect(float(own.min()) < 1 - TOLERANCE, "the items come back as they were, while their labels are mixed.")
    partner = (weights * (1 - torch.eye(BATCH))).argmax(1)
    expect(difference(y, y_mixed) > TOLERANCE, "the labels come back as they were; they are mixed as the sound is.")
    expect(
        difference((1 - own) * y + own * y[partner], y_mixed) > TOLERANCE,
        "in the labels λ and 1 − λ are exchanged: what weighs λ in the sound weighs λ in the label.",
    )
    expect(difference(y[partner], y_mixed) > TOLERANCE, "the labels are the partners' alone; mix them as the sound is.")
    is_whole = float((y_mixed - y_mixed.round()).abs().max()) <= TOLERANCE
    expect(not is_whole, "the labels are rounded; leave them between 0 and 1.")
    main = torch.where(own >= 0.5, y, y[partner])
    expect(
        difference(main, y_mixed) > TOLERANCE, "each label is that of the larger part; mix the labels as the sound is."
    )
    raise CheckFailed("sound and labels are not mixed alike: both need the same partner and the same λ, drawn once.")


def check_partners(all_weights: list["torch.Tensor"]) -> None:
    """Partners are a permutation, and another one in each call."""
    import torch

    eye = torch.eye(BATCH)
    shown = []
    for weights in all_weights:
        others = weights * (1 - eye)
        partner = torch.where(others.amax(1) > TOLERANCE, others.argmax(1), torch.full((BATCH,), -1))
        known = partner[partner >= 0]
        expect(
            len(known.unique()) == len(known),
            "two items have the same partner; take the partners by one permutation (torch.randperm).",
        )
        if len(known) == BATCH:
            shown.append(tuple(known.tolist()))
    expect(
        any(int((w < 1 - TOLERANCE).diagonal().sum()) > 0 for w in all_weights),
        "nothing is mixed: every item comes back as it was.",
    )
    expect(
        len(shown) < 5 or len(set(shown)) > 1,
        "every call pairs the same items (flip, roll?); draw a permutation: torch.randperm with the generator.",
    )


def check_strength(run: Callable[[float, int], "torch.Tensor"]) -> None:
    """λ follows Beta(alpha, alpha): near 0 or 1 for a small alpha, near a half for a large one."""
    spread = {}
    for alpha in (0.05, 20.0):
        own = [w.diagonal() for w in (run(alpha, seed) for seed in range(CALLS))]
        own = [
            w for o in own for w in o[o < 1 - 1e-7].tolist() or [1.0]
        ]  # an item that is its own partner tells nothing
        spread[alpha] = sum(w * (1 - w) for w in own) / len(own)
    small, large = spread[0.05], spread[20.0]
    text = "λ doesn't follow Beta(alpha, alpha): with alpha 0.05 almost all of an item is one of the two, with 20 it "
    text += f"is about half and half. The mean of λ(1 − λ) is {small:.3f} and {large:.3f}."
    alike = abs(small - large) < 0.02
    expect(small < 0.09 and large > 0.21, text + (" Is alpha used at all?" if alike else ""))


def verify_mix_up(answer: object) -> str:
    import torch

    expect_function(answer, "mix_up")
    x = torch.eye(BATCH)
    y = torch.linspace(0, 1, BATCH)
    all_weights = []
    for seed in range(20):
        x_mixed, y_mixed = mixed(answer, x, y, 1.0, seed)
        all_weights.append(weights_of(x_mixed))
        check_labels(all_weights[-1], y, y_mixed)
    again = mixed(answer, x, y, 1.0, 0)[0]
    expect(
        difference(weights_of(again), all_weights[0]) <= TOLERANCE,
        "generators of the same seed give another mix the second time: is something drawn without a seed?",
    )
    check_partners(all_weights)
    check_strength(lambda alpha, seed: weights_of(mixed(answer, x, y, alpha, seed)[0]))
    for shape in ((BATCH, 4, 5), (BATCH, 1, 3, 4)):
        pictures = torch.zeros(BATCH, *shape[1:])
        pictures.reshape(BATCH, -1)[:, :BATCH] = torch.eye(BATCH)
        x_mixed, y_mixed = mixed(answer, pictures, y, 1.0, 3)
        check_labels(weights_of(x_mixed), y, y_mixed)
    return "items and labels mixed alike, λ from Beta(alpha, alpha), partners by a permutation of the batch."


def recorder() -> "torch.nn.Module":
    """A small network that keeps what it is given."""
    import torch

    class Denoiser(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = torch.nn.Parameter(torch.linspace(0.3, 1.1, 6))
            self.given: list[torch.Tensor] = []

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.given.append(x)
            return x * self.weight + 0.1

    return Denoiser()


def loss_mistakes(net: Callable, clean: "torch.Tensor", spoiled: "torch.Tensor") -> list[tuple[float, str]]:
    """Value → which mistake gives it."""
    error = net(spoiled) - clean
    return [
        ((net(spoiled) - spoiled).square().mean(), "the target is the spoiled sound; it should be the clean one."),
        (
            (net(clean) - clean).square().mean(),
            "the network is given the clean sound; it should clean the spoiled one.",
        ),
        (
            (net(clean) - spoiled).square().mean(),
            "clean and spoiled are exchanged: in goes the spoiled, out the clean.",
        ),
        ((spoiled - clean).square().mean(), "the network is not used: this compares the spoiled with the clean sound."),
        (
            (error + clean - (spoiled - clean)).square().mean(),
            "the target is what was added; it should be the clean sound.",
        ),
        (error.square().sum(), "the squares are added up; take their mean, which doesn't grow with the clips."),
        (error.square().sum((1, 2)).mean(), "the squares of a clip are added up; take the mean of all of them."),
        (error.abs().mean(), "it is the mean absolute error; the squared one is wanted."),
        (error.square().mean().sqrt(), "it is the root of the mean squared error; leave the root out."),
        (error.mean().square(), "it squares the mean; take the mean of the squares."),
        (error.mean(), "the errors are not squared, so that they cancel each other."),
        (error.square().mean() / 2, "the error is halved; the mean of the squares is wanted."),
        (-error.square().mean(), "the sign is turned round: training makes the loss small."),
    ]


def verify_denoising_loss(answer: object) -> str:
    import torch

    expect_function(answer, "denoising_loss")
    generator = torch.Generator().manual_seed(2)
    for clips in (4, 3):
        net = recorder()
        clean = torch.randn(clips, 5, 6, generator=generator)
        spoiled = clean + 0.7 * torch.randn(clips, 5, 6, generator=generator)
        loss = called(
            lambda a, b, n=net: answer(n, a, b), clean, spoiled, doing=f"computing the loss of {clips} spectrograms"
        )
        expect(
            isinstance(loss, torch.Tensor),
            f"the loss should be a tensor, so that it can be trained on; it is {describe(loss)}. Is there an .item()?",
        )
        expect(loss.shape == (), f"the loss has shape {tuple(loss.shape)}; it should be one number: take the mean.")
        used = len(net.given)
        with torch.no_grad():
            wanted = (net(spoiled) - clean).square().mean()
            if abs(loss.item() - wanted.item()) > 1e-5:
                found = next((s for v, s in loss_mistakes(net, clean, spoiled) if abs(loss.item() - v) < 1e-5), None)
                raise CheckFailed(found or f"the loss is {loss.item():.4f}; it should be {wanted.item():.4f} here.")
        expect(used == 1, f"the network is called {used} times; once is enough.")
        expect(loss.requires_grad, "the loss carries no gradient: is there a no_grad, a detach or a .data?")
        loss.backward()
        expect(net.weight.grad is not None, "no gradient reaches the network: is there a detach, a no_grad or a .data?")
    return "the mean squared error between what the network makes of the spoiled sound and the clean one."


TASKS = {
    "mix_up": Task(
        verify_mix_up,
        (
            "Which items are mixed, and with which weights? Draw both once, then use them for the sound and for the "
            "labels.",
            "partner = torch.randperm(len(x), generator=generator); x_mixed = λ · x + (1 − λ) · x[partner], and the "
            "same for y. λ comes from Beta(alpha, alpha), for example from numpy's generator, seeded by a number "
            "drawn with `generator`; one λ for each item needs the shape (B, 1, …, 1) beside x.",
        ),
    ),
    "denoising_loss": Task(
        verify_denoising_loss,
        (
            "What does a denoiser see, and what should it say?",
            "Give the network the spoiled sound; torch.nn.functional.mse_loss compares what it returns with the clean "
            "sound. The gradient has to reach the network, so nothing is detached.",
        ),
    ),
}
