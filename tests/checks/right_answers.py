"""Answers that are right, each written in its own way."""

import torch
from torch import nn
from torch.nn import functional as F

GATES = "ifoc"


class Base(nn.Module):
    """The parameters, and a forward pass in small parts that a wrong answer can replace."""

    def __init__(self, num_inputs, num_hiddens):
        super().__init__()
        self.num_inputs, self.num_hiddens = num_inputs, num_hiddens
        for gate in GATES:
            setattr(self, f"W_x{gate}", nn.Parameter(torch.randn(num_inputs, num_hiddens) * 0.01))
            setattr(self, f"W_h{gate}", nn.Parameter(torch.randn(num_hiddens, num_hiddens) * 0.01))
            setattr(self, f"b_{gate}", nn.Parameter(torch.zeros(num_hiddens)))

    def start(self, inputs):
        zeros = torch.zeros(inputs.shape[0], self.num_hiddens, dtype=inputs.dtype, device=inputs.device)
        return zeros, zeros

    def sums(self, x, H):
        i = x @ self.W_xi + H @ self.W_hi + self.b_i
        f = x @ self.W_xf + H @ self.W_hf + self.b_f
        o = x @ self.W_xo + H @ self.W_ho + self.b_o
        c = x @ self.W_xc + H @ self.W_hc + self.b_c
        return i, f, o, c

    def one_step(self, x, H, C):
        i, f, o, c = self.sums(x, H)
        C = torch.sigmoid(f) * C + torch.sigmoid(i) * torch.tanh(c)
        return torch.sigmoid(o) * torch.tanh(C), C

    def forward(self, inputs):
        H, C = self.start(inputs)
        outputs = []
        for t in range(inputs.shape[1]):
            H, C = self.one_step(inputs[:, t], H, C)
            outputs.append(H)
        return torch.stack(outputs, 1), (H, C)


class LSTM(Base):
    pass


class ForgetBiasOne(Base):
    def __init__(self, num_inputs, num_hiddens):
        super().__init__(num_inputs, num_hiddens)
        self.b_f = nn.Parameter(torch.ones(num_hiddens))


class Einsum(Base):
    def sums(self, x, H):
        w_x = [getattr(self, f"W_x{g}") for g in GATES]
        w_h = [getattr(self, f"W_h{g}") for g in GATES]
        biases = (self.b_i, self.b_f, self.b_o, self.b_c)
        return [
            torch.einsum("bi,ij->bj", x, a) + torch.einsum("bi,ij->bj", H, b) + c
            for a, b, c in zip(w_x, w_h, biases, strict=True)
        ]


class Fused(Base):
    """One product for the four gates, the inputs' part for all steps at once."""

    def forward(self, inputs):
        w_x = torch.cat([self.W_xi, self.W_xf, self.W_xo, self.W_xc], 1)
        w_h = torch.cat([self.W_hi, self.W_hf, self.W_ho, self.W_hc], 1)
        b = torch.cat([self.b_i, self.b_f, self.b_o, self.b_c])
        H, C = (s.clone() for s in self.start(inputs))
        outputs = torch.empty(0)
        rows = []
        for part in (inputs @ w_x + b).unbind(1):
            i, f, o, c = (part + H @ w_h).chunk(4, dim=-1)
            C = C * f.sigmoid() + i.sigmoid() * c.tanh()
            H = o.sigmoid() * C.tanh()
            rows.append(H)
        outputs = torch.stack(rows).transpose(0, 1)
        return outputs, (H, C)


class Linears(Base):
    def sums(self, x, H):
        return [
            F.linear(x, getattr(self, f"W_x{g}").T, getattr(self, f"b_{g}")) + F.linear(H, getattr(self, f"W_h{g}").T)
            for g in GATES
        ]


class StateAsList(Base):
    def forward(self, inputs):
        state = list(self.start(inputs))
        outputs = inputs.new_zeros(inputs.shape[0], inputs.shape[1], self.num_hiddens)
        for t in range(inputs.shape[1]):
            state = list(self.one_step(inputs[:, t], *state))
            outputs = torch.cat([outputs[:, :t], state[0][:, None], outputs[:, t + 1 :]], 1)
        return [outputs, state]


class SampleBySample(Base):
    """Slow, but right."""

    def forward(self, inputs):
        runs = [Base.forward(self, one[None]) for one in inputs]
        parts = [(outputs, H, C) for outputs, (H, C) in runs]
        outputs, H, C = (torch.cat(p) for p in zip(*parts, strict=True))
        return outputs, (H, C)


class InPlace(Base):
    """Outputs made beforehand and filled in; the first step has no states to begin with."""

    def forward(self, inputs):
        size = (inputs.size(0), inputs.size(1), self.num_hiddens)
        outputs = torch.empty(*size, dtype=self.W_xi.dtype, device=self.W_xi.device)
        H = C = None
        for t, x in enumerate(inputs.transpose(0, 1)):
            if H is None:
                H = C = (0 * x[:, :1]).expand(-1, self.num_hiddens)
            H, C = self.one_step(x, H, C)
            outputs[:, t, :] = H
        return outputs, (H, C)


class Joined(Base):
    """Inputs and hidden state joined, one matrix a gate; tanh by way of the sigmoid."""

    def sums(self, x, H):
        both = torch.cat([x, H], dim=1)
        pairs = [(getattr(self, f"W_x{g}"), getattr(self, f"W_h{g}"), getattr(self, f"b_{g}")) for g in GATES]
        return [torch.addmm(b, both, torch.cat([w_x, w_h])) for w_x, w_h, b in pairs]

    def one_step(self, x, H, C):
        i, f, o, c = self.sums(x, H)
        C = torch.addcmul(f.sigmoid() * C, i.sigmoid(), 2 * torch.sigmoid(2 * c) - 1)
        return o.sigmoid().mul(C.tanh()), C


class LastStateFromOutputs(Base):
    def forward(self, inputs):
        outputs, state = super().forward(inputs)
        return outputs, (outputs[:, -1], state[1])


class Prints(Base):
    def forward(self, inputs):
        print("inputs", inputs.shape)
        return super().forward(inputs)


class ConvNet(nn.Module):
    def __init__(self, inputs=17, outputs=1):
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv1d(inputs, 32, 3), nn.ReLU(), nn.AvgPool1d(2),
            nn.Conv1d(32, 64, 3), nn.ReLU(), nn.AvgPool1d(2),
            nn.Conv1d(64, 128, 3), nn.ReLU(),
            nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(128, outputs),
        )  # fmt: skip

    def forward(self, x):
        return self.net(x.transpose(2, 1))


class ConvNetByHand(nn.Module):
    def __init__(self, inputs=17, outputs=1):
        super().__init__()
        self.out = nn.Linear(128, outputs)
        self.third = nn.Conv1d(64, 128, 3)
        self.second = nn.Conv1d(32, 64, 3)
        self.first = nn.Conv1d(inputs, 32, 3)

    def forward(self, x):
        x = x.permute(0, 2, 1)
        x = F.avg_pool1d(F.relu(self.first(x)), 2)
        x = F.avg_pool1d(self.second(x).clamp(min=0), kernel_size=2)
        return self.out(torch.relu(self.third(x)).mean(dim=-1))


class ConvNetInAList(nn.Module):
    def __init__(self, inputs=17, outputs=1):
        super().__init__()
        sizes = ((inputs, 32), (32, 64), (64, 128))
        self.blocks = nn.ModuleList([nn.Conv1d(a, b, kernel_size=3) for a, b in sizes])
        self.linear = nn.Linear(in_features=128, out_features=outputs)

    def forward(self, x):
        x = torch.swapaxes(x, 1, 2)
        for n, block in enumerate(self.blocks):
            x = torch.relu(block(x))
            if n < 2:
                x = 0.5 * (x[:, :, 0 : x.shape[2] // 2 * 2 : 2] + x[:, :, 1::2])
        return self.linear(F.adaptive_avg_pool1d(x, 1).squeeze(2))


def head(outputs=1):
    return nn.Sequential(nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, outputs))


class LSTMNet(nn.Module):
    def __init__(self, inputs=17, outputs=1):
        super().__init__()
        self.lstm = LSTM(inputs, 128)
        self.linear = head(outputs)

    def forward(self, x):
        _, (h, _) = self.lstm(x)
        return self.linear(h)


class LSTMNetByOutputs(LSTMNet):
    def forward(self, x):
        return self.linear(self.lstm(x)[0][:, -1])


class TorchLSTMNet(nn.Module):
    def __init__(self, inputs=17, outputs=1):
        super().__init__()
        self.lstm = nn.LSTM(inputs, 128, batch_first=True)
        self.linear = head(outputs)

    def forward(self, x):
        _, (h, _) = self.lstm(x)
        return self.linear(h[-1])


class TorchLSTMNetSqueezed(TorchLSTMNet):
    def forward(self, x):
        return self.linear(self.lstm(x)[1][0].squeeze(0))


class TorchLSTMNetByOutputs(TorchLSTMNet):
    def forward(self, x):
        return self.linear(self.lstm(x)[0][:, -1, :])


class TorchLSTMNetTimeFirst(nn.Module):
    def __init__(self, inputs=17, outputs=1):
        super().__init__()
        self.recurrent = nn.LSTM(inputs, 128)
        self.hidden, self.out = nn.Linear(128, 128), nn.Linear(128, outputs)

    def forward(self, x):
        out, _ = self.recurrent(x.transpose(0, 1))
        return self.out(F.relu(self.hidden(out[-1])))


def random_chunk(samples, chunk_size):
    chunks = []
    for sample in samples:
        offset = torch.randint(0, len(sample) - chunk_size + 1, ()).item()
        chunks.append(sample[offset : offset + chunk_size])
    return torch.stack(chunks)


def random_chunk_by_unfold(samples, chunk_size):
    import random

    windows = [s.unfold(0, chunk_size, 1) for s in samples]
    return torch.stack([random.choice(list(w)).T for w in windows])


def random_chunk_by_gather(samples, chunk_size):
    import numpy as np

    starts = [np.random.randint(s.shape[0] - chunk_size + 1) for s in samples]
    rows = [s[np.arange(a, a + chunk_size)] for s, a in zip(samples, starts, strict=True)]
    return torch.cat([r[None] for r in rows])


RIGHT = {
    "lstm": [
        LSTM,
        ForgetBiasOne,
        Einsum,
        Fused,
        Linears,
        StateAsList,
        SampleBySample,
        InPlace,
        Joined,
        LastStateFromOutputs,
        Prints,
    ],
    "conv_net": [ConvNet, ConvNetByHand, ConvNetInAList],
    "lstm_net": [LSTMNet, LSTMNetByOutputs],
    "torch_lstm_net": [TorchLSTMNet, TorchLSTMNetSqueezed, TorchLSTMNetByOutputs, TorchLSTMNetTimeFirst],
    "random_chunk": [random_chunk, random_chunk_by_unfold, random_chunk_by_gather],
}
