"""Wrong answers to the tasks on networks of the unit on music, each with the word by which its message must name it."""

from itertools import pairwise

import music_wrong_made
import numpy as np
import torch
from music_networks_right import GenreCNN, GenreLSTM, Trunk
from spoilt_answers import stub
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence


def last_states(outputs, h, c, lengths):
    return torch.cat([h[-2], h[-1]], 1)


def own(outputs, lengths):
    return (torch.arange(outputs.shape[1]) < lengths[:, None]).unsqueeze(2)


def own_mean(outputs, h, c, lengths):
    return (outputs * own(outputs, lengths)).sum(1) / lengths[:, None]


def last_output(outputs, h, c, lengths):
    return outputs[:, -1]


def own_last(outputs, h, c, lengths):
    return outputs[torch.arange(len(outputs)), lengths - 1]


def lstm(read=last_states, packed=True, end=None, width=lambda hiddens, layers: 2 * hiddens, kind=nn.LSTM, how=None,
         fixed=None, first=True, **pack):  # fmt: skip
    """A GenreLSTM with one part of it changed."""

    class Changed(nn.Module):
        def __init__(self, bands, classes, hiddens=128, layers=2, dropout=0.2):
            super().__init__()
            sizes = {"hidden_size": hiddens, "num_layers": layers, "dropout": dropout, "bidirectional": True}
            self.lstm = kind(bands, **(sizes | (fixed or {})), batch_first=first)
            self.linear = nn.Linear(width(hiddens, layers), classes)

        def forward(self, x, lengths):
            if how:
                x, lengths = how(x, lengths)
            if packed:
                options = {"batch_first": True, "enforce_sorted": False} | pack
                x = pack_padded_sequence(x, lengths.cpu(), **options)
            outputs, (h, c) = self.lstm(x)
            if packed:
                outputs, _ = pad_packed_sequence(outputs, batch_first=True)
            logits = self.linear(read(outputs, h, c, lengths))
            return end(logits) if end else logits

    return Changed


class Counts(GenreLSTM):
    def forward(self, x, lengths):
        logits = super().forward(x, lengths)
        lengths -= 1
        return logits


class Blanks(GenreLSTM):
    def forward(self, x, lengths):
        logits = super().forward(x, lengths)
        x[:] = 0
        return logits


def packing(brought):
    """Packs with the lengths as `brought` leaves them."""

    class Packing(GenreLSTM):
        def forward(self, x, lengths):
            packed = pack_padded_sequence(x, brought(lengths), batch_first=True, enforce_sorted=False)
            h = self.lstm(packed)[1][0]
            return self.linear(torch.cat([h[-2], h[-1]], 1))

    return Packing


class DropsAlways(GenreLSTM):
    def forward(self, x, lengths):
        return F.dropout(super().forward(x, lengths), 0.5)


class RandomStart(GenreLSTM):
    def forward(self, x, lengths):
        start = torch.randn(2, 2 * self.lstm.num_layers, len(x), self.lstm.hidden_size)
        packed = pack_padded_sequence(x, lengths.cpu(), batch_first=True, enforce_sorted=False)
        h = self.lstm(packed, tuple(start))[1][0]
        return self.linear(torch.cat([h[-2], h[-1]], 1))


class TwoLinear(GenreLSTM):
    def __init__(self, bands, classes, hiddens=128, layers=2, dropout=0.2):
        super().__init__(bands, classes, hiddens, layers, dropout)
        self.linear = nn.Sequential(nn.Linear(2 * hiddens, 64), nn.ReLU(), nn.Linear(64, classes))


class Normed(GenreLSTM):
    def __init__(self, bands, classes, hiddens=128, layers=2, dropout=0.2):
        super().__init__(bands, classes, hiddens, layers, dropout)
        self.norm = nn.LayerNorm(2 * hiddens)


class TwoLSTMs(GenreLSTM):
    def __init__(self, bands, classes, hiddens=128, layers=2, dropout=0.2):
        super().__init__(bands, classes, hiddens, layers, dropout)
        self.backward_lstm = nn.LSTM(bands, hiddens, layers)


class NoSuper(GenreLSTM):
    def __init__(self, bands, classes, hiddens=128, layers=2, dropout=0.2):
        self.lstm = nn.LSTM(bands, hiddens, layers)


class PackedLinear(GenreLSTM):
    def forward(self, x, lengths):
        packed = pack_padded_sequence(x, lengths.cpu(), batch_first=True, enforce_sorted=False)
        return self.linear(self.lstm(packed)[0])


class NotWritten(nn.Module):
    def __init__(self, bands, classes, hiddens=128, layers=2, dropout=0.2):
        super().__init__()
        raise NotImplementedError("write this part")


class ClassesFixed(GenreLSTM):
    def __init__(self, bands, classes, hiddens=128, layers=2, dropout=0.2):
        super().__init__(bands, 4, hiddens, layers, dropout)


def longest_first(x, lengths):
    order = lengths.argsort(descending=True)
    return x[order], lengths[order]


LSTMS = [
    (lstm(packed=False), "padding has an influence.*pack_padded_sequence"),
    (lstm(last_output, packed=False), r"outputs\[:, -1\].*only padding"),
    (lstm(last_output), r"outputs\[:, -1\].*only zeros"),
    (lstm(own_last), "has seen one step only there"),
    (lstm(own_last, packed=False), "has seen one step only there.*isn't packed"),
    (lstm(lambda o, h, c, n: o[:, 0]), r"outputs\[:, 0\]"),
    (lstm(lambda o, h, c, n: torch.cat([h[0], h[1]], 1)), "lower layer"),
    (lstm(lambda o, h, c, n: torch.cat([c[-2], c[-1]], 1)), "cell states"),
    (lstm(lambda o, h, c, n: h[-2:].reshape(len(n), -1)), "mixes the clips"),
    (lstm(lambda o, h, c, n: h.unflatten(0, (2, -1))[:, -1].transpose(0, 1).flatten(1)), "wrong layers"),
    (lstm(lambda o, h, c, n: torch.cat([h[-1], h[-1]], 1)), "same final state twice"),
    (lstm(lambda o, h, c, n: h[-1], width=lambda hiddens, layers: hiddens), "One direction alone"),
    (lstm(lambda o, h, c, n: h[-2] + h[-1], width=lambda hiddens, layers: hiddens), "or the sum of both"),
    (lstm(lambda o, h, c, n: h.transpose(0, 1).flatten(1), width=lambda hiddens, layers: 2 * hiddens * layers),
     "states of all layers"),
    (lstm(lambda o, h, c, n: o.mean(1), packed=False), "mean over all steps, padding included"),
    (lstm(lambda o, h, c, n: o.mean(1)), "with zeros for the padding"),
    (lstm(own_mean), "own steps. That works too, but is another network"),
    (lstm(own_mean, packed=False), "another network.*And pack the batch"),
    (lstm(lambda o, h, c, n: o.masked_fill(~own(o, n), -9).amax(1)), "largest value.*another network"),
    (lstm(lambda o, h, c, n: o.sum(1)), "sum over the steps"),
    (lstm(lambda o, h, c, n: o), "one row a step.*two final states"),
    (lstm(last_output, packed=False, first=False), "batch and time are confused.*batch_first=True"),
    (lstm(packed=False, first=False), "batch and time are confused, batch_first=True"),
    (lstm(batch_first=False), "pack_padded_sequence needs batch_first=True as well"),
    (lstm(enforce_sorted=True), "told enforce_sorted=False"),
    (lstm(how=longest_first), "another order: they were sorted"),
    (lstm(lambda *run: last_states(*run).relu()), "ReLU between"),
    (lstm(lambda *run: last_states(*run).tanh()), "tanh between"),
    (lstm(end=nn.Softmax(-1)), "softmax at the end; the loss"),
    (lstm(end=nn.LogSoftmax(-1)), "log-softmax at the end"),
    (lstm(end=torch.sigmoid), "sigmoid at the end"),
    (lstm(end=torch.relu), "ReLU at the end"),
    (lstm(packed=False, end=nn.Softmax(-1)), "two things are wrong.*padding.*softmax"),
    (lstm(end=torch.detach), "no gradient"),
    (lstm(end=lambda z: z * 1.1), "differ from the reference"),
    (lstm(fixed={"bidirectional": False}, width=lambda hiddens, layers: hiddens), "reads forwards only"),
    (lstm(fixed={"dropout": 0.0}), "dropout 0 between its layers.*takes dropout itself"),
    (lstm(fixed={"dropout": 0.2}), r"dropout=0\.4\) makes an LSTM with dropout 0\.2"),
    (lstm(fixed={"num_layers": 1}), "with 1 layers, where 2"),
    (lstm(fixed={"num_layers": 2}), "with 2 layers, where 3"),
    (lstm(fixed={"hidden_size": 128}), "with 128 hiddens, where 5"),
    (lstm(kind=nn.GRU), "is a GRU"),
    (ClassesFixed, "gives 4 numbers"),
    (Counts, "changes `lengths` in place"),
    (Blanks, "changes x in place"),
    (packing(lambda lengths: lengths), r"pack_padded_sequence stops.*lengths\.cpu\(\)"),
    (packing(lambda lengths: torch.tensor(lengths)), r"pack_padded_sequence stops.*lengths\.cpu\(\)"),
    (packing(lambda lengths: torch.as_tensor(lengths)), r"pack_padded_sequence stops.*lengths\.cpu\(\)"),
    (packing(lambda lengths: lengths.numpy()), r"numpy can't read it.*lengths\.cpu\(\)"),
    (packing(lambda lengths: np.asarray(lengths)), r"numpy can't read it.*lengths\.cpu\(\)"),
    (DropsAlways, "training=self.training"),
    (RandomStart, "random first state"),
    (TwoLinear, "2 linear layers"),
    (Normed, "more parameters"),
    (TwoLSTMs, "2 recurrent layers"),
    (NoSuper, "super"),
    (PackedLinear, "a PackedSequence, no tensor"),
    (NotWritten, "nothing here yet"),
    (GenreLSTM(7, 3), "give the class itself"),
    (stub, "give the class itself"),
]  # fmt: skip


def mean_and_max(x):
    return torch.cat([x.mean((2, 3)), x.amax((2, 3))], 1)


def all_four(c):
    return True


class Do(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


def cnn(order="norm relu pool", channels=(1, 16, 32, 64, 128), norm=all_four, relu=all_four, pool=all_four, kind=None,
        axis=lambda x: x.unsqueeze(1), read=mean_and_max, drop=0.3, in_blocks=None, end=None, width=256,
        norms=nn.BatchNorm2d, **convolution):  # fmt: skip
    """A GenreCNN with one part of it changed; norm, relu and pool say in which blocks these are."""

    class Changed(nn.Module):
        def __init__(self, outputs):
            super().__init__()
            layers = [Do(axis)]
            for before, after in pairwise(channels):
                layers.append(nn.Conv2d(before, after, **({"kernel_size": 3, "padding": 1} | convolution)))
                parts = {
                    "norm": norms(after) if norm(after) else nn.Identity(),
                    "relu": nn.ReLU() if relu(after) else nn.Identity(),
                    "pool": (kind or nn.MaxPool2d)(2) if pool(after) else nn.Identity(),
                }
                layers += [parts[name] for name in order.split()]
                if in_blocks:
                    layers.append(in_blocks)
            self.trunk = nn.Sequential(*layers, Do(read), nn.Dropout(drop))
            self.head = nn.Linear(width, outputs)

        def forward(self, x):
            logits = self.head(self.trunk(x))
            return end(logits) if end else logits

    return Changed


class AxisOutside(GenreCNN):
    def __init__(self, outputs):
        super().__init__(outputs)
        self.trunk = nn.Sequential(self.trunk.blocks, Do(mean_and_max), nn.Dropout(0.3))

    def forward(self, x):
        return self.head(self.trunk(x.unsqueeze(1)))


class OtherNames(GenreCNN):
    def __init__(self, outputs):
        super().__init__(outputs)
        self.convolutions, self.linear = self.trunk, self.head
        del self.trunk, self.head


class LongHead(GenreCNN):
    def __init__(self, outputs):
        super().__init__(outputs)
        self.head = nn.Sequential(nn.Linear(256, 64), nn.ReLU(), nn.Linear(64, outputs))


class OutputsFixed(GenreCNN):
    def __init__(self, outputs):
        super().__init__(4)


class UnusedNorms(Trunk):
    def forward(self, x):
        x = x[:, None]
        for part in self.blocks:
            x = x if isinstance(part, nn.BatchNorm2d) else part(x)
        return self.drop(mean_and_max(x))


class NormsForgotten(GenreCNN):
    def __init__(self, outputs):
        super().__init__(outputs)
        self.trunk = UnusedNorms()


class AlwaysDrops(GenreCNN):
    def forward(self, x):
        return self.head(F.dropout(self.trunk(x), 0.3))


class LayerMore(GenreCNN):
    def __init__(self, outputs):
        super().__init__(outputs)
        self.extra = nn.Linear(256, 256)


class SpoilsInput(GenreCNN):
    def forward(self, x):
        logits = super().forward(x)
        x *= 0
        return logits


class TanhBetween(GenreCNN):
    def forward(self, x):
        return self.head(self.trunk(x).tanh())


def flat(positions):
    return {"read": lambda x: x.flatten(1), "width": 128 * positions}


CNNS = [
    (cnn(norm=lambda c: False), "batch norm is missing in the blocks of 16, 32, 64, 128"),
    (cnn(norm=lambda c: c != 64), "batch norm is missing in the blocks of 64"),
    (cnn(relu=lambda c: False), "the ReLUs are missing"),
    (cnn(relu=lambda c: c != 32), "the ReLU of block 2 is missing"),
    (cnn(pool=lambda c: False), "the max-pools are missing"),
    (cnn(pool=lambda c: c != 128), "the max-pool of block 4 is missing"),
    (cnn(kind=nn.AvgPool2d), "average pools"),
    (cnn("relu pool norm"), "batch norms come after the pools"),
    (cnn("relu norm pool"), "batch norms come after the ReLUs"),
    (cnn("pool norm relu"), "pools come before the batch norms"),
    (cnn(padding=0), r"padding \(0, 0\); with padding=1"),
    (cnn(stride=2), "has a stride"),
    (cnn(kernel_size=5, padding=2), "kernel of 5×5"),
    (cnn(channels=(1, 32, 64, 128)), "convolutions are 1 → 32, 32 → 64, 64 → 128; the task asks for 1 → 16"),
    (cnn(axis=lambda x: x), r"axis for their one channel, x.unsqueeze\(1\)"),
    (cnn(axis=lambda x: x.reshape(len(x), 1, x.shape[2], -1)), "view or reshape"),
    (AxisOutside, r"self.trunk takes the spectrograms as they are, \(B, T, bands\)"),
    (cnn(**flat(64)), "flat picture, so only one length fits"),
    (cnn(**flat(4)), "Is the picture flattened"),
    (cnn(**flat(2)), "whatever the size"),
    (cnn(read=lambda x: x.mean((2, 3)), width=128), "the mean and the maximum of 128 channels, side by side"),
    (cnn(read=lambda x: torch.cat([x.mean((2, 3))] * 2, 1)), "mean stands there twice"),
    (cnn(read=lambda x: torch.cat([x.amax((2, 3))] * 2, 1)), "maximum stands there twice"),
    (cnn(read=lambda x: torch.cat([x.mean((2, 3)), x.std((2, 3))], 1)), "spread"),
    (cnn(read=lambda x: torch.cat([x.sum((2, 3)), x.amax((2, 3))], 1)), "the sum of the positions"),
    (cnn(read=lambda x: torch.cat([x.mean(3), x.amax(3)], 1).mean(2)), "differ from the reference"),
    (cnn(end=nn.Softmax(-1)), "softmax at the end; the loss"),
    (cnn(end=nn.LogSoftmax(-1)), "log-softmax at the end"),
    (cnn(end=torch.sigmoid), "sigmoid at the end"),
    (cnn(end=torch.relu), "ReLU at the end"),
    (cnn(end=torch.detach), "no gradient"),
    (cnn("relu pool norm", kind=nn.AvgPool2d), "two things are wrong.*average.*after the ReLUs"),
    (cnn(drop=0.0), "dropout is missing"),
    (cnn(drop=0.5), "sets about 5.% of the features to 0; the task asks for 30%"),
    (cnn(in_blocks=nn.Dropout(0.3)), "one dropout, of single values"),
    (cnn(in_blocks=nn.Dropout2d(0.3), drop=0.0), "none in the blocks"),
    (AlwaysDrops, "training=self.training"),
    (cnn(norms=lambda c: nn.GroupNorm(4, c)), "has a GroupNorm"),
    (cnn(norms=lambda c: nn.BatchNorm2d(c, affine=False)), "without its weights"),
    (NormsForgotten, "made, but not used"),
    (OtherNames, "no `self.trunk`"),
    (LongHead, "self.head is a Sequential"),
    (OutputsFixed, "is `outputs` ignored"),
    (LayerMore, "more parameters than the task asks for: extra"),
    (SpoilsInput, "changes its inputs in place"),
    (TanhBetween, "something in between"),
    (GenreLSTM, "missing 1 required positional argument"),
    (GenreCNN(3), "give the class itself"),
    (stub, "give the class itself"),
]  # fmt: skip

WRONG: dict[str, list] = {"GenreLSTM": LSTMS, "GenreCNN": CNNS, **music_wrong_made.WRONG}
