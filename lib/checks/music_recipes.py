"""The bidirectional LSTM for music, with parts that can be got wrong on purpose, to tell which mistake was made."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lib.checks.compare import Mistake
from lib.checks.speaker_recipes import ended

if TYPE_CHECKING:
    import torch

END_MISTAKES = [
    Mistake("there is a softmax at the end; the loss (cross-entropy) applies it.", {"end": "softmax"}),
    Mistake("there is a log-softmax at the end; the loss (cross-entropy) applies it.", {"end": "log_softmax"}),
    Mistake("there is a sigmoid at the end; logits are wanted as they are.", {"end": "sigmoid"}),
    Mistake("there is a ReLU at the end; a logit must be able to be negative.", {"end": "relu"}),
    Mistake("there is a tanh at the end; the network ends with the linear layer.", {"end": "tanh"}),
]


@dataclass(frozen=True)
class LstmRecipe:
    """How the LSTM is read; the defaults are right, and so is `backward_first`."""

    backward_first: bool = False
    packed: bool = True
    time_first: bool = False
    reads: str = "final"
    act: str = ""
    end: str = ""
    sorted: bool = False


LAST = "it reads outputs[:, -1], the last step of the whole batch, "
OWN = (
    "it reads both directions at each clip's last step. The backward direction has seen one step only there: its "
    "final state stands at the first step."
)
MASKED = "That works too, but is another network: the task asks for the two final states."
LSTM_MISTAKES = [
    Mistake(
        "the padding has an influence: the LSTM reads it as if it were music, the backward direction even begins in "
        "it. Pack the batch with its lengths first (pack_padded_sequence).",
        {"packed": False},
    ),
    Mistake(
        f"{LAST}where a shorter clip has only padding (and the backward direction has read one step). Take the final "
        "states, and pack the batch so that they are those of the clips.",
        {"packed": False, "reads": "last"},
    ),
    Mistake(f"{LAST}where a shorter clip has only zeros. Take the final states h.", {"reads": "last"}),
    Mistake(OWN, {"reads": "own last"}),
    Mistake(f"{OWN} And the batch isn't packed: the backward direction begins in the padding.",
            {"packed": False, "reads": "own last"}),
    Mistake("it reads outputs[:, 0]: the forward direction has read one step only there.", {"reads": "first"}),
    Mistake("it takes the states of the lower layer; h[0] and h[1] are the lowest, the upper layer's come last.",
            {"reads": "lower"}),
    Mistake("it takes the cell states c; take the hidden states h.", {"reads": "cell"}),
    Mistake(
        "the two states of a clip are not side by side: h[-2:] is (2, B, hiddens), and a reshape or view of that mixes "
        "the clips. Join h[-2] and h[-1] along the last axis.",
        {"reads": "mixed"},
    ),
    Mistake(
        "it takes the states of the wrong layers: h goes layer by layer, forward and backward in turn, so the upper "
        "layer's are h[-2] and h[-1].",
        {"reads": "halves"},
    ),
    Mistake("it joins the same final state twice; one of the two should be the other direction's.",
            {"reads": "twice"}),
    Mistake("it takes the mean over all steps, padding included. The task asks for the two final states.",
            {"packed": False, "reads": "mean"}),
    Mistake("it takes the mean over the steps of the whole batch, with zeros for the padding. The task asks for the "
            "two final states.", {"reads": "mean"}),
    Mistake(f"it takes the mean over each clip's own steps. {MASKED}", {"reads": "own mean"}),
    Mistake(f"it takes the mean over each clip's own steps. {MASKED} And pack the batch: the backward direction "
            "begins in the padding.", {"packed": False, "reads": "own mean"}),
    Mistake(f"it takes the largest value over each clip's own steps. {MASKED}", {"reads": "own max"}),
    Mistake("it takes the largest value over all steps, padding included. The task asks for the two final states.",
            {"packed": False, "reads": "max"}),
    Mistake("it takes the sum over the steps. The task asks for the two final states.", {"reads": "sum"}),
    Mistake(
        "batch and time are confused: torch.nn.LSTM expects (steps, clips, bands) unless it is made with "
        "batch_first=True.",
        {"packed": False, "reads": "last", "time_first": True},
    ),
    Mistake(
        "the clips come back in another order: they were sorted by length, and not put back. With "
        "enforce_sorted=False, pack_padded_sequence does both itself.",
        {"sorted": True},
    ),
    Mistake("there is a ReLU between the LSTM and the linear layer; the task has none.", {"act": "relu"}),
    Mistake("there is a tanh between the LSTM and the linear layer; the task has none.", {"act": "tanh"}),
    *END_MISTAKES,
]  # fmt: skip


def twin_of(lstm: "torch.nn.LSTM") -> "torch.nn.LSTM":
    """The same LSTM with the batch first and without dropout."""
    import torch

    twin = torch.nn.LSTM(
        lstm.input_size, lstm.hidden_size, lstm.num_layers, batch_first=True, bidirectional=lstm.bidirectional
    )
    twin.load_state_dict(lstm.state_dict())
    return twin


def runs_of(lstm: "torch.nn.LSTM", x: "torch.Tensor", lengths: list[int]) -> dict[str, tuple]:
    """Outputs (B, steps, 2 · hiddens), h and c (2 · layers, B, hiddens): each clip alone, with padding, time first."""
    import torch

    twin = twin_of(lstm)
    with torch.no_grad():
        alone = [twin(clip[None, :n]) for clip, n in zip(x, lengths, strict=True)]
        outputs = torch.nn.utils.rnn.pad_sequence([o[0] for o, _ in alone], batch_first=True)
        h, c = (torch.cat([s[k] for _, s in alone], 1) for k in (0, 1))
        swapped, states = twin(x.transpose(0, 1))
        return {"packed": (outputs, h, c), "padded": _flat(twin(x)), "time first": (swapped.transpose(0, 1), *states)}


def _flat(run: Any) -> tuple:  # noqa: ANN401
    return run[0], *run[1]


def lstm_recipe(
    runs: dict[str, tuple], linear: "torch.nn.Linear", lengths: list[int], recipe: LstmRecipe
) -> "torch.Tensor":
    """Logits (B, classes) from the runs of the LSTM, read by `recipe`."""
    import torch

    outputs, h, c = runs["time first" if recipe.time_first else "packed" if recipe.packed else "padded"]
    n = torch.tensor(lengths)[:, None]
    clip = torch.arange(len(lengths))
    own = (torch.arange(outputs.shape[1]) < n)[:, :, None]
    ways = {
        "final": lambda: torch.cat([h[-2], h[-1]], 1),
        "lower": lambda: torch.cat([h[0], h[1]], 1),
        "cell": lambda: torch.cat([c[-2], c[-1]], 1),
        "mixed": lambda: h[-2:].reshape(len(lengths), -1),
        "halves": lambda: torch.cat([h[len(h) // 2 - 1], h[-1]], 1),
        "twice": lambda: torch.cat([h[-1], h[-1]], 1),
        "last": lambda: outputs[:, -1],
        "own last": lambda: outputs[clip, n[:, 0] - 1],
        "first": lambda: outputs[:, 0],
        "mean": lambda: outputs.mean(1),
        "own mean": lambda: (outputs * own).sum(1) / n,
        "max": lambda: outputs.amax(1),
        "own max": lambda: outputs.masked_fill(~own, -9).amax(1),
        "sum": lambda: outputs.sum(1),
    }
    x = ways[recipe.reads]()
    if recipe.backward_first:
        x = torch.cat(x.chunk(2, 1)[::-1], 1)
    x = getattr(torch, recipe.act)(x) if recipe.act else x
    x = ended(torch.nn.functional.linear(x, linear.weight, linear.bias), recipe.end)
    return x[n[:, 0].argsort(descending=True)] if recipe.sorted else x
