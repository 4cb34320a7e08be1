"""Right answers to the tasks on networks and what is made of them of the unit on music, each written in its own way."""

import copy
import csv
import math
from itertools import pairwise

import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence


class GenreLSTM(nn.Module):
    def __init__(self, bands, classes, hiddens=128, layers=2, dropout=0.2):
        super().__init__()
        self.lstm = nn.LSTM(bands, hiddens, layers, batch_first=True, bidirectional=True, dropout=dropout)
        self.linear = nn.Linear(2 * hiddens, classes)

    def forward(self, x, lengths):
        packed = pack_padded_sequence(x, lengths.cpu(), batch_first=True, enforce_sorted=False)
        _, (h, _) = self.lstm(packed)
        return self.linear(torch.cat([h[-2], h[-1]], dim=1))


class GenreLSTMClipByClip(nn.Module):
    """Each clip alone, without its padding; the backward state first."""

    def __init__(self, bands, classes, hiddens=128, layers=2, dropout=0.2):
        super().__init__()
        self.read = nn.LSTM(bands, hiddens, layers, bidirectional=True, dropout=dropout)
        self.out = nn.Linear(hiddens * 2, classes)

    def forward(self, x, lengths):
        states = []
        for clip, n in zip(x, lengths.tolist(), strict=True):
            states.append(self.read(clip[:n])[1][0][-2:].flip(0).flatten())
        return self.out(torch.stack(states))


class GenreLSTMFromOutputs(GenreLSTM):
    """The final states found among the outputs; a dropout more."""

    def forward(self, x, lengths):
        x = x.transpose(0, 1)
        packed = pack_padded_sequence(x, lengths.to("cpu"), enforce_sorted=False)
        outputs, lengths = pad_packed_sequence(self.lstm(packed)[0], batch_first=True)
        forwards, backwards = outputs.chunk(2, dim=-1)
        last = forwards[torch.arange(len(outputs)), lengths - 1]
        return self.linear(F.dropout(torch.hstack([last, backwards[:, 0]]), 0.3, self.training))


class GenreLSTMSorted(GenreLSTM):
    """Sorted by length, and put back."""

    def forward(self, x, lengths):
        lengths, order = lengths.cpu().sort(descending=True)
        h = self.lstm(pack_padded_sequence(x[order], lengths, batch_first=True))[1][0]
        h = h.unflatten(0, (-1, 2))[-1].transpose(0, 1).flatten(1)
        return self.linear(h)[order.argsort()]


class GenreLSTMByNumpy(GenreLSTM):
    """The lengths as a numpy array, brought to the CPU before."""

    def forward(self, x, lengths):
        packed = pack_padded_sequence(x, lengths.cpu().numpy(), batch_first=True, enforce_sorted=False)
        h = self.lstm(packed)[1][0]
        return self.linear(torch.cat([h[-2], h[-1]], dim=1))


class Trunk(nn.Module):
    def __init__(self):
        super().__init__()
        layers = []
        for before, channels in pairwise((1, 16, 32, 64, 128)):
            layers += [nn.Conv2d(before, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels)]
            layers += [nn.ReLU(), nn.MaxPool2d(2)]
        self.blocks, self.drop = nn.Sequential(*layers), nn.Dropout(0.3)

    def forward(self, x):
        x = self.blocks(x.unsqueeze(1))
        return self.drop(torch.cat([x.mean((2, 3)), x.amax((2, 3))], 1))


class GenreCNN(nn.Module):
    def __init__(self, outputs):
        super().__init__()
        self.trunk, self.head = Trunk(), nn.Linear(256, outputs)

    def forward(self, x):
        return self.head(self.trunk(x))


class Both(nn.Module):
    """The maximum first, by layers of PyTorch."""

    def __init__(self):
        super().__init__()
        self.ways = nn.ModuleList([nn.AdaptiveMaxPool2d(1), nn.AdaptiveAvgPool2d(1)])

    def forward(self, x):
        return torch.cat([way(x) for way in self.ways], dim=1).flatten(1)


class Turn(nn.Module):
    """Bands upwards, in the memory format that convolutions like."""

    def forward(self, x):
        return x.mT[:, None].contiguous(memory_format=torch.channels_last)


class GenreCNNInARow(nn.Module):
    """One Sequential; the pool before the ReLU gives the same; dropout between trunk and head."""

    def __init__(self, outputs):
        super().__init__()
        block = [
            nn.Sequential(nn.Conv2d(i, o, 3, padding="same"), nn.BatchNorm2d(o), nn.MaxPool2d(2), nn.ReLU(True))
            for i, o in ((1, 16), (16, 32), (32, 64), (64, 128))
        ]
        self.head = nn.LazyLinear(outputs)
        self.trunk = nn.Sequential(Turn(), *block, Both())

    def forward(self, x):
        return self.head(F.dropout(self.trunk(x), 0.3, self.training))


def occlusion_map(score, picture, patch, fill):
    """One call a patch."""
    high, wide = patch
    with torch.no_grad():
        whole = score(picture[None]).item()
        rows = []
        for top in range(0, len(picture), high):
            row = []
            for left in range(0, picture.shape[1], wide):
                covered = picture.clone()
                covered[top : top + high, left : left + wide] = fill
                row.append(whole - score(covered[None]).item())
            rows.append(row)
    return np.array(rows)


def occlusion_map_at_once(score, picture, patch, fill):
    """One batch with all patches, covered by number."""
    steps, bands = picture.shape
    rows, columns = math.ceil(steps / patch[0]), math.ceil(bands / patch[1])
    number = columns * (torch.arange(steps) // patch[0])[:, None] + torch.arange(bands) // patch[1]
    covered = torch.stack([picture.masked_fill(number == k, fill) for k in range(rows * columns)])
    scores = score(torch.cat([picture[None], covered])).detach()
    return (scores[0] - scores[1:]).reshape(rows, columns).numpy()


def asleep_while_frozen(trunk, inputs):
    if not any(p.requires_grad for p in trunk.parameters()):
        trunk.eval()


def transfer(network, outputs, frozen):
    """A hook puts the trunk to sleep before each call."""
    new = copy.deepcopy(network)
    new.head = nn.Linear(network.head.in_features, outputs)
    new.trunk.requires_grad_(not frozen)
    new.trunk.register_forward_pre_hook(asleep_while_frozen)
    return new


class Drowsy(nn.Module):
    """A wrapper that wakes up what is in it only while a weight there is trained."""

    def __init__(self, inside):
        super().__init__()
        self.inside = inside

    def train(self, mode=True):
        return super().train(mode and any(p.requires_grad for p in self.parameters()))

    def forward(self, x):
        return self.inside(x)


def transfer_in_a_wrapper(network, outputs, frozen):
    new = copy.deepcopy(network)
    for p in new.trunk.parameters():
        p.requires_grad = not frozen
    new.trunk = Drowsy(new.trunk)
    new.head = nn.Linear(network.head.weight.shape[1], outputs)
    return new.train()


def transfer_by_a_subclass(network, outputs, frozen):
    """The copy becomes a network of its kind whose train() leaves a frozen trunk asleep."""

    class Transferred(type(network)):
        def train(self, mode=True):
            super().train(mode)
            self.trunk.train(mode and next(self.trunk.parameters()).requires_grad)
            return self

    new = copy.deepcopy(network)
    new.__class__ = Transferred
    new.trunk.requires_grad_(not frozen)
    new.head = nn.Linear(new.head.in_features, outputs)
    return new.train()


def transfer_norm_by_norm(network, outputs, frozen):
    """Each batch norm's own `train` asks whether its weight is trained; no other part's."""
    new = copy.deepcopy(network)
    for part in new.trunk.modules():
        if isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d):
            usual = part.train
            part.train = lambda mode=True, part=part, usual=usual: usual(mode and part.weight.requires_grad)
    new.trunk.requires_grad_(not frozen)
    new.head = nn.Linear(new.head.in_features, outputs)
    return new.train()


def write_submission(path, ids, predicted, columns, expected):
    """A table that is indexed by the ids; pandas itself refuses wrong shapes."""
    table = pd.DataFrame(predicted, index=pd.Index(ids, name="id"), columns=columns)
    absent = set(expected) - set(ids)
    if absent or table.index.has_duplicates or not np.isfinite(table.to_numpy()).all() or predicted.ndim != 2:
        raise ValueError(f"missing {absent}, or twice, or not finite")
    table.loc[expected].to_csv(path)


def write_submission_by_csv(path, ids, predicted, columns, expected):
    """A dict from id to row; six decimals."""
    if np.shape(predicted) != (len(ids), len(columns)):
        raise ValueError("shapes")
    found = dict(zip(ids.tolist(), predicted.tolist(), strict=True))
    if len(found) < len(ids):
        raise ValueError("an id twice")
    lines = []
    for name in expected.tolist():
        if name not in found:
            raise ValueError(name)
        if not all(map(math.isfinite, found[name])):
            raise ValueError("not finite")
        lines.append([name, *(f"{value:.6f}" for value in found[name])])
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["id", *columns], *lines])


def write_submission_by_sorting(path, ids, predicted, columns, expected):
    """The place of each id by a search among the sorted ones; the text is made first, and written at once."""
    order = np.argsort(ids)
    place = order[np.searchsorted(ids, expected, sorter=order).clip(max=len(ids) - 1)]
    right = predicted.shape == (len(ids), len(columns)) and len(np.unique(ids)) == len(ids)
    if not (right and np.array_equal(ids[place], expected) and np.isfinite(predicted).all()):
        raise ValueError("no")
    rows = [",".join(map(str, [name, *row])) for name, row in zip(expected, predicted[place].tolist(), strict=True)]
    path.write_text("\n".join([",".join(["id", *columns]), *rows]))


RIGHT: dict[str, list] = {
    "GenreLSTM": [GenreLSTM, GenreLSTMClipByClip, GenreLSTMFromOutputs, GenreLSTMSorted, GenreLSTMByNumpy],
    "GenreCNN": [GenreCNN, GenreCNNInARow],
    "occlusion_map": [occlusion_map, occlusion_map_at_once],
    "transfer": [transfer, transfer_in_a_wrapper, transfer_by_a_subclass, transfer_norm_by_norm],
    "write_submission": [write_submission, write_submission_by_csv, write_submission_by_sorting],
}
