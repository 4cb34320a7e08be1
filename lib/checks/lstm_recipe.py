"""An LSTM whose parts can be got wrong on purpose, to tell which mistake gives a student's values."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

from lib.checks.compare import Mistake

if TYPE_CHECKING:
    import torch

GATES = "ifoc"
GATE_NAMES = {"i": "input gate", "f": "forget gate", "o": "output gate", "c": "candidate (input node)"}

Weights = dict[str, "torch.Tensor"]
Run = tuple["torch.Tensor", "torch.Tensor", "torch.Tensor"]  # outputs, final H, final C


@dataclass(frozen=True)
class Recipe:
    """How the LSTM is computed; the defaults are right."""

    roles: str = GATES  # whose weights play the parts of i, f, o and c
    squash: str = "sigmoid"
    candidate: str = "tanh"
    shown: str = "tanh"  # of the cell state, on its way to H
    biases: str = GATES
    carry_hidden: bool = True
    carry_cell: bool = True
    detach: str = ""  # "h", "c" or both
    unused: str = ""  # gates that are left out
    coupled: bool = False
    transposed: bool = False
    old_cell: bool = False
    time: str = "steps"
    start: float = 0.0
    gives: str = "h"
    state: str = "last"


def function(name: str) -> Callable:
    import torch

    return {"none": lambda z: z}.get(name) or getattr(torch, name)


def lstm_recipe(weights: Weights, inputs: "torch.Tensor", recipe: Recipe) -> Run:
    """Outputs (samples, steps, hiddens) and final states (samples, hiddens) of an LSTM made by `recipe`."""
    import torch

    x = inputs.transpose(0, 1) if recipe.time == "samples" else inputs
    x = x.flip(1) if recipe.time == "reversed" else x
    squash, candidate, shown = (function(n) for n in (recipe.squash, recipe.candidate, recipe.shown))
    zeros = torch.zeros(x.shape[0], weights["b_i"].shape[0], dtype=x.dtype)
    hidden = cell = zeros + recipe.start
    hiddens, cells = [], []
    for x_t in x.unbind(1):
        hidden = hidden.detach() if "h" in recipe.detach else hidden
        cell = cell.detach() if "c" in recipe.detach else cell
        h_in, c_in = (s if kept else zeros for s, kept in ((hidden, recipe.carry_hidden), (cell, recipe.carry_cell)))
        sums = []
        for gate in recipe.roles:
            w_h = weights[f"W_h{gate}"]
            total = x_t @ weights[f"W_x{gate}"] + h_in @ (w_h.T if recipe.transposed else w_h)
            sums.append(total + weights[f"b_{gate}"] if gate in recipe.biases else total)
        i, f, o = (
            torch.ones_like(s) if gate in recipe.unused else squash(s) for gate, s in zip("ifo", sums, strict=False)
        )
        i = 1 - f if recipe.coupled else i
        cell = f * c_in + i * candidate(sums[3])
        hidden = o * shown(c_in if recipe.old_cell else cell)
        hiddens.append(hidden)
        cells.append(cell)
    outputs = torch.stack(hiddens if recipe.gives == "h" else cells, 1)
    outputs = outputs.transpose(0, 1) if recipe.time == "samples" else outputs
    kept = {"last": -1, "first": 0, "before": -2}.get(recipe.state, -1)
    states = (hiddens[kept], cells[kept])
    return outputs, *(states[::-1] if recipe.state == "swapped" else states)


def mistakes() -> list[Mistake]:
    """What goes wrong when an LSTM is written by hand; what comes earlier is named first."""
    known = [
        Mistake(
            "the candidate (input node) goes through sigmoid; an LSTM has tanh there, so that it can also lower the "
            "cell state.",
            {"candidate": "sigmoid"},
        ),
        Mistake("the candidate (input node) goes through ReLU; an LSTM has tanh there.", {"candidate": "relu"}),
        Mistake("the candidate (input node) has no activation; an LSTM has tanh there.", {"candidate": "none"}),
        Mistake(
            "the cell state goes into the hidden state without tanh: the output gate is multiplied by tanh of it.",
            {"shown": "none"},
        ),
        Mistake("the cell state goes into the hidden state through sigmoid in place of tanh.", {"shown": "sigmoid"}),
        Mistake("the hidden state is made from the cell state before its update; update it first.", {"old_cell": True}),
        Mistake("the three gates have no sigmoid, so they are no values between 0 and 1.", {"squash": "none"}),
        Mistake("the three gates go through tanh; gates need sigmoid, values between 0 and 1.", {"squash": "tanh"}),
        Mistake("the biases are never added.", {"biases": ""}),
        Mistake(
            "neither the hidden nor the cell state is carried from step to step: each step begins at zero.",
            {"carry_hidden": False, "carry_cell": False},
        ),
        Mistake(
            "the hidden state is not carried from step to step (or the W_h weights are not used).",
            {"carry_hidden": False},
        ),
        Mistake("the cell state is not carried from step to step: each step begins with zeros.", {"carry_cell": False}),
        Mistake(
            "batch and time are confused: the loop runs over the samples. The shape is (samples, steps, features), so "
            "step t of all samples is inputs[:, t].",
            {"time": "samples"},
        ),
        Mistake("the steps are read backwards, from the last to the first.", {"time": "reversed"}),
        Mistake("the forget gate is one minus the input gate or the reverse; they are two gates.", {"coupled": True}),
        Mistake("the W_h weights are used transposed: it is h @ W_h.", {"transposed": True}),
        Mistake("the initial states are ones; an LSTM starts from zeros.", {"start": 1.0}),
        Mistake("the outputs hold the cell states; they should hold the hidden states of each step.", {"gives": "c"}),
    ]
    known += [
        Mistake(f"the bias of the {GATE_NAMES[g]} is never added.", {"biases": GATES.replace(g, "")}) for g in GATES
    ]
    known += [Mistake(f"the {GATE_NAMES[g]} is not used.", {"unused": g}) for g in "ifo"]
    for a, b in combinations(GATES, 2):
        roles = GATES.translate(str.maketrans(a + b, b + a))
        known.append(Mistake(f"the {GATE_NAMES[a]} and the {GATE_NAMES[b]} are swapped.", {"roles": roles}))
    known += [
        Mistake(f"all gates use the weights of the {GATE_NAMES[g]}; each has its own.", {"roles": g * 4}) for g in GATES
    ]
    return known


STATE_MISTAKES = [
    Mistake("H and C are returned in the wrong order: it is (H, C).", {"state": "swapped"}),
    Mistake("the state returned is the one after the first step; return the last.", {"state": "first"}),
    Mistake("the state returned is the one before the last step; return the last.", {"state": "before"}),
]
GRADIENT_MISTAKES = [
    Mistake(f"{which} is cut off (detached) between the steps, so that early steps learn nothing.", {"detach": cut})
    for which, cut in (("the hidden state", "h"), ("the cell state", "c"), ("the state", "hc"))
]
