"""The student's LSTM, made and called: parameters, what forward returns, and all shapes."""

from typing import TYPE_CHECKING

from lib.checks.compare import describe, expect_tensor, students_code
from lib.checks.failure import CheckFailed, expect
from lib.checks.lstm_recipe import GATES, Run

if TYPE_CHECKING:
    import torch

SAMPLES, STEPS, INPUTS, HIDDENS = 3, 7, 4, 5  # all different, so that a confused axis shows
SIZES = {"samples": SAMPLES, "steps": STEPS, "input features": INPUTS, "hidden units": HIDDENS}
NAMES = [f"{kind}{gate}" for gate in GATES for kind in ("W_x", "W_h", "b_")]


def made(answer: object) -> "torch.nn.Module":
    """An instance of the student's class, with the parameters the task asks for."""
    import torch

    expect(
        isinstance(answer, type),
        f'give the class itself, check("lstm", LSTM); this is {describe(answer)}.',
    )
    expect(issubclass(answer, torch.nn.Module), "the class should be a torch.nn.Module: class LSTM(torch.nn.Module).")
    expect(not issubclass(answer, torch.nn.LSTM), "this is PyTorch's own LSTM; the task is to write one.")
    with students_code("making LSTM(4, 5), that is 4 inputs and 5 hidden units", SIZES):
        net = answer(INPUTS, HIDDENS)
    expect(
        not [m for m in net.modules() if isinstance(m, torch.nn.RNNBase)],
        "it uses PyTorch's recurrent layer inside; the task is to write the steps.",
    )
    check_parameters(net)
    return net


def check_parameters(net: "torch.nn.Module") -> None:
    """The twelve parameters are there, with their shapes, each its own, and start at usable values."""
    import torch

    shapes = {"W_x": (INPUTS, HIDDENS), "W_h": (HIDDENS, HIDDENS), "b_": (HIDDENS,)}
    meanings = {"W_x": "(num_inputs, num_hiddens)", "W_h": "(num_hiddens, num_hiddens)", "b_": "(num_hiddens,)"}
    missing = [n for n in NAMES if not hasattr(net, n)]
    if missing and all(n.startswith("b_") for n in missing):
        raise CheckFailed(f"biases are missing: it has no {', '.join(missing)}. Each gate and the candidate has one.")
    expect(not missing, f"parameters are missing: it has no {', '.join(missing)}.")
    seen: dict[int, str] = {}
    for name in NAMES:
        value, kind = getattr(net, name), name[:-1]
        expect(
            isinstance(value, torch.nn.Parameter),
            f"{name} should be a torch.nn.Parameter, so that it is trained; it is {describe(value)}.",
        )
        expect(
            tuple(value.shape) == shapes[kind],
            f"{name} has shape {tuple(value.shape)}; it should be {shapes[kind]}, that is {meanings[kind]}.",
        )
        first = seen.setdefault(id(value), name)
        expect(
            first == name, f"{first} and {name} are one and the same weight; every gate has its own, not a shared one."
        )
        expect(bool(torch.isfinite(value).all()), f"{name} starts with values that are not finite; initialise it.")
        expect(
            kind == "b_" or bool((value != 0).any()), f"{name} starts as zeros; random small values let units differ."
        )


def set_weights(net: "torch.nn.Module", generator: "torch.Generator") -> None:
    """Put weights into the student's module that are large enough for every part to show."""
    import torch

    with torch.no_grad():
        for name in NAMES:
            value = getattr(net, name)
            value.copy_(torch.randn(value.shape, generator=generator, dtype=torch.float64) * 0.8)


def called(net: "torch.nn.Module", inputs: "torch.Tensor", doing: str) -> Run:
    """The student's forward pass, its results taken apart and their shapes checked."""
    before = inputs.detach().clone()
    samples, steps = inputs.shape[:2]
    with students_code(doing, SIZES | {"samples": samples, "steps": steps}):
        given = net(inputs)
    expect(bool((inputs.detach() == before).all()), "forward changes its inputs in place; leave them as they are.")
    expect(
        isinstance(given, tuple | list) and len(given) == 2,
        f"forward should return two things, outputs and (H, C), but returns {describe(given)}.",
    )
    outputs, state = given
    expect_tensor(outputs, "the first result, outputs,")
    expect(
        isinstance(state, tuple | list) and len(state) == 2,
        f"the second result should be the pair (H, C), but it is {describe(state)}.",
    )
    check_shapes(outputs, state, samples, steps)
    return outputs, *state


def check_shapes(outputs: "torch.Tensor", state: tuple, samples: int, steps: int) -> None:
    wanted, got = (samples, steps, HIDDENS), tuple(outputs.shape)
    text = f"outputs has shape {got}; it should be {wanted}, that is (samples, steps, hidden units)."
    if got == (steps, samples, HIDDENS):
        text += " The steps are stacked on the wrong axis: stack them on axis 1."
    elif outputs.dim() == 2 and outputs.numel() == samples * steps * HIDDENS:
        text += " The steps are joined end to end (cat); stack makes a new axis for them."
    elif got == (samples, HIDDENS):
        text += " That is a single step; collect the hidden state of every step."
    elif got[1:2] == (steps - 1,):
        text += " One step is missing."
    elif got == (samples, steps, INPUTS):
        text += " Is num_inputs used where num_hiddens belongs?"
    expect(got == wanted, text)
    for name, value in zip("HC", state, strict=True):
        expect_tensor(value, name)
        got = tuple(value.shape)
        text = f"{name} has shape {got}; it should be ({samples}, {HIDDENS}), that is (samples, hidden units)."
        if got == (steps, HIDDENS):
            text += " Batch and time are confused: the loop runs over the samples in place of the steps."
        elif got == (1, samples, HIDDENS):
            text += " torch.nn.LSTM has an axis for layers; here there is none."
        elif value.dim() == 3:
            text += " Return the state after the last step only."
        expect(got == (samples, HIDDENS), text)
