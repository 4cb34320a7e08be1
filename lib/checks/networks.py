"""The checks of the networks: the convolutional one, and the two with an LSTM.

A student may write a network in many ways, so its layers are found by the shapes of their parameters, and the
reference is computed from these. Where the values differ, the mistake is found as for the LSTM.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from lib.checks.compare import Mistake, describe, difference, expect_tensor, find_mistakes, students_code, told
from lib.checks.failure import CheckFailed, expect
from lib.checks.lstm_answer import NAMES
from lib.checks.network_recipes import (
    BATCH_FIRST,
    CONV_MISTAKES,
    INPUTS,
    READ_MISTAKES,
    ConvRecipe,
    HeadRecipe,
    conv_recipe,
    head_recipe,
)
from lib.checks.task import Task

if TYPE_CHECKING:
    import torch

SAMPLES, STEPS, HIDDENS = 3, 40, 128
TOLERANCE = 1e-5  # of values in float32, relative to the largest
Layers = dict[str, tuple[tuple[int, ...], tuple[int, ...]]]  # what a layer is called → shapes of weight and bias

CONVOLUTIONS: Layers = {
    "Conv1d 17 → 32, kernel size 3": ((32, 17, 3), (32,)),
    "Conv1d 32 → 64, kernel size 3": ((64, 32, 3), (64,)),
    "Conv1d 64 → 128, kernel size 3": ((128, 64, 3), (128,)),
    "Linear 128 → 1": ((1, 128), (1,)),
}
HEAD: Layers = {"Linear 128 → 128": ((128, 128), (128,)), "Linear 128 → 1": ((1, 128), (1,))}


def made(answer: object, name: str) -> "torch.nn.Module":
    """An instance of the student's network with its default sizes."""
    import torch

    expect(isinstance(answer, type), f"give the class itself, {name}; this is {describe(answer)}.")
    expect(
        issubclass(answer, torch.nn.Module), f"the class should be a torch.nn.Module: class {name}(torch.nn.Module)."
    )
    with students_code(f"making {name}(), with its default sizes"):
        return answer()


def called(net: "torch.nn.Module", inputs: "torch.Tensor", doing: str = "") -> "torch.Tensor":
    """The network's output, its shape checked."""
    samples, steps = inputs.shape[:2]
    sizes = {"samples": samples, "steps": steps, "input features": INPUTS}
    before = inputs.detach().clone()
    with students_code(doing or f"calling it on inputs of shape {tuple(inputs.shape)}", sizes):
        output = net(inputs)
    expect(bool((inputs.detach() == before).all()), "forward changes its inputs in place; leave them as they are.")
    expect_tensor(output, "what forward returns")
    got = tuple(output.shape)
    text = f"the output has shape {got}; it should be ({samples}, 1): one number a sample."
    if samples != steps and got[-2:] == (steps, 1):
        text += (
            " There is one number a step: batch and time are confused (batch_first=True? the last step is out[:, -1])."
        )
    elif got == (1, samples, 1):
        text += " The state of torch.nn.LSTM has a first axis for its layers; take h[-1]."
    elif got == (samples,):
        text += " Keep the last axis."
    elif got == (samples, HIDDENS):
        text += " The last linear layer is missing."
    expect(got == (samples, 1), text)
    return output


def layers_of(parameters: list["torch.nn.Parameter"], wanted: Layers) -> list[tuple]:
    """The weight and bias of each layer, found by their shapes and filled with values that let every part show."""
    import torch

    left = list(parameters)
    found, missing = [], []
    for name, shapes in wanted.items():
        pair = [next((p for p in left if tuple(p.shape) == shape), None) for shape in shapes]
        left = [p for p in left if not any(p is q for q in pair)]
        if pair[0] is None:
            missing.append(name)
        expect(pair[0] is None or pair[1] is not None, f"{name} has no bias.")
        found.append(tuple(pair))
    others = ", ".join(str(tuple(p.shape)) for p in left)
    rest = f" It has other parameters, of shapes {others}." if left else ""
    expect(not missing, f"a layer is missing or has other sizes: {'; '.join(missing)}.{rest}")
    expect(not left, f"it has more parameters than the task asks for, of shapes {others}: a layer too many?")
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for weight, bias in found:
            fan_in = weight[0].numel()
            weight.copy_(torch.randn(weight.shape, generator=generator) * 1.5 / fan_in**0.5)
            bias.copy_(torch.randn(bias.shape, generator=generator) * 0.3)
    return found


def check_repeatable(net: "torch.nn.Module", x: "torch.Tensor", output: "torch.Tensor") -> None:
    expect(
        difference(output, called(net, x, "calling it a second time")) < TOLERANCE,
        "a second call on the same inputs gives something else: is there dropout, a layer made anew in forward, or a "
        "state kept on self?",
    )


def check_alone(net: "torch.nn.Module", x: "torch.Tensor", output: "torch.Tensor") -> None:
    alone = called(net, x[:1], "calling it on a single sample")
    expect(
        difference(output[:1], alone) < TOLERANCE,
        "a sample's output changes with the other samples of its batch; each sample stands alone.",
    )


def check_behaviour(net: "torch.nn.Module", x: "torch.Tensor", output: "torch.Tensor") -> None:
    """Sample by sample, in another length and dtype, with a gradient everywhere."""
    import torch

    check_alone(net, x, output)
    called(net, x[:, :24], "calling it on 24 steps in place of 40")
    expect(
        output.requires_grad,
        "the output carries no gradient: is there a no_grad, a detach, a .data, or set_grad_enabled(False)?",
    )
    net.zero_grad()
    output.sum().backward()
    without = [n for n, p in net.named_parameters() if p.grad is None]
    expect(not without, f"no gradient reaches {', '.join(without)}: not used, or cut off with detach or no_grad?")
    with students_code("calling it in float64"):
        double = net.double()(x.double())
    expect_tensor(double, "what forward returns for float64")
    expect(double.dtype == torch.float64, f"float64 inputs give {double.dtype}; keep the dtype of the inputs.")


def verify_conv_net(answer: object) -> str:
    import torch

    net = made(answer, "ConvNet")
    first = next((m for m in net.modules() if isinstance(m, torch.nn.Conv1d)), None)
    if first is not None and first.in_channels == 1:
        raise CheckFailed("ConvNet() takes 1 input feature by default; the spectrogram has 17: inputs=17.")
    layers = layers_of(list(net.parameters()), CONVOLUTIONS)
    x = torch.randn(SAMPLES, STEPS, INPUTS, generator=torch.Generator().manual_seed(4))
    try:
        called(net, x)
    except CheckFailed as failure:
        if "channels" in str(failure):
            raise CheckFailed(
                "Conv1d wants (samples, features, steps), so the last two axes have to be swapped: inputs are "
                f"(samples, steps, features), use transpose(1, 2).\n{failure}"
            ) from None
        raise
    judge(net, x, layers, lambda changes: conv_recipe(layers, x, ConvRecipe(**changes)), CONV_MISTAKES)
    with students_code("making ConvNet(17, 3), with 3 outputs"):
        three = answer(INPUTS, 3)(x)
    expect_tensor(three, "what forward returns")
    expect(tuple(three.shape) == (SAMPLES, 3), f"ConvNet(17, 3) gives shape {tuple(three.shape)} in place of (3, 3).")
    return "three convolutions with two average pools, the mean over the steps, one number a sample."


def judge(
    net: "torch.nn.Module", x: "torch.Tensor", layers: list[tuple], computed: Callable, mistakes: list[Mistake]
) -> None:
    """The output equals the reference; where not, say which mistake it is."""
    import torch

    with torch.no_grad():
        layers[-1][1].sub_(computed({}).mean())  # outputs of both signs show what happens to negative ones
    output = called(net, x)
    check_repeatable(net, x, output)
    with torch.no_grad():
        gap = difference(computed({}), output)
        if gap > TOLERANCE:
            found = find_mistakes(mistakes, lambda changes: difference(computed(changes), output) <= TOLERANCE)
            expect(not found, told(found) if found else "")
            check_alone(net, x, output)
            raise CheckFailed(
                f"the layers are there, but the output differs from the reference (by {gap:.2g}): compare the order of "
                "the steps, and what goes in and out of each, with the task."
            )
    check_behaviour(net, x, output)


def is_own_lstm(module: "torch.nn.Module") -> bool:
    return all(hasattr(module, n) for n in NAMES)


def verify_lstm_net(answer: object, own_class: object = None) -> str:
    """`own_class`: the student's LSTM class, where it is given; otherwise any module with its parameters will do."""
    import torch

    net = made(answer, "LSTMNet")
    own = [m for m in net.modules() if m is not net and is_own_lstm(m)]
    expect(
        not [m for m in net.modules() if isinstance(m, torch.nn.RNNBase)],
        "it uses torch.nn.LSTM (or another of PyTorch's recurrent layers); here your own LSTM class is wanted.",
    )
    expect(len(own) == 1, f"it should hold one instance of your LSTM class; there are {len(own)}.")
    lstm = own[0]
    expect(
        not isinstance(own_class, type) or isinstance(lstm, own_class),
        f"its LSTM is a {type(lstm).__name__} of another definition; run the cell of LSTMNet again, or use your class.",
    )
    sizes = tuple(lstm.W_xi.shape)
    expect(
        sizes == (INPUTS, HIDDENS), f"the LSTM has {sizes[0]} inputs and {sizes[1]} hidden units; it should be 17, 128."
    )
    x = torch.randn(SAMPLES, STEPS, INPUTS, generator=torch.Generator().manual_seed(4))
    inside = {id(p) for p in lstm.parameters()}
    layers = layers_of([p for p in net.parameters() if id(p) not in inside], HEAD)
    enliven(lstm)
    with torch.no_grad(), students_code("calling your LSTM"):
        run = lstm(x)
    try:
        outputs, (hidden, cell) = run
        run = outputs, hidden.reshape(SAMPLES, HIDDENS), cell.reshape(SAMPLES, HIDDENS)
    except (TypeError, ValueError, AttributeError, RuntimeError):
        raise CheckFailed('the LSTM inside does not return outputs, (H, C): run check("lstm", LSTM) first.') from None
    judge(net, x, layers, lambda changes: head_recipe(layers, run, HeadRecipe(**changes)), READ_MISTAKES)
    return "your own LSTM with 128 hidden units, its final hidden state, two linear layers, one number a sample."


def enliven(lstm: "torch.nn.Module") -> None:
    """Weights large enough for outputs of different steps, and H and C, to differ."""
    import torch

    generator = torch.Generator().manual_seed(6)
    with torch.no_grad():
        for p in lstm.parameters():
            p.copy_(torch.randn(p.shape, generator=generator) * 0.2)


def verify_torch_lstm_net(answer: object) -> str:
    import torch

    net = made(answer, "TorchLSTMNet")
    own = [m for m in net.modules() if is_own_lstm(m)]
    expect(not own, "it uses your own LSTM class; here torch.nn.LSTM is wanted.")
    layers = [m for m in net.modules() if isinstance(m, torch.nn.RNNBase)]
    expect(len(layers) == 1, f"it should hold one torch.nn.LSTM; there are {len(layers)} recurrent layers.")
    lstm = layers[0]
    expect(
        isinstance(lstm, torch.nn.LSTM), f"its recurrent layer is a {type(lstm).__name__}; the task asks for an LSTM."
    )
    got = (lstm.input_size, lstm.hidden_size)
    expect(got == (INPUTS, HIDDENS), f"the LSTM has {got[0]} inputs and {got[1]} hidden units; it should be 17, 128.")
    expect(lstm.num_layers == 1, f"the LSTM has {lstm.num_layers} layers; the task asks for one.")
    expect(
        not lstm.bidirectional, "the LSTM reads in both directions (bidirectional); the task asks for one direction."
    )
    expect(lstm.bias and not lstm.proj_size, "the LSTM should have biases and no projection.")
    x = torch.randn(SAMPLES, STEPS, INPUTS, generator=torch.Generator().manual_seed(4))
    inside = {id(p) for p in lstm.parameters()}
    layers = layers_of([p for p in net.parameters() if id(p) not in inside], HEAD)
    enliven(lstm)
    called(net, x)
    runs = {}
    for batch_first in (True, False):
        twin = torch.nn.LSTM(INPUTS, HIDDENS, batch_first=batch_first)
        twin.load_state_dict(lstm.state_dict())
        with torch.no_grad():
            outputs, (hidden, cell) = twin(x)
        runs[batch_first] = (outputs, hidden[-1], cell[-1])
    # Without batch_first only the outputs at the last position have one row a sample.
    runs[False] = (runs[False][0], runs[False][0][:, -1], runs[False][0][:, -1])

    def computed(changes: dict) -> "torch.Tensor":
        recipe = HeadRecipe(**changes)
        return head_recipe(layers, runs[recipe.batch_first], recipe)

    judge(net, x, layers, computed, [BATCH_FIRST, *READ_MISTAKES])
    return "torch.nn.LSTM with 128 hidden units, its final hidden state, two linear layers, one number a sample."


TASKS = {
    "conv_net": Task(
        verify_conv_net,
        (
            "Conv1d wants the features on axis 1 and convolves over the last axis, so swap these two first. Then it is "
            "a list of layers, in the order of the task.",
            "A torch.nn.Sequential of: convolution, ReLU, average pool of 2; the same again; convolution, ReLU; "
            "AdaptiveAvgPool1d(1); Flatten; Linear. Channels go 17, 32, 64, 128, kernels have size 3, no padding. "
            "No sigmoid at the end: the loss has it.",
        ),
    ),
    "lstm_net": Task(
        verify_lstm_net,
        (
            "RNNNet is nearly it. What does your LSTM return that differs from what the RNN returns?",
            "Make your LSTM with 128 hidden units in __init__, and the same two linear layers with a ReLU between as "
            "in RNNNet. In forward the LSTM gives outputs, (H, C): pass H, the final hidden state, on.",
        ),
    ),
    "torch_lstm_net": Task(
        verify_torch_lstm_net,
        (
            "torch.nn.LSTM reads (steps, samples, features) unless told otherwise: which argument says that the batch "
            "comes first?",
            "Make it with batch_first=True. It gives outputs, (h, c) as yours does, but h has a first axis for the "
            "layers, (1, samples, 128): take its last entry before the linear layers.",
        ),
    ),
}
