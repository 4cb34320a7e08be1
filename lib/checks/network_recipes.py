"""The networks, with parts that can be got wrong on purpose, to tell which mistake gives a student's values."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lib.checks.compare import Mistake

if TYPE_CHECKING:
    import torch

INPUTS = 17  # features of a step

END_MISTAKES = [
    Mistake("there is a sigmoid at the end; the loss applies it, so the network ends without.", {"end": "sigmoid"}),
    Mistake("there is a ReLU after the last layer; the output must be able to be negative.", {"end": "relu"}),
    Mistake("there is a tanh at the end; the network ends with the linear layer.", {"end": "tanh"}),
]


@dataclass(frozen=True)
class ConvRecipe:
    """How the convolutional network is computed; the defaults are right."""

    pool1: str = "avg"
    pool2: str = "avg"
    pool3: str = ""
    act1: str = "relu"
    act2: str = "relu"
    act3: str = "relu"
    pool_first: bool = False
    reshaped: bool = False
    padding: tuple[int, int, int] = (0, 0, 0)
    summary: str = "mean"
    end: str = ""


CONV_MISTAKES = [
    Mistake(
        "the two average pools are missing: the task has one of size 2 after the first and the second convolution.",
        {"pool1": "", "pool2": ""},
    ),
    Mistake("the average pool after the first convolution is missing.", {"pool1": ""}),
    Mistake("the average pool after the second convolution is missing.", {"pool2": ""}),
    Mistake("it has max pools where the task asks for average pools.", {"pool1": "max", "pool2": "max"}),
    Mistake("the first pool is a max pool; the task asks for an average pool.", {"pool1": "max"}),
    Mistake("the second pool is a max pool; the task asks for an average pool.", {"pool2": "max"}),
    Mistake("there is a pool too many, after the third convolution.", {"pool3": "avg"}),
    Mistake("the pools come before the ReLUs; the order is convolution, ReLU, pool.", {"pool_first": True}),
    Mistake("the ReLUs are missing.", {"act1": "", "act2": "", "act3": ""}),
    *(Mistake(f"the ReLU after convolution {n} is missing.", {f"act{n}": ""}) for n in (1, 2, 3)),
    Mistake(
        "the axes are changed with view or reshape, which mixes steps and features; swap them with transpose(1, 2).",
        {"reshaped": True},
    ),
    Mistake("the convolutions have padding; the task has none.", {"padding": (1, 1, 1)}),
    *(
        Mistake(f"the {which} convolution has padding; the task has none.", {"padding": padding})
        for which, padding in (("first", (1, 0, 0)), ("second", (0, 1, 0)), ("third", (0, 0, 1)))
    ),
    Mistake("at the end it takes the largest value over the steps; the task asks for the mean.", {"summary": "max"}),
    Mistake("at the end it takes the last step; the task asks for the mean over the steps.", {"summary": "last"}),
    *END_MISTAKES,
]


@dataclass(frozen=True)
class HeadRecipe:
    """How a network reads its LSTM; the defaults are right."""

    reads: str = "last hidden state"
    act: str = "relu"
    end: str = ""
    batch_first: bool = True


READ_MISTAKES = [
    Mistake("it uses the first step's output; take the final hidden state.", {"reads": "first"}),
    Mistake("it uses the mean of the outputs over the steps; take the final hidden state.", {"reads": "mean"}),
    Mistake("it uses the largest output over the steps; take the final hidden state.", {"reads": "max"}),
    Mistake("it uses the sum of the outputs over the steps; take the final hidden state.", {"reads": "sum"}),
    Mistake("it uses the cell state C; take the hidden state H.", {"reads": "cell"}),
    Mistake("the ReLU between the linear layers is missing.", {"act": ""}),
    Mistake("there is a tanh between the linear layers; the task asks for a ReLU.", {"act": "tanh"}),
    Mistake("there is a sigmoid between the linear layers; the task asks for a ReLU.", {"act": "sigmoid"}),
    *END_MISTAKES,
]
BATCH_FIRST = Mistake(
    "batch and time are confused: torch.nn.LSTM expects (steps, samples, features) unless it is made with "
    "batch_first=True.",
    {"batch_first": False},
)


def activated(x: "torch.Tensor", name: str) -> "torch.Tensor":
    import torch

    return getattr(torch, name)(x) if name else x


def conv_recipe(layers: list[tuple], inputs: "torch.Tensor", recipe: ConvRecipe) -> "torch.Tensor":
    """Output (samples, 1) of the convolutional network made by `recipe`; inputs (samples, steps, 17)."""
    from torch.nn import functional as F

    x = inputs.reshape(len(inputs), INPUTS, -1) if recipe.reshaped else inputs.transpose(1, 2)
    pools = {"avg": lambda z: F.avg_pool1d(z, 2), "max": lambda z: F.max_pool1d(z, 2), "": lambda z: z}
    for n, (weight, bias) in enumerate(layers[:3], 1):
        x = F.conv1d(x, weight, bias, padding=recipe.padding[n - 1])
        act, pool = getattr(recipe, f"act{n}"), pools[getattr(recipe, f"pool{n}")]
        x = activated(pool(x), act) if recipe.pool_first else pool(activated(x, act))
    x = {"mean": x.mean(2), "max": x.amax(2), "last": x[:, :, -1]}[recipe.summary]
    return activated(F.linear(x, *layers[3]), recipe.end)


def head_recipe(layers: list[tuple], run: tuple, recipe: HeadRecipe) -> "torch.Tensor":
    """Output (samples, 1) from an LSTM's outputs (samples, steps, 128) and states (samples, 128)."""
    from torch.nn import functional as F

    outputs, hidden, cell = run
    ways = {
        "last hidden state": lambda: hidden,
        "cell": lambda: cell,
        "first": lambda: outputs[:, 0],
        "mean": lambda: outputs.mean(1),
        "max": lambda: outputs.amax(1),
        "sum": lambda: outputs.sum(1),
    }
    x = activated(F.linear(ways[recipe.reads](), *layers[0]), recipe.act)
    return activated(F.linear(x, *layers[1]), recipe.end)
