"""Recurrent layers from scratch: a plain RNN and an LSTM whose equations can be read and whose numbers can be trusted.

The LSTM (Hochreiter & Schmidhuber 1997, doi:10.1162/neco.1997.9.8.1735; forget gate: Gers, Schmidhuber &
Cummins 2000, doi:10.1162/089976600300015015) computes at each step, from the input x and the state (h, c),

    i, f, o = sigmoid(W x + U h + b)      input, forget and output gate
    g       = tanh(W x + U h + b)         candidate
    c       = f * c + i * g
    h       = o * tanh(c)

The four blocks of W, U and b are stored below each other in the order i, f, o, g, so one matrix product
serves all four and the three sigmoids are neighbours. `lib.models.lstm_backward` holds the fast version.
"""

import warnings
from collections.abc import Callable
from functools import cache, partial
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from lib.models import lstm_backward, lstm_native

Candidate = Literal["tanh", "sigmoid"]
Backend = Literal["auto", "fused", "manual", "native", "triton", "compiled"]
Init = Literal["normal", "uniform", "orthogonal"]

CANDIDATES, BACKENDS, INITS = (
    ("tanh", "sigmoid"),
    ("auto", "fused", "manual", "native", "triton", "compiled"),
    ("normal", "uniform", "orthogonal"),
)
NORMAL_STD = 0.01  # of the source document's weights


def lstm_fused(
    inputs: Tensor,
    h: Tensor,
    c: Tensor,
    weight_input: Tensor,
    weight_hidden: Tensor,
    bias: Tensor,
    candidate: Candidate,
) -> tuple[Tensor, Tensor, Tensor]:
    """The equations above with one product for all gates, and one for the inputs of all steps; autograd does the rest.

    Parameters
    ----------
    inputs : (samples, steps, features).
    h, c : (samples, hiddens) initial state.
    weight_input, weight_hidden, bias : (4 hiddens, features), (4 hiddens, hiddens), (4 hiddens,), in order i, f, o, g.
    candidate : what squashes g.

    Returns
    -------
    (samples, steps, hiddens) all hidden states, and the last h and c.
    """
    hiddens = h.shape[1]
    squash = torch.tanh if candidate == "tanh" else torch.sigmoid
    outputs = []
    # Steps first, so that each step is one block of memory. `unbind` makes one node in the graph; indexing would
    # make one a step, each with a gradient as large as the whole sequence.
    for projected in functional.linear(inputs.transpose(0, 1), weight_input, bias).unbind():
        gates = torch.addmm(projected, h, weight_hidden.t())
        i, f, o = torch.sigmoid(gates[:, : 3 * hiddens]).chunk(3, dim=1)
        g = squash(gates[:, 3 * hiddens :])
        c = f * c + i * g
        h = o * torch.tanh(c)
        outputs.append(h)
    return torch.stack(outputs, dim=1), h, c


@cache
def _lstm_compiled() -> Callable:
    return torch.compile(lstm_fused, dynamic=False)


@cache
def _usable(loops: str, device: torch.device) -> bool:
    """Whether the loops in C or Triton run on this machine; says why not, once."""
    try:
        if loops == "native" and device.type == "cpu":
            lstm_native.library()
        if loops == "triton" and device.type == "cuda":
            from lib.models import lstm_triton

            lstm_triton.check(device)
    except (RuntimeError, ImportError) as error:
        warnings.warn(f"LSTM runs with backend 'manual' instead of {loops!r}: {error}", stacklevel=4)
        return False
    return True


class LSTM(nn.Module):
    """One layer of long short-term memory; equal to `torch.nn.LSTM(batch_first=True)` with the same weights.

    Parameters
    ----------
    num_inputs, num_hiddens : features of a step, and units.
    candidate : "tanh", or "sigmoid" to repeat the source document's mistake and measure its cost.
    forget_bias : added to the forget gate's initial bias; 1 lets a fresh network remember
        (Jozefowicz, Zaremba & Sutskever 2015, proceedings.mlr.press/v37/jozefowicz15.html).
    init : "normal", weights N(0, 0.01) as in the source document; "uniform", ±1/√hiddens as PyTorch's;
        "orthogonal", recurrent blocks orthogonal (Saxe et al. 2014, arXiv:1312.6120), input weights Glorot uniform.
    backend : "fused", the loop above with autograd; "manual", the gradient written by hand, faster; "native", its
        loops in C, faster still on a CPU (float32; built in a second, once); "triton", one kernel a step on a GPU
        (float32); "compiled", torch.compile of "fused", which needs a C++ compiler and half a minute at the first
        call of each shape; "auto", the quickest that needs no compiler, "manual". Where "native" or "triton" can't
        be had they warn and "manual" runs. All give the same numbers up to rounding.
    """

    def __init__(
        self,
        num_inputs: int,
        num_hiddens: int,
        *,
        candidate: Candidate = "tanh",
        forget_bias: float = 1.0,
        init: Init = "normal",
        backend: Backend = "auto",
    ) -> None:
        super().__init__()
        _check_choice("candidate", candidate, CANDIDATES)
        _check_choice("init", init, INITS)
        _check_choice("backend", backend, BACKENDS)
        self.num_inputs, self.num_hiddens = num_inputs, num_hiddens
        self.candidate, self.backend = candidate, backend
        self.weight_input = nn.Parameter(torch.empty(4 * num_hiddens, num_inputs))
        self.weight_hidden = nn.Parameter(torch.empty(4 * num_hiddens, num_hiddens))
        self.bias = nn.Parameter(torch.empty(4 * num_hiddens))
        _initialise(self.weight_input, self.weight_hidden, self.bias, init)
        with torch.no_grad():
            self.bias[num_hiddens : 2 * num_hiddens] += forget_bias

    def forward(
        self, inputs: Tensor, state: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Run all steps.

        Parameters
        ----------
        inputs : (samples, steps, features).
        state : initial (H, C), each (samples, hiddens); zeros by default.

        Returns
        -------
        outputs (samples, steps, hiddens), and the final (H, C). Raises `ValueError` on other shapes.
        """
        _check_inputs(inputs, self.weight_input)
        if state is None:
            h = c = self.bias.new_zeros(len(inputs), self.num_hiddens)
        else:
            h, c = _pair(state)
            for name, part in (("H", h), ("C", c)):
                _check_state(name, part, len(inputs), self.num_hiddens)
        arguments = (inputs, h, c, self.weight_input, self.weight_hidden, self.bias, self.candidate)
        outputs, h, c = self._steps()(*arguments)
        return outputs, (h, c)

    def _steps(self) -> Callable:
        # Tracers follow the plain loop and make their own gradient.
        if self.backend == "fused" or torch.compiler.is_compiling() or torch.jit.is_tracing():
            return lstm_fused
        if self.backend == "compiled":
            return _lstm_compiled()
        chosen = self.backend if self.backend in ("native", "triton") else "python"
        usable = chosen == "python" or _usable(chosen, self.bias.device)
        return partial(lstm_backward.lstm_manual, loops=chosen if usable else "python")

    def extra_repr(self) -> str:
        return f"{self.num_inputs}, {self.num_hiddens}, candidate={self.candidate!r}, backend={self.backend!r}"


class RNN(nn.Module):
    """One recurrent layer, h = tanh(W x + U h + b) (Elman 1990, doi:10.1207/s15516709cog1402_1).

    Parameters
    ----------
    num_inputs, num_hiddens : features of a step, and units.
    init : "normal", weights N(0, 0.01) as in the source document, with which gradients vanish; "uniform", ±1/√hiddens
        as PyTorch's; "orthogonal", U orthogonal, so that gradients keep their size at first.
    """

    def __init__(self, num_inputs: int, num_hiddens: int, *, init: Init = "normal") -> None:
        super().__init__()
        _check_choice("init", init, INITS)
        self.num_inputs, self.num_hiddens = num_inputs, num_hiddens
        self.weight_input = nn.Parameter(torch.empty(num_hiddens, num_inputs))
        self.weight_hidden = nn.Parameter(torch.empty(num_hiddens, num_hiddens))
        self.bias = nn.Parameter(torch.empty(num_hiddens))
        _initialise(self.weight_input, self.weight_hidden, self.bias, init)

    def forward(self, inputs: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Run all steps of (samples, steps, features); return outputs (samples, steps, hiddens) and the last of them.

        `state` is the initial (samples, hiddens), zeros by default. Raises `ValueError` on other shapes.
        """
        _check_inputs(inputs, self.weight_input)
        h = self.bias.new_zeros(len(inputs), self.num_hiddens) if state is None else state
        _check_state("state", h, len(inputs), self.num_hiddens)
        outputs = []
        for projected in functional.linear(inputs.transpose(0, 1), self.weight_input, self.bias).unbind():
            h = torch.tanh(torch.addmm(projected, h, self.weight_hidden.t()))
            outputs.append(h)
        return torch.stack(outputs, dim=1), h

    def extra_repr(self) -> str:
        return f"{self.num_inputs}, {self.num_hiddens}"


def _initialise(weight_input: Tensor, weight_hidden: Tensor, bias: Tensor, init: Init) -> None:
    """Fill the parameters in place; see `LSTM` for what the names mean."""
    hiddens = weight_hidden.shape[1]
    if init == "uniform":
        for parameter in (weight_input, weight_hidden, bias):
            nn.init.uniform_(parameter, -(hiddens**-0.5), hiddens**-0.5)
        return
    nn.init.zeros_(bias)
    if init == "normal":
        for parameter in (weight_input, weight_hidden):
            nn.init.normal_(parameter, std=NORMAL_STD)
        return
    with torch.no_grad():
        for block_input, block_hidden in zip(weight_input.split(hiddens), weight_hidden.split(hiddens), strict=True):
            nn.init.xavier_uniform_(block_input)
            nn.init.orthogonal_(block_hidden)


def _check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ValueError(f"{name} is one of {', '.join(map(repr, choices))}, got {value!r}")


def _check_inputs(inputs: Tensor, weight: Tensor) -> None:
    got, features = tuple(inputs.shape), weight.shape[1]
    if inputs.ndim != 3:
        raise ValueError(f"inputs need 3 dimensions (samples, steps, {features} features), got {inputs.ndim}: {got}")
    if got[2] != features:
        raise ValueError(
            f"inputs need {features} features in their last dimension, (samples, steps, {features}), got {got}"
        )
    if got[1] == 0:
        raise ValueError(f"inputs need at least one step, (samples, steps, {features}), got {got}")
    if inputs.dtype != weight.dtype and not torch.is_autocast_enabled(inputs.device.type):
        raise ValueError(f"inputs are {inputs.dtype}, the weights {weight.dtype}; convert one with .to(dtype)")


def _pair(state: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    if isinstance(state, Tensor) or len(state) != 2:
        raise ValueError("the state of an LSTM is a pair (H, C) of tensors")
    return state


def _check_state(name: str, part: Tensor, samples: int, hiddens: int) -> None:
    if tuple(part.shape) != (samples, hiddens):
        raise ValueError(
            f"the initial {name} needs shape (samples, hiddens) = {(samples, hiddens)}, got {tuple(part.shape)}"
        )
