"""How fast each way of computing an LSTM is: examples per second of a whole training step, side by side.

The ladder, from the equations as one writes them first to what the machine can do: `NaiveLSTM` here, the backends
of `lib.models.recurrent.LSTM`, and `torch.nn.LSTM`. All start from the same weights, are compared before they are
timed, and take turns round by round, so that whatever else the machine does hits all alike.
"""

import statistics
import time
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from lib.models.recurrent import LSTM

REFERENCE = "nn.LSTM"
STEPS = {  # of the ladder
    "cpu": ("naive", "fused", "manual", "native", "compiled", REFERENCE),
    "cuda": ("naive", "fused", "manual", "triton", "graphed", "compiled", REFERENCE),
}
MOST_DIFFERENT = 1e-5  # of the largest value; float32, where nn.LSTM's own bias gradient is 2e-6 off


class NaiveLSTM(nn.Module):
    """The equations line by line, each gate with weights and products of its own; parameters as those of an `LSTM`."""

    def __init__(self, num_inputs: int, num_hiddens: int) -> None:
        super().__init__()
        self.num_hiddens = num_hiddens
        for gate in "ifog":
            self.register_parameter(f"w_{gate}", nn.Parameter(torch.randn(num_inputs, num_hiddens) * 0.01))
            self.register_parameter(f"u_{gate}", nn.Parameter(torch.randn(num_hiddens, num_hiddens) * 0.01))
            self.register_parameter(f"b_{gate}", nn.Parameter(torch.zeros(num_hiddens)))

    def forward(self, inputs: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """(samples, steps, features) to outputs (samples, steps, hiddens) and the final (H, C)."""
        h = c = inputs.new_zeros(len(inputs), self.num_hiddens)
        outputs = []
        for x in inputs.transpose(0, 1):
            i = torch.sigmoid(x @ self.w_i + h @ self.u_i + self.b_i)
            f = torch.sigmoid(x @ self.w_f + h @ self.u_f + self.b_f)
            o = torch.sigmoid(x @ self.w_o + h @ self.u_o + self.b_o)
            g = torch.tanh(x @ self.w_g + h @ self.u_g + self.b_g)
            c = f * c + i * g
            h = o * torch.tanh(c)
            outputs.append(h)
        return torch.stack(outputs, dim=1), (h, c)


class Classifier(nn.Module):
    """The assignment's LSTM network: the final H through a hidden layer to one logit a sample."""

    def __init__(self, recurrent: nn.Module, num_hiddens: int, head: int = 128) -> None:
        super().__init__()
        self.recurrent = recurrent
        self.head = nn.Sequential(nn.Linear(num_hiddens, head), nn.ReLU(), nn.Linear(head, 1))

    def forward(self, inputs: Tensor) -> Tensor:
        _, (h, _) = self.recurrent(inputs)
        return self.head(h.reshape(len(inputs), -1)).squeeze(-1)


def make_lstm(step: str, like: LSTM) -> nn.Module:
    """A step of the ladder with the weights of `like`."""
    if step == "naive":
        made = NaiveLSTM(like.num_inputs, like.num_hiddens)
        for k, gate in enumerate("ifog"):
            for name, parameter in (("w", like.weight_input), ("u", like.weight_hidden), ("b", like.bias)):
                getattr(made, f"{name}_{gate}").data = parameter.data.chunk(4)[k].t().clone().contiguous()
    elif step == REFERENCE:
        made = nn.LSTM(like.num_inputs, like.num_hiddens, batch_first=True)
        for target, parameter in (
            (made.weight_ih_l0, like.weight_input),
            (made.weight_hh_l0, like.weight_hidden),
            (made.bias_ih_l0, like.bias),
        ):
            i, f, o, g = parameter.data.chunk(4)
            target.data = torch.cat([i, f, g, o])
        made.bias_hh_l0.data.zero_()
    else:
        made = LSTM(like.num_inputs, like.num_hiddens, backend=step)
        made.load_state_dict(like.state_dict())
    return made.to(like.bias.device)


def measure(
    steps: Sequence[str] | None = None,
    *,
    device: str = "cpu",
    threads: int | None = None,
    rounds: int = 15,
    batches: int = 4,
    samples: int = 192,
    length: int = 40,
    features: int = 17,
    hiddens: int = 128,
) -> dict:
    """Time forward, backward and Adam step of the assignment's network for each step of the ladder.

    Parameters
    ----------
    steps : of the ladder, by default `STEPS[device]`; `nn.LSTM` is always among them. "graphed" is the Triton
        backend, recorded as a CUDA graph.
    device : "cpu" or "cuda".
    threads : of PyTorch on the CPU, as they are by default.
    rounds, batches : each step in turn does `batches` batches, `rounds` times.
    samples, length, features, hiddens : of a batch, and units.

    Returns
    -------
    dict of device, threads, the sizes, and `steps`: for each name `examples_per_second` and `ratio` (to nn.LSTM in
    the same round), both [median, lower quartile, upper quartile]; `first_call` in seconds; and `difference`, the
    largest of outputs and gradients from nn.LSTM's. Raises `ValueError` where that exceeds `MOST_DIFFERENT`.
    """
    names = [step for step in steps or STEPS[device] if step != REFERENCE] + [REFERENCE]
    before, exact = torch.get_num_threads(), torch.backends.cudnn.allow_tf32
    if threads is not None:
        torch.set_num_threads(threads)
    torch.backends.cudnn.allow_tf32 = False  # as PyTorch's own products by default: float32 for all
    try:
        with torch.random.fork_rng():
            torch.manual_seed(0)
            with torch.device(device):
                inputs, labels = torch.randn(samples, length, features), torch.randint(2, (samples,)).float()
                base = Classifier(LSTM(features, hiddens, init="uniform"), hiddens)
            trainers, report, expected = {}, {}, None
            for name in [REFERENCE, *names[:-1]]:
                network = _network(name, base, inputs)
                seconds, results = _timed(lambda network=network: _first(network, inputs, labels), device)
                expected = expected or results
                difference = max(map(_difference, results, expected))
                if not difference <= MOST_DIFFERENT:
                    raise ValueError(f"{name} differs from nn.LSTM by {difference:.1e} of the largest value")
                report[name] = {"first_call": seconds, "difference": difference}
                trainers[name] = _trainer(network, inputs, labels, batches)
        times = {name: [] for name in names}
        for turn in range(rounds + 1):
            for name in names:
                seconds, _ = _timed(trainers[name], device)
                if turn:  # the first warms up
                    times[name].append(seconds / batches)
    finally:
        actual = torch.get_num_threads()
        torch.set_num_threads(before)
        torch.backends.cudnn.allow_tf32 = exact
    for name in names:
        pairs = zip(times[REFERENCE], times[name], strict=True)
        report[name]["examples_per_second"] = _spread([samples / seconds for seconds in times[name]])
        report[name]["ratio"] = _spread([theirs / ours for theirs, ours in pairs])
    return {
        "device": device if device == "cpu" else torch.cuda.get_device_name(device),
        "threads": actual,
        "sizes": {"samples": samples, "length": length, "features": features, "hiddens": hiddens},
        "rounds": rounds,
        "steps": {name: report[name] for name in names},
    }


def _network(name: str, base: Classifier, inputs: Tensor) -> Classifier:
    """`base` with another way to compute its LSTM."""
    recurrent = make_lstm("triton" if name == "graphed" else name, base.recurrent)
    if name == "graphed":
        recurrent = torch.cuda.make_graphed_callables(recurrent, (inputs,))
    network = Classifier(recurrent, base.recurrent.num_hiddens).to(inputs.device)
    network.head.load_state_dict(base.head.state_dict())
    return network


def _timed(call: Callable, device: str) -> tuple[float, object]:
    """Seconds until the device is done, and what was returned."""
    if device != "cpu":
        torch.cuda.synchronize()
    began = time.perf_counter()
    result = call()
    if device != "cpu":
        torch.cuda.synchronize()
    return time.perf_counter() - began, result


def _first(network: Classifier, inputs: Tensor, labels: Tensor) -> list[Tensor]:
    """Logits and the gradients of the head, which depend on every number of the LSTM's H, and of the LSTM."""
    logits = network(inputs)
    functional.binary_cross_entropy_with_logits(logits, labels).backward()
    return [logits.detach(), *(p.grad.clone() for p in network.head.parameters()), *_gradients(network.recurrent)]


def _gradients(recurrent: nn.Module) -> list[Tensor]:
    """Those of input weights, recurrent weights and bias, in the order i, f, o, g."""
    if isinstance(recurrent, NaiveLSTM):
        columns = [[getattr(recurrent, f"{name}_{gate}").grad.t() for gate in "ifog"] for name in "wu"]
        return [*map(torch.cat, columns), torch.cat([getattr(recurrent, f"b_{gate}").grad for gate in "ifog"])]
    if isinstance(recurrent, nn.LSTM):
        found = recurrent.weight_ih_l0, recurrent.weight_hh_l0, recurrent.bias_ih_l0
        return [torch.cat([part.grad.chunk(4)[k] for k in (0, 1, 3, 2)]) for part in found]
    return [part.grad.clone() for part in (recurrent.weight_input, recurrent.weight_hidden, recurrent.bias)]


def _difference(ours: Tensor, theirs: Tensor) -> float:
    return ((ours - theirs).abs().max() / theirs.abs().max()).item()


def _trainer(network: Classifier, inputs: Tensor, labels: Tensor, batches: int) -> Callable[[], None]:
    optimiser = torch.optim.Adam(network.parameters())

    def train() -> None:
        for _ in range(batches):
            optimiser.zero_grad()
            functional.binary_cross_entropy_with_logits(network(inputs), labels).backward()
            optimiser.step()

    return train


def _spread(values: list[float]) -> list[float]:
    """Median, lower and upper quartile."""
    if len(values) < 2:
        return values * 3
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return [statistics.median(values), low, high]
