"""Wrong answers, each with one mistake, and the word by which the message must name it."""

import random
import sys
import time

import torch
from right_answers import GATES, LSTM, Base, ConvNet, LSTMNet, TorchLSTMNet, head
from torch import nn
from torch.nn import functional as F


def steps_of(gates="ifoc", candidate=torch.tanh, shown=torch.tanh, squash=torch.sigmoid, cell=None):
    """An LSTM class with other functions in its step, or with gates that play each other's parts."""

    class Changed(Base):
        def one_step(self, x, H, C):
            sums = dict(zip(GATES, self.sums(x, H), strict=True))
            i, f, o = (squash(sums[g]) for g in gates[:3])
            c = candidate(sums[gates[3]])
            new = cell(i, f, c, C) if cell else f * C + i * c
            return o * shown(new), new

    return Changed


class StartsAnew(Base):
    def forward(self, inputs):
        steps = [self.one_step(inputs[:, t], *self.start(inputs)) for t in range(inputs.shape[1])]
        return torch.stack([H for H, _ in steps], 1), steps[-1]


class CellStartsAnew(Base):
    def one_step(self, x, H, C):
        return super().one_step(x, H, torch.zeros_like(C))


class HiddenStartsAnew(Base):
    def one_step(self, x, H, C):
        return super().one_step(x, torch.zeros_like(H), C)


class LoopsOverSamples(Base):
    def forward(self, inputs):
        H = C = inputs.new_zeros(inputs.shape[1], self.num_hiddens)
        outputs = []
        for t in range(inputs.shape[0]):
            H, C = self.one_step(inputs[t], H, C)
            outputs.append(H)
        return torch.stack(outputs), (H, C)


class LoopsOverSamplesOfBatch(Base):
    def forward(self, inputs):
        H, C = self.start(inputs)
        outputs = []
        for t in range(inputs.shape[0]):
            H, C = self.one_step(inputs[t], H, C)
            outputs.append(H)
        return torch.stack(outputs, 1), (H, C)


class OutputsOnly(Base):
    def forward(self, inputs):
        return super().forward(inputs)[0]


class HiddenOnly(Base):
    def forward(self, inputs):
        outputs, (H, _) = super().forward(inputs)
        return outputs, H


class ThreeThings(Base):
    def forward(self, inputs):
        outputs, (H, C) = super().forward(inputs)
        return outputs, H, C


class StackedFirst(Base):
    def forward(self, inputs):
        outputs, state = super().forward(inputs)
        return outputs.transpose(0, 1), state


class JoinedEndToEnd(Base):
    def forward(self, inputs):
        outputs, state = super().forward(inputs)
        return torch.cat(outputs.unbind(1), 1), state


class StateSwapped(Base):
    def forward(self, inputs):
        outputs, (H, C) = super().forward(inputs)
        return outputs, (C, H)


class FirstState(Base):
    def forward(self, inputs):
        outputs, _ = super().forward(inputs)
        _, state = super().forward(inputs[:, :1])
        return outputs, state


class OutputsAreCells(Base):
    def one_step(self, x, H, C):
        self.cells.append(C)
        return super().one_step(x, H, C)

    def forward(self, inputs):
        self.cells = []
        _, (H, C) = super().forward(inputs)
        return torch.stack([*self.cells[1:], C], 1), (H, C)


class ShapeOfTorch(Base):
    def forward(self, inputs):
        outputs, (H, C) = super().forward(inputs)
        return outputs, (H[None], C[None])


class NoBiases(Base):
    def __init__(self, num_inputs, num_hiddens):
        super().__init__(num_inputs, num_hiddens)
        for gate in GATES:
            delattr(self, f"b_{gate}")


class BiasesUnused(Base):
    def sums(self, x, H):
        return [x @ getattr(self, f"W_x{g}") + H @ getattr(self, f"W_h{g}") for g in GATES]


class ForgetBiasUnused(Base):
    def sums(self, x, H):
        i, f, o, c = super().sums(x, H)
        return i, f - self.b_f, o, c


class SharedWeight(Base):
    def __init__(self, num_inputs, num_hiddens):
        super().__init__(num_inputs, num_hiddens)
        self.W_xf = self.W_xo = self.W_xc = self.W_xi


class SharedInUse(Base):
    def sums(self, x, H):
        return [x @ self.W_xi + H @ self.W_hi + self.b_i] * 4


class PlainTensors(Base):
    def __init__(self, num_inputs, num_hiddens):
        super().__init__(num_inputs, num_hiddens)
        del self.W_xi
        self.W_xi = torch.randn(num_inputs, num_hiddens)


class WeightsTransposed(Base):
    def __init__(self, num_inputs, num_hiddens):
        super().__init__(num_inputs, num_hiddens)
        for gate in GATES:
            setattr(self, f"W_x{gate}", nn.Parameter(torch.randn(num_hiddens, num_inputs)))


class AllZeros(Base):
    def __init__(self, num_inputs, num_hiddens):
        super().__init__(num_inputs, num_hiddens)
        for p in self.parameters():
            nn.init.zeros_(p)


class StateOnSelf(Base):
    state = None

    def start(self, inputs):
        if self.state is None or self.state[0].shape[0] != inputs.shape[0]:
            self.state = super().start(inputs)
        return self.state

    def forward(self, inputs):
        outputs, state = super().forward(inputs)
        self.state = tuple(s.detach() for s in state)
        return outputs, state


class RandomStart(Base):
    def start(self, inputs):
        return tuple(torch.randn_like(s) for s in super().start(inputs))


class OnesStart(Base):
    def start(self, inputs):
        return tuple(torch.ones_like(s) for s in super().start(inputs))


class NoGradients(Base):
    def forward(self, inputs):
        with torch.no_grad():
            return super().forward(inputs)


class GradientsLeftOff(Base):
    def forward(self, inputs):
        torch.set_grad_enabled(False)
        return super().forward(inputs)


class DetachedSteps(Base):
    def one_step(self, x, H, C):
        return super().one_step(x, H.detach(), C.detach())


class DetachedCell(Base):
    def one_step(self, x, H, C):
        return super().one_step(x, H, C.detach())


class WeightsThroughData(Base):
    def sums(self, x, H):
        i, f, o, _ = super().sums(x, H)
        return i, f, o, x @ self.W_xc.data + H @ self.W_hc + self.b_c


class FloatOnly(Base):
    def start(self, inputs):
        zeros = torch.zeros(inputs.shape[0], self.num_hiddens)
        return zeros, zeros


class OnTheProcessor(Base):
    def start(self, inputs):
        zeros = torch.zeros(inputs.shape[0], self.num_hiddens, dtype=inputs.dtype)
        return zeros, zeros


class MixesBatch(Base):
    def one_step(self, x, H, C):
        H, C = super().one_step(x, H, C)
        return H - H.mean(0, keepdim=True), C


class Backwards(Base):
    def forward(self, inputs):
        return super().forward(inputs.flip(1))


class LastStepMissing(Base):
    def forward(self, inputs):
        return super().forward(inputs[:, :-1])


class TorchInside(Base):
    def __init__(self, num_inputs, num_hiddens):
        super().__init__(num_inputs, num_hiddens)
        self.lstm = nn.LSTM(num_inputs, num_hiddens, batch_first=True)


class ChangesInputs(Base):
    def forward(self, inputs):
        inputs.mul_(2)
        return super().forward(inputs)


class SigmoidAndSwapped(Base):
    def one_step(self, x, H, C):
        i, f, o, c = (torch.sigmoid(s) for s in self.sums(x, H))
        C = i * C + f * c
        return o * torch.tanh(C), C


class SomethingElse(Base):
    def one_step(self, x, H, C):
        H, C = super().one_step(x, H, C)
        return H * 1.1 + 0.05, C


# What must not harm the notebook.


class NeverEnds(Base):
    def forward(self, inputs):
        while True:
            pass


class NeverEndsAndSwallows(Base):
    def forward(self, inputs):
        while True:
            try:  # noqa: SIM105
                inputs = inputs + 1
            except:  # noqa: E722
                pass


class Sleeps(Base):
    def forward(self, inputs):
        time.sleep(60)


class HugeTensor(Base):
    def forward(self, inputs):
        return torch.ones(10**11)


class GrowsWithoutEnd(Base):
    def forward(self, inputs):
        kept = []
        while True:
            kept.append(torch.empty(10**8))


class HugeList(Base):
    def forward(self, inputs):
        return [0] * 10**10


class Exits(Base):
    def forward(self, inputs):
        sys.exit(3)


class ReturnsNothing(Base):
    def forward(self, inputs):
        super().forward(inputs)


class ReturnsText(Base):
    def forward(self, inputs):
        return "outputs", "state"


class Stumbles(Base):
    def forward(self, inputs):
        return inputs @ self.W_hi, None


class Misspells(Base):
    def forward(self, inputs):
        return self.nothing_of_that_name(inputs)


class PrintsWithoutEnd(Base):
    def forward(self, inputs):
        for n in range(30_000):
            print("step", n)
        return None


class Recursive(Base):
    def forward(self, inputs):
        return self.forward(inputs)


class Seeds(Base):
    def forward(self, inputs):
        torch.manual_seed(0)
        random.seed(0)
        torch.set_default_dtype(torch.float64)
        return super().forward(inputs)[0]


class NoForward(nn.Module):
    def __init__(self, num_inputs, num_hiddens):
        super().__init__()
        for gate in GATES:
            setattr(self, f"W_x{gate}", nn.Parameter(torch.randn(num_inputs, num_hiddens)))
            setattr(self, f"W_h{gate}", nn.Parameter(torch.randn(num_hiddens, num_hiddens)))
            setattr(self, f"b_{gate}", nn.Parameter(torch.zeros(num_hiddens)))


class NoSuper(nn.Module):
    def __init__(self, num_inputs, num_hiddens):
        self.W_xi = nn.Parameter(torch.zeros(num_inputs, num_hiddens))


class NoModule:
    pass


class OtherArguments(Base):
    def __init__(self, num_inputs):
        super().__init__(num_inputs, 5)


LSTMS = [
    (steps_of(candidate=torch.sigmoid), "candidate .* sigmoid"),
    (steps_of(candidate=torch.relu), "candidate .* ReLU"),
    (steps_of(candidate=lambda z: z), "candidate .* no activation"),
    (steps_of(shown=lambda z: z), "without tanh"),
    (steps_of(squash=torch.tanh), "gates go through tanh"),
    (steps_of(squash=lambda z: z), "gates have no sigmoid"),
    (steps_of(gates="fioc"), "input gate and the forget gate are swapped"),
    (steps_of(gates="ofic"), "input gate and the output gate are swapped"),
    (steps_of(gates="iofc"), "forget gate and the output gate are swapped"),
    (steps_of(cell=lambda i, f, c, C: f * C + c), "input gate is not used"),
    (steps_of(cell=lambda i, f, c, C: C + i * c), "forget gate is not used"),
    (steps_of(cell=lambda i, f, c, C: f * C + (1 - f) * c), "forget gate .* two gates"),
    (StartsAnew, "neither the hidden nor the cell state is carried"),
    (CellStartsAnew, "cell state is not carried"),
    (HiddenStartsAnew, "hidden state is not carried"),
    (LoopsOverSamples, "[Bb]atch and time are confused"),
    (LoopsOverSamplesOfBatch, "batch and time confused"),
    (OutputsOnly, "should return two things"),
    (HiddenOnly, r"pair \(H, C\)"),
    (ThreeThings, "tuple of 3"),
    (StackedFirst, "stacked on the wrong axis"),
    (JoinedEndToEnd, "end to end"),
    (StateSwapped, "wrong order"),
    (FirstState, "after the first step"),
    (OutputsAreCells, "outputs hold the cell states"),
    (ShapeOfTorch, "axis for layers"),
    (NoBiases, "biases are missing"),
    (BiasesUnused, "biases are never added"),
    (ForgetBiasUnused, "bias of the forget gate is never added"),
    (SharedWeight, "one and the same weight"),
    (SharedInUse, "all gates use the weights of the input gate"),
    (PlainTensors, "W_xi should be a torch.nn.Parameter"),
    (WeightsTransposed, r"W_xi has shape \(5, 4\)"),
    (AllZeros, "starts as zeros"),
    (StateOnSelf, "kept on self"),
    (RandomStart, "starts at random"),
    (OnesStart, "initial states are ones"),
    (NoGradients, "no gradient"),
    (GradientsLeftOff, "set_grad_enabled"),
    (DetachedSteps, "the state is cut off"),
    (DetachedCell, "the cell state is cut off"),
    (WeightsThroughData, r"no gradient reaches W_xc"),
    (FloatOnly, "not in float64.*dtype=inputs.dtype"),
    (OnTheProcessor, "device=inputs.device"),
    (MixesBatch, "other samples of its batch"),
    (Backwards, "read backwards"),
    (LastStepMissing, "One step is missing"),
    (TorchInside, "PyTorch's recurrent layer inside"),
    (nn.LSTM, "PyTorch's own LSTM"),
    (ChangesInputs, "changes its inputs"),
    (SigmoidAndSwapped, "two things are wrong.*sigmoid.*swapped"),
    (SomethingElse, "from the first step on"),
    (HugeTensor, "memory"),
    (HugeList, "memory"),
    (GrowsWithoutEnd, "memory"),
    (Exits, "exit"),
    (ReturnsNothing, "None .*return"),
    (ReturnsText, "outputs, should be a tensor"),
    (Stumbles, r"`return inputs @ self.W_hi, None`.*shapes don't fit"),
    (Misspells, "nothing_of_that_name"),
    (PrintsWithoutEnd, "None.*Your code printed:.*step 7.*…"),
    (Recursive, "RecursionError"),
    (Seeds, "should return two things"),
    (NoForward, "no `forward`"),
    (NoSuper, "super"),
    (NoModule, "torch.nn.Module"),
    (OtherArguments, r"making LSTM\(4, 5\)"),
    (LSTM(4, 5), "give the class itself"),
    (None, "None"),
    ("LSTM", "give the class itself"),
    (torch.zeros(3), "give the class itself"),
]


def conv(*layers, default=17, transpose=True, reshape=False):
    """A ConvNet class of the layers given, in the document's manner."""

    class Changed(nn.Module):
        def __init__(self, inputs=default, outputs=1):
            super().__init__()
            made = {"in": inputs, "out": outputs}
            self.net = nn.Sequential(*(eval(layer, {"nn": nn, **vars(nn)}, made | {"made": made}) for layer in layers))

        def forward(self, x):
            if reshape:
                x = x.reshape(x.shape[0], x.shape[2], x.shape[1])
            return self.net(x.transpose(1, 2) if transpose and not reshape else x)

    return Changed


FIRST, SECOND, THIRD = "Conv1d(made['in'], 32, 3)", "Conv1d(32, 64, 3)", "Conv1d(64, 128, 3)"
RELU, POOL, MAX, MEAN, FLAT = "ReLU()", "AvgPool1d(2)", "MaxPool1d(2)", "AdaptiveAvgPool1d(1)", "Flatten()"
OUT = "Linear(128, made['out'])"
WHOLE = (FIRST, RELU, POOL, SECOND, RELU, POOL, THIRD, RELU, MEAN, FLAT, OUT)


def replaced(old, new, count=None):
    layers = [new if x == old else x for x in WHOLE]
    return [x for x in layers if x]


class ConvDetached(ConvNet):
    def forward(self, x):
        return super().forward(x.detach()).detach()


class ConvSqueezed(ConvNet):
    def forward(self, x):
        return super().forward(x).squeeze(-1)


class ConvMixesBatch(ConvNet):
    def forward(self, x):
        return super().forward(x - x.mean(0))


class ConvOneOutput(ConvNet):
    def __init__(self, inputs=17, outputs=1):
        super().__init__(inputs, 1)


CONV_NETS = [
    (conv(*replaced(POOL, None)), "two average pools are missing"),
    (
        conv(FIRST, RELU, SECOND, RELU, POOL, THIRD, RELU, MEAN, FLAT, OUT),
        "pool after the first convolution is missing",
    ),
    (conv(FIRST, RELU, POOL, SECOND, RELU, THIRD, RELU, MEAN, FLAT, OUT), "pool after the second convolution is miss"),
    (conv(*replaced(POOL, MAX)), "max pools"),
    (conv(*replaced(RELU, None)), "ReLUs are missing"),
    (conv(FIRST, RELU, POOL, SECOND, RELU, POOL, THIRD, MEAN, FLAT, OUT), "ReLU after convolution 3"),
    (conv(FIRST, POOL, RELU, SECOND, POOL, RELU, THIRD, RELU, MEAN, FLAT, OUT), "pools come before the ReLUs"),
    (conv(*WHOLE, "Sigmoid()"), "sigmoid at the end"),
    (conv(*WHOLE, RELU), "ReLU after the last layer"),
    (conv(*replaced(MEAN, "AdaptiveMaxPool1d(1)")), "largest value over the steps"),
    (conv(*WHOLE, transpose=False), r"transpose\(1, 2\)"),
    (conv(*WHOLE, reshape=True), "view or reshape"),
    (conv(*WHOLE, default=1), "inputs=17"),
    (conv(*replaced(FIRST, "Conv1d(made['in'], 32, 5)")), "Conv1d 17 → 32, kernel size 3.*32, 17, 5"),
    (conv(*replaced(SECOND, "Conv1d(32, 64, 3, bias=False)")), "32 → 64.* no bias"),
    (conv(*replaced(FIRST, "Conv1d(made['in'], 32, 3, padding=1)")), "first convolution has padding"),
    (conv(*(x.replace(", 3)", ", 3, padding=1)") for x in WHOLE)), "padding"),
    (conv(*replaced(OUT, None)), "missing.*Linear 128 → 1"),
    (conv(*replaced(RELU, "Sequential(ReLU(), Dropout(0.5))")), "dropout"),
    (conv(*WHOLE[:-1], "Linear(128, 128)", OUT), "more parameters"),
    (ConvDetached, "no gradient"),
    (ConvSqueezed, "Keep the last axis"),
    (ConvMixesBatch, "other samples of its batch"),
    (ConvOneOutput, r"ConvNet\(17, 3\)"),
]


def reads(function, base=LSTMNet):
    """A network that reads its LSTM's results (outputs, h, c) in another way."""

    class Changed(base):
        def forward(self, x):
            outputs, (h, c) = self.lstm(x)
            h, c = (s.reshape(-1, 128) for s in (h, c))
            return self.linear(function(outputs, h, c))

    return Changed


def with_head(*layers, base=LSTMNet):
    class Changed(base):
        def __init__(self, inputs=17, outputs=1):
            super().__init__(inputs, outputs)
            self.linear = nn.Sequential(*layers)

    return Changed


class StateOfLastSample(LSTMNet):
    def forward(self, x):
        return self.linear(self.lstm(x)[0][-1])


class BuiltInInside(LSTMNet):
    def __init__(self, inputs=17, outputs=1):
        super().__init__(inputs, outputs)
        self.lstm = nn.LSTM(inputs, 128, batch_first=True)


class Smaller(LSTMNet):
    def __init__(self, inputs=17, outputs=1):
        super().__init__(inputs, outputs)
        self.lstm = LSTM(inputs, 64)


class FreshEachTime(LSTMNet):
    def forward(self, x):
        return self.linear(LSTM(17, 128)(x)[1][0])


HEAD_MISTAKES = [
    (lambda o, h, c: o[:, 0], "first step's output"),
    (lambda o, h, c: o.mean(1), "mean of the outputs"),
    (lambda o, h, c: o.amax(1), "largest output"),
    (lambda o, h, c: c, "cell state C"),
]
LINEARS = [
    ((nn.Linear(128, 1),), "missing.*Linear 128 → 128"),
    ((nn.Linear(128, 128), nn.Linear(128, 1)), "ReLU between the linear layers is missing"),
    ((*head(), nn.Sigmoid()), "sigmoid at the end"),
    ((nn.Linear(128, 128), nn.Tanh(), nn.Linear(128, 1)), "tanh between"),
    ((nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 1)), "missing or has other sizes"),
]
LSTM_NETS = [
    *((reads(f), word) for f, word in HEAD_MISTAKES),
    *((with_head(*layers), word) for layers, word in LINEARS),
    (reads(lambda o, h, c: h - h.mean(0)), "other samples of its batch"),
    (StateOfLastSample, "one number a step"),
    (BuiltInInside, "your own LSTM class is wanted"),
    (Smaller, "64 hidden units"),
    (FreshEachTime, "made anew in forward"),
]


class TimeFirst(TorchLSTMNet):
    def __init__(self, inputs=17, outputs=1):
        super().__init__(inputs, outputs)
        self.lstm = nn.LSTM(inputs, 128)


class TimeFirstByOutputs(TimeFirst):
    def forward(self, x):
        return self.linear(self.lstm(x)[0][:, -1])


class AxisKept(TorchLSTMNet):
    def forward(self, x):
        return self.linear(self.lstm(x)[1][0])


class TwoLayers(TorchLSTMNet):
    def __init__(self, inputs=17, outputs=1):
        super().__init__(inputs, outputs)
        self.lstm = nn.LSTM(inputs, 128, num_layers=2, batch_first=True)


class BothDirections(TorchLSTMNet):
    def __init__(self, inputs=17, outputs=1):
        super().__init__(inputs, outputs)
        self.lstm = nn.LSTM(inputs, 128, bidirectional=True, batch_first=True)


class GatedUnit(TorchLSTMNet):
    def __init__(self, inputs=17, outputs=1):
        super().__init__(inputs, outputs)
        self.lstm = nn.GRU(inputs, 128, batch_first=True)


TORCH_LSTM_NETS = [
    *((reads(f, TorchLSTMNet), word) for f, word in HEAD_MISTAKES),
    *((with_head(*layers, base=TorchLSTMNet), word) for layers, word in LINEARS),
    (TimeFirst, "batch and time are confused"),
    (TimeFirstByOutputs, "batch and time are confused"),
    (AxisKept, r"h\[-1\]"),
    (LSTMNet, "torch.nn.LSTM is wanted"),
    (TwoLayers, "2 layers"),
    (BothDirections, "both directions"),
    (GatedUnit, "GRU"),
]


def chunker(offset):
    def random_chunk(samples, chunk_size):
        starts = [offset(len(s), chunk_size) for s in samples]
        return torch.stack([s[a : a + chunk_size] for s, a in zip(samples, starts, strict=True)])

    return random_chunk


def same_for_all(samples, chunk_size):
    start = random.randrange(min(map(len, samples)) - chunk_size + 1)
    return torch.stack([s[start : start + chunk_size] for s in samples])


def wraps(samples, chunk_size):
    shifted = [s.roll(-random.randrange(len(s)), 0) for s in samples]
    return torch.stack([s[:chunk_size] for s in shifted])


def into_padding(samples, chunk_size):
    padded = [F.pad(s, (0, 0, 0, chunk_size)) for s in samples]
    return chunker(lambda n, size: random.randrange(n - size))(padded, chunk_size)


def one_too_short(samples, chunk_size):
    return chunker(lambda n, size: random.randrange(n - size + 1))(samples, chunk_size - 1)


def scattered(samples, chunk_size):
    return torch.stack([s[torch.randperm(len(s))[:chunk_size].sort().values] for s in samples])


def seeded(samples, chunk_size):
    random.seed(0)
    return chunker(lambda n, size: random.randrange(n - size + 1))(samples, chunk_size)


def as_list(samples, chunk_size):
    return list(chunker(lambda n, size: random.randrange(n - size + 1))(samples, chunk_size))


def shuffled(samples, chunk_size):
    return chunker(lambda n, size: random.randrange(n - size + 1))(samples, chunk_size).flip(0)


def stacked_on_axis_one(samples, chunk_size):
    return chunker(lambda n, size: random.randrange(n - size + 1))(samples, chunk_size).transpose(0, 1)


def stub(samples, chunk_size):
    raise NotImplementedError("write this part")


RANDOM_CHUNKS = [
    (chunker(lambda n, size: random.randrange(max(n - size, 1))), "last offset is never drawn"),
    (chunker(lambda n, size: random.randrange(n - size)), "last offset is never drawn"),
    (chunker(lambda n, size: random.randrange(1, n - size + 1) if n > size else 0), "offset 0 is never drawn"),
    (chunker(lambda n, size: min(random.randrange(n), n - size)), "equally likely"),
    (chunker(lambda n, size: 0), "every chunk begins at step 0"),
    (same_for_all, "same offset"),
    (wraps, "wraps"),
    (into_padding, "padding"),
    (chunker(lambda n, size: random.randrange(n)), "run past an end"),
    (one_too_short, "wrong length"),
    (scattered, "not consecutive"),
    (seeded, "seeded"),
    (as_list, "should be a tensor"),
    (shuffled, "another sample"),
    (stacked_on_axis_one, "wrong axis"),
    (stub, "nothing here yet"),
    (LSTM, "give the function itself"),
    (3, "give the function itself"),
]

NEVER_ENDING = [NeverEnds, NeverEndsAndSwallows, Sleeps]

WRONG = {
    "lstm": LSTMS,
    "conv_net": CONV_NETS,
    "lstm_net": LSTM_NETS,
    "torch_lstm_net": TORCH_LSTM_NETS,
    "random_chunk": RANDOM_CHUNKS,
}
