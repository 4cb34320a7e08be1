"""The check of the LSTM written from scratch (Hochreiter and Schmidhuber 1997, doi:10.1162/neco.1997.9.8.1735).

The reference values come from `torch.nn.LSTM` with the same weights. When the student's differ, an LSTM whose parts
can be got wrong on purpose tells which mistake, or which two, give exactly the student's values.
"""

from typing import TYPE_CHECKING

from lib.checks.compare import difference, find_mistakes, students_code, told
from lib.checks.failure import CheckFailed, expect
from lib.checks.lstm_answer import HIDDENS, INPUTS, NAMES, SAMPLES, SIZES, STEPS, called, made, set_weights
from lib.checks.lstm_recipe import GRADIENT_MISTAKES, STATE_MISTAKES, Recipe, Run, lstm_recipe, mistakes
from lib.checks.task import Task

if TYPE_CHECKING:
    import torch

TOLERANCE = {"float32": 1e-6, "float64": 1e-10}


def reference(net: "torch.nn.Module", inputs: "torch.Tensor") -> tuple[Run, dict[str, "torch.Tensor"]]:
    """What `torch.nn.LSTM` gives with the student's weights, and the gradients of `loss_of` it."""
    import torch

    lstm = torch.nn.LSTM(INPUTS, HIDDENS, batch_first=True).to(inputs.dtype)
    order = "ifco"  # PyTorch's; its candidate is called g
    with torch.no_grad():
        lstm.weight_ih_l0.copy_(torch.cat([getattr(net, f"W_x{g}").T for g in order]))
        lstm.weight_hh_l0.copy_(torch.cat([getattr(net, f"W_h{g}").T for g in order]))
        lstm.bias_ih_l0.copy_(torch.cat([getattr(net, f"b_{g}") for g in order]))
        lstm.bias_hh_l0.zero_()
    x = inputs.clone().requires_grad_()
    outputs, (hidden, cell) = lstm(x)
    run = outputs, hidden[0], cell[0]
    loss_of(run).backward()
    gradients = {"inputs": x.grad}
    for n, g in enumerate(order):
        rows = slice(n * HIDDENS, (n + 1) * HIDDENS)
        gradients[f"W_x{g}"] = lstm.weight_ih_l0.grad[rows].T
        gradients[f"W_h{g}"] = lstm.weight_hh_l0.grad[rows].T
        gradients[f"b_{g}"] = lstm.bias_ih_l0.grad[rows]
    return tuple(r.detach() for r in run), gradients


def loss_of(run: Run) -> "torch.Tensor":
    """A number that depends on every value of a run, each with a weight of its own."""
    import torch

    return sum((r * torch.linspace(-1, 1, r.numel(), dtype=r.dtype).view(r.shape)).sum() for r in run)


def check_repeatable(net: "torch.nn.Module", inputs: "torch.Tensor", first: Run) -> None:
    """The same inputs give the same outputs again."""
    import torch

    again = called(net, inputs, "calling it a second time")
    if max(difference(a, b) for a, b in zip(first, again, strict=True)) == 0:
        return
    runs = []
    for _ in range(2):
        torch.manual_seed(0)
        runs.append(called(net, inputs, "calling it again"))
    if max(difference(a, b) for a, b in zip(*runs, strict=True)) == 0:
        raise CheckFailed("two calls on the same inputs differ by chance: a state starts at random. Start from zeros.")
    raise CheckFailed("a second call goes on from the first: the state is kept on self. Start each call from zeros.")


def check_values(net: "torch.nn.Module", inputs: "torch.Tensor", run: Run, wanted: Run, tolerance: float) -> None:
    """Outputs, then states, equal the reference; where not, say which mistake it is."""
    weights = {n: getattr(net, n).detach() for n in NAMES}
    x = inputs.detach()

    def same(changes: dict, parts: tuple[int, ...] = (0,)) -> bool:
        made_so = lstm_recipe(weights, x, Recipe(**changes))
        return all(difference(made_so[k], run[k]) < 1e-5 for k in parts if made_so[k].shape == run[k].shape)

    if difference(wanted[0], run[0]) > tolerance:
        found = find_mistakes(mistakes(), same)
        if found:
            raise CheckFailed(told(found))
        check_behaviour(net, inputs, run)
        steps = [t for t in range(inputs.shape[1]) if difference(wanted[0][:, t], run[0][:, t]) > 1e-5]
        if steps and steps[0] > 0:
            raise CheckFailed(
                f"the outputs are right up to step {steps[0]} and differ from the reference after it: look at "
                "what is carried from step to step."
            )
        raise CheckFailed(
            "the outputs differ from the reference from the first step on (largest difference "
            f"{difference(wanted[0], run[0]):.2g}): compare the equations of the gates, the candidate and H one by one."
        )
    if max(difference(wanted[k], run[k]) for k in (1, 2)) > tolerance:
        found = find_mistakes(STATE_MISTAKES, lambda changes: same(changes, (1, 2)), 1)
        if found:
            raise CheckFailed(told(found))
        wrong = "H" if difference(wanted[1], run[1]) > tolerance else "C"
        raise CheckFailed(f"the outputs are right, but the state {wrong} returned is not the one after the last step.")


def check_gradients(
    net: "torch.nn.Module", inputs: "torch.Tensor", wanted: dict[str, "torch.Tensor"], tolerance: float
) -> None:
    """Every parameter gets the gradient that the reference gets."""
    import torch

    x = inputs.clone().requires_grad_()
    net.zero_grad()
    run = called(net, x, "calling it on inputs that need a gradient")
    expect(
        all(r.requires_grad for r in run),
        "the outputs carry no gradient, so nothing can be learned: is there a no_grad, a detach, a .data, or "
        "set_grad_enabled(False)?",
    )
    with students_code("running the backward pass", SIZES):
        loss_of(run).backward()
    got = {n: getattr(net, n).grad for n in NAMES} | {"inputs": x.grad}
    without = [n for n, g in got.items() if g is None]
    expect(not without, f"no gradient reaches {', '.join(without)}: used through a copy, .data or detach?")
    if max(difference(wanted[n], got[n]) for n in got) <= tolerance:
        return
    weights = {n: getattr(net, n).detach().clone().requires_grad_() for n in NAMES}

    def same(changes: dict) -> bool:
        values = list(weights.values())
        theirs = torch.autograd.grad(loss_of(lstm_recipe(weights, inputs, Recipe(**changes))), values)
        return all(difference(t, got[n]) < 1e-5 for n, t in zip(weights, theirs, strict=True))

    found = find_mistakes(GRADIENT_MISTAKES, same, 1)
    text = "something is cut off from the gradient (detach, .data, no_grad, a new tensor made from values)."
    raise CheckFailed("outputs are right, but gradients are not: " + (told(found) if found else text))


def check_behaviour(net: "torch.nn.Module", inputs: "torch.Tensor", run: Run) -> None:
    """Samples don't influence each other; other numbers of samples and steps work."""
    import torch

    for k in range(SAMPLES):
        alone = called(net, inputs[k : k + 1], "calling it on a single sample")
        expect(
            max(difference(r[k : k + 1], a) for r, a in zip(run, alone, strict=True)) < 1e-5,
            "a sample's outputs change with the other samples of its batch; each sample stands alone.",
        )
    short = called(net, inputs[:, :2], "calling it on 2 steps")
    expect(difference(run[0][:, :2], short[0]) < 1e-5, "the first outputs change when later steps are left out.")
    called(net, torch.cat([inputs, inputs], 1), "calling it on another number of steps")


def check_precision(net: "torch.nn.Module", dtype: "torch.dtype") -> None:
    """Shapes, then values, then behaviour, with weights and inputs of one dtype."""
    import torch

    name = str(dtype).removeprefix("torch.")
    generator = torch.Generator().manual_seed(3)
    net.to(dtype)
    set_weights(net, generator)
    x = torch.randn(SAMPLES, STEPS, INPUTS, generator=generator, dtype=torch.float64).to(dtype)
    run = called(net, x, f"calling it on {name} inputs of shape {tuple(x.shape)}")
    dtypes = ", ".join(str(r.dtype).removeprefix("torch.") for r in run)
    expect(
        all(r.dtype == dtype for r in run),
        f"{name} inputs give outputs, H and C of dtype {dtypes}; keep the dtype of the inputs.",
    )
    check_repeatable(net, x, run)
    wanted, gradients = reference(net, x)
    check_values(net, x, run, wanted, TOLERANCE[name])
    check_gradients(net, x, gradients, TOLERANCE[name])
    check_behaviour(net, x, tuple(r.detach() for r in run))


def verify_lstm(answer: object) -> str:
    """Everything in float32, then in float64, and that it would run on a GPU."""
    import torch

    net = made(answer)
    forget = float(net.b_f.detach().mean())
    check_precision(net, torch.float32)
    try:
        check_precision(net, torch.float64)
    except CheckFailed as failure:
        raise CheckFailed(
            "it works in float32 but not in float64: make the initial states with dtype=inputs.dtype and "
            f"device=inputs.device.\n{failure}"
        ) from None
    check_other_device(net)
    note = "" if forget > 0.5 else " (Your forget-gate bias starts near 0; 1 helps to remember from the beginning.)"
    return "shapes, outputs, states and gradients equal torch.nn.LSTM (float32 to 1e-6, float64 to 1e-10)." + note


def load_meta_device() -> None:
    """PyTorch takes a second to load what its `meta` device needs."""
    import torch

    torch.sigmoid(torch.zeros(1, 1, device="meta") @ torch.zeros(1, 1, device="meta"))


def check_other_device(net: "torch.nn.Module") -> None:
    """On a GPU the initial states must be there too; PyTorch's `meta` device tells without one."""
    import torch

    try:
        net.to("meta")(torch.zeros(SAMPLES, STEPS, INPUTS, dtype=torch.float64, device="meta"))
    except Exception as error:
        expect(
            "device" not in str(error),
            "on a GPU it would stop, because a tensor stays on the CPU: make the states with device=inputs.device.",
        )


TASKS = {
    "lstm": Task(
        verify_lstm,
        (
            "Start from the RNN above and give it a second state, the cell state. A step computes four things of the "
            "same form from the inputs and the last hidden state: three gates (sigmoid) and a candidate (tanh). Gates "
            "are multiplied element by element: one forgets, one lets in, one lets out.",
            "In each step the new cell state is what the forget gate keeps of the old one plus what the input gate "
            "admits of the candidate; the new hidden state is what the output gate shows of tanh of the new cell "
            "state. Begin with zeros of shape (samples, num_hiddens) in the inputs' dtype and on their device, go over "
            "inputs[:, t], collect the hidden states, stack them on axis 1, and return outputs, (H, C).",
        ),
        prepare=load_meta_device,
    )
}
