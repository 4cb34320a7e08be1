"""Wrong answers to the tasks on what is made of networks for music: maps, transfer and files."""

import copy
import os
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from music_networks_right import (
    GenreLSTM,
    asleep_while_frozen,
    occlusion_map,
    transfer,
    write_submission,
)
from spoilt_answers import after, as_list, stub
from torch import nn


def occluding(cover=None, order=None, base=True, whole=False, ends=lambda size, width: range(0, size, width),
              swap=False, batch=True, cut=False, keep=False, free=True, fills=None):  # fmt: skip
    """An occlusion map with one part of it changed."""

    def occlusion_map(score, picture, patch, fill):
        high, wide = patch[::-1] if swap else patch
        fill = fills(picture) if fills else fill
        of_one = (lambda x: score(x[None]).squeeze(0)) if batch else score
        number = (lambda x: x.detach().item()) if free else (lambda x: x.numpy())
        start = number(of_one(picture)) if base else 0.0
        tops, lefts = ends(picture.shape[0], high), ends(picture.shape[1], wide)
        values = np.zeros((len(tops), len(lefts)))
        shown = picture if keep else picture.clone()
        for row, top in enumerate(tops):
            for column, left in enumerate(lefts):
                if not whole:
                    shown = picture.clone() if not keep else picture
                if cut:
                    shown = shown[top : top + high, left : left + wide]
                elif cover:
                    shown = cover(shown, slice(top, top + high), slice(left, left + wide), fill)
                else:
                    shown[top : top + high, left : left + wide] = fill
                values[row, column] = start - number(of_one(shown))
        return values

    return occlusion_map


def all_but(x, steps, bands, fill):
    shown = torch.full_like(x, fill)
    shown[steps, bands] = x[steps, bands]
    return shown


def added(x, steps, bands, fill):
    x[steps, bands] += fill
    return x


def inwards(size, width):
    return [min(k, max(0, size - width)) for k in range(0, size, width)]


def column_by_column(score, picture, patch, fill):
    turned = occluding(whole=True)(lambda x: score(x.transpose(1, 2)), picture.T, patch[::-1], fill)
    return turned.T


def tensors(score, picture, patch, fill):
    return torch.from_numpy(occlusion_map(score, picture, patch, fill)) * score(picture[None])


def expanded(score, picture, patch, fill):
    pictures = picture.expand(12, -1, -1)
    pictures[:, : patch[0], : patch[1]] = fill
    return score(pictures).detach().numpy()


def as_numpy(score, picture, patch, fill):
    return occlusion_map(lambda x: score(x.numpy()), picture, patch, fill)


def enlarged(score, picture, patch, fill):
    values = np.kron(occlusion_map(score, picture, patch, fill), np.ones(patch))
    return values[: picture.shape[0], : picture.shape[1]]


MAPS = [
    (after(occlusion_map, np.negative), "sign is turned"),
    (after(occluding(base=False), np.negative), "scores of the covered pictures"),
    (occluding(fills=lambda x: 0.0), "covered with 0, whatever"),
    (occluding(fills=lambda x: x.mean()), "picture's mean"),
    (occluding(fills=lambda x: x.min()), "smallest value"),
    (occluding(cover=added), "added to the patch"),
    (occluding(whole=True), "patches before stay covered"),
    (column_by_column, "patches before stay covered"),
    (occluding(keep=True), "changes the picture in place"),
    (occluding(cover=all_but), "everything but the patch"),
    (occluding(ends=inwards), "moved inwards"),
    (occluding(swap=True), r"`patch` is \(frames, bands\)"),
    (after(occlusion_map, np.transpose), "Rows and columns are swapped"),
    (occluding(ends=lambda size, width: range(0, size - width + 1, width)), "last row or column of patches is missing"),
    (occluding(ends=lambda size, width: range(size - width + 1)), "patches overlap"),
    (enlarged, "not one for each value"),
    (after(occlusion_map, np.ravel), "grid is missing"),
    (after(occlusion_map, np.abs), "sign of the differences is lost"),
    (after(occlusion_map, lambda v: v.clip(min=0)), "below 0 are lost"),
    (after(occlusion_map, lambda v: v / np.abs(v).max()), "divided by the largest"),
    (after(occlusion_map, lambda v: (v - v.min()) / np.ptp(v)), "scaled to 0"),
    (after(occlusion_map, lambda v: v / 12 * np.outer([1, 1, 4 / 3], [1, 1, 1, 3])), "size of the patch"),
    (after(occlusion_map, np.square), "squared"),
    (after(occluding(fills=lambda x: 0.0), np.negative), "two things are wrong.*sign.*covered with 0"),
    (after(occlusion_map, lambda v: v * 1.1), "right shape, but other values"),
    (after(occlusion_map, lambda v: v * np.nan), "right shape, but other values"),
    (occluding(batch=False), r"single picture, \(11, 10\); it wants a batch"),
    (occluding(cut=True), "whole pictures"),
    (occluding(free=False), r"torch\.no_grad\(\)"),
    (as_numpy, "should be a tensor"),
    (tensors, "carries gradients; a numpy array"),
    (after(occlusion_map, torch.from_numpy), r"a numpy array is wanted: .*\.numpy"),
    (expanded, r"add \.clone"),
    (as_list(occlusion_map), "numpy array, but it is a list"),
    (after(occlusion_map, lambda v: v.astype(object)), "holds object"),
    (lambda score, picture, patch, fill: None, "None .*return"),
    (GenreLSTM, "give the function itself"),
    (stub, "nothing here yet"),
]


def transferring(copied=copy.deepcopy, head=None, weights=True, sleep=True, then=None, thaw=True):
    """A transfer with one part of it changed."""

    def transfer(network, outputs, frozen):
        new = copied(network)
        new.head = (head or (lambda old, n: nn.Linear(old.in_features, n)))(network.head, outputs)
        if weights and (thaw or frozen):
            new.trunk.requires_grad_(not frozen)
        if sleep:
            new.trunk.register_forward_pre_hook(asleep_while_frozen)
        if then and frozen:
            then(new)
        return new

    return transfer


def anew(network):
    new = copy.deepcopy(network)
    for part in new.trunk.modules():
        if hasattr(part, "reset_parameters"):
            part.reset_parameters()
    return new


def statistics_lost(network):
    new = copy.deepcopy(network)
    for part in new.trunk.modules():
        if hasattr(part, "reset_running_stats"):
            part.reset_running_stats()
    return new


def shared(network):
    new = copy.deepcopy(network)
    new.trunk = network.trunk
    return new


def no_memory(new):
    for part in new.trunk.modules():
        if hasattr(part, "momentum"):
            part.momentum = 0.0


def sets_a_name(new):
    new.trunk.requires_grad = False
    new.trunk.eval()


def sleeps_wholly(new):
    new.eval()
    new.train = lambda mode=True: new


class Still(nn.Module):
    """A wrapper that lets nobody wake up what is in it."""

    def __init__(self, inside):
        super().__init__()
        self.inside = inside.eval()
        for p in inside.parameters():
            p.requires_grad = False

    def train(self, mode=True):
        return self

    def forward(self, x):
        return self.inside(x)


def in_a_still_wrapper(network, outputs, frozen):
    new = copy.deepcopy(network).train().requires_grad_(True)
    if frozen:
        new.trunk = Still(new.trunk)
    new.head = nn.Linear(network.head.in_features, outputs)
    return new


def norms_put_out_of_use(network, outputs, frozen):
    return still_norms(network, outputs, frozen) if frozen else transfer(network, outputs, frozen)


def asleep_by_a_hook(new):
    new.trunk.register_forward_pre_hook(lambda trunk, inputs: trunk.eval() and None)


def trunk_without_train(new):
    new.trunk.eval()
    new.trunk.train = lambda mode=True: new.trunk


def first_norm_asleep(new):
    new.trunk[1].eval()
    new.trunk[1].train = lambda mode=True: new.trunk[1]


def without_gradients(new):
    """The trunk asleep while frozen, but always run without gradients."""
    usual = new.trunk.forward

    def forward(x):
        with torch.no_grad():
            return usual(x)

    new.trunk.forward = forward


def renames(network, outputs, frozen):
    new = transfer(network, outputs, frozen)
    new.classifier = new.head
    del new.head
    return new


def always_frozen(network, outputs, frozen):
    return transfer(network, outputs, True)


def still_norms(network, outputs, frozen):
    new = transfer(network, outputs, frozen)
    for part in new.trunk.modules():
        if hasattr(part, "momentum"):
            part.eval()
            part.train = lambda mode=True, part=part: part
    return new


def own_network(network, outputs, frozen):
    new = GenreLSTM(7, outputs)
    new.trunk, new.head = new.lstm, nn.Linear(6, outputs)
    return new


def moves_the_given(network, outputs, frozen):
    network.eval()
    return transfer(network, outputs, frozen)


TRANSFERS = [
    (lambda network, outputs, frozen: network, "returns the given network itself"),
    (transferring(copied=copy.copy), "given network has another head.*copy.deepcopy"),
    (transferring(copied=shared, weights=False, sleep=False), "shares weights with the given one"),
    (transferring(copied=shared), "given network itself is frozen or thawed"),
    (moves_the_given, "put in another mode"),
    (transferring(copied=anew), "what it has learned is lost"),
    (transferring(copied=statistics_lost), "other running statistics"),
    (transferring(head=lambda old, n: copy.deepcopy(old)), "head has the old weights"),
    (transferring(head=lambda old, n: copy.deepcopy(old) if n == old.out_features else nn.Linear(6, n)), "a fresh one"),
    (transferring(head=lambda old, n: nn.Linear(6, 4)), "4 outputs; 3 are wanted"),
    (transferring(head=lambda old, n: nn.Linear(n, old.in_features)), "outputs; 4 are wanted"),
    (transferring(head=lambda old, n: nn.Linear(128, n)), "the trunk gives 6: network.head.in_features"),
    (transferring(head=lambda old, n: nn.Sequential(nn.Dropout(), nn.Linear(6, n))), "head is a Sequential"),
    (transferring(then=lambda new: new.requires_grad_(False)), "head is frozen too"),
    (transferring(weights=False), "weights of the trunk have a gradient"),
    (transferring(weights=False, sleep=False, then=sets_a_name), "only sets a name on the module"),
    (transferring(then=lambda new: new.trunk[1].requires_grad_(True)), "2 weights of the trunk have a gradient"),
    (transferring(sleep=False), "move, as it comes.*requires_grad says nothing"),
    (transferring(sleep=False, then=lambda new: new.trunk.eval()), r"move, after \.train\(\).*every part"),
    (transferring(sleep=False, then=lambda new: new.eval()), r"move, after \.train\(\)"),
    (transferring(sleep=False, then=no_memory), "normalise by the batch"),
    (transferring(then=sleeps_wholly), "whole network stays in evaluation mode"),
    (transferring(thaw=False), "frozen itself: frozen=False, but the trunk of a network that was frozen stays frozen"),
    (in_a_still_wrapper, "given its gradients back, the trunk should wake up.*statistics .* stand still"),
    (norms_put_out_of_use, "given its gradients back, the trunk should wake up.*statistics .* stand still"),
    (transferring(sleep=False, then=asleep_by_a_hook), "the trunk should wake up.*stand still.*Look each time"),
    (transferring(sleep=False, then=trunk_without_train), "the trunk should wake up.*stand still.*Look each time"),
    (transferring(then=first_norm_asleep), "the trunk should wake up.*stand still"),
    (transferring(then=without_gradients), "the trunk should wake up.*stays frozen: no gradient reaches"),
    (always_frozen, "frozen=False, but the trunk stays frozen"),
    (still_norms, "statistics of the batch norms stand still"),
    (renames, r"no `\.head`"),
    (own_network, "other parts than the given network's"),
    (lambda network, outputs, frozen: transfer(network, outputs, frozen).trunk, r"no `\.trunk`"),
    (lambda network, outputs, frozen: transfer(network, outputs, frozen).state_dict(), "should return a network"),
    (lambda network, outputs, frozen: None, "None .*return"),
    (GenreLSTM, "give the function itself"),
    (stub, "nothing here yet"),
]


def submitting(rows=None, check=True, finite=np.isfinite, shapes=True, unique=True, known=True, text=None, **csv):
    """A submission with one part of it changed; `rows` from the table and the expected ids, `text` from the text."""

    def write_submission(path, ids, predicted, columns, expected):
        predicted = np.asarray(predicted)
        if shapes and predicted.shape != (len(ids), len(columns)):
            raise ValueError("shapes")
        if unique and len(set(ids.tolist())) < len(ids):
            raise ValueError("twice")
        if known and not set(expected.tolist()) <= set(ids.tolist()):
            raise ValueError("missing")
        if finite and not finite(predicted).all():
            raise ValueError("not finite")
        n = len(ids) if shapes else min(len(ids), len(predicted))
        if not shapes:
            predicted = predicted.reshape(len(predicted), -1)
            columns = (columns + list("xyz"))[: predicted.shape[1]]
        table = pd.DataFrame(predicted[:n], index=pd.Index(ids[:n], name="id"), columns=columns)
        table = (rows or (lambda t, e: t.loc[e]))(table, expected)
        said = table.to_csv(**csv)
        Path(path).write_text(text(said) if text else said)

    return write_submission


def begun_too_early(path, ids, predicted, columns, expected):
    with open(path, "w") as file:
        file.write(",".join(["id", *columns]) + "\n")
        if len(set(ids.tolist())) < len(ids) or not np.isfinite(predicted).all():
            raise ValueError("no")
        if predicted.shape != (len(ids), len(columns)):
            raise ValueError("shapes")
        for name in expected:
            if name not in ids:
                raise ValueError(name)
            row = predicted[ids.tolist().index(name)]
            file.write(",".join(map(str, [name, *row.tolist()])) + "\n")


def elsewhere(path, ids, predicted, columns, expected):
    write_submission("submission.csv", ids, predicted, columns, expected)


def and_a_copy(path, ids, predicted, columns, expected):
    write_submission(path, ids, predicted, columns, expected)
    write_submission(str(path) + ".bak", ids, predicted, columns, expected)


def by_dict(path, ids, predicted, columns, expected):
    found = dict(zip(ids.tolist(), predicted.tolist(), strict=False))
    lines = [",".join(map(str, [name, *found[name]])) for name in expected.tolist()]
    Path(path).write_text("\n".join([",".join(["id", *columns]), *lines]))


def floats_of_all(path, ids, predicted, columns, expected):
    write_submission(path, ids.astype(float) if ids.dtype.kind == "i" else ids, predicted, columns, expected)


def asserting(path, ids, predicted, columns, expected):
    assert set(expected.tolist()) <= set(ids.tolist())
    write_submission(path, ids, predicted, columns, expected)


def zipped(path, ids, predicted, columns, expected):
    """The numbers as they came, beside the ids as they are wanted."""
    predicted = predicted[: len(expected)]
    pd.DataFrame(predicted, columns=columns).assign(id=expected)[["id", *columns]].to_csv(path, index=False)


def sorts_ids(path, ids, predicted, columns, expected):
    write_submission(path, ids, predicted, columns, expected)
    ids.sort()


def filtered(path, ids, predicted, columns, expected):
    kept = np.isin(ids, expected)
    pd.DataFrame(predicted[kept], index=pd.Index(expected, name="id"), columns=columns).to_csv(path)


def removes_on_error(path, ids, predicted, columns, expected):
    try:
        by_dict(path, ids, predicted, columns, expected)
    except KeyError:
        os.remove(path)


SUBMISSIONS = [
    (submitting(lambda t, e: t), "rows are those of `ids`, in that order"),
    (submitting(lambda t, e: t[t.index.isin(e)]), "stand in the order of `ids`"),
    (submitting(lambda t, e: t.loc[np.sort(e)]), "sorted by id"),
    (submitting(lambda t, e: t.loc[e[::-1]]), "another order than `expected`"),
    (submitting(lambda t, e: t.loc[[*e, *t.index.difference(e)]]), "ids that `expected` doesn't have"),
    (submitting(lambda t, e: t.loc[e[:-1]]), "writes 4 rows; `expected` has 5"),
    (submitting(lambda t, e: t.loc[e].reset_index()), r"header is `,id,calmness.*index=False"),
    (submitting(lambda t, e: t.loc[e].rename_axis(None)), "first column has no name"),
    (submitting(lambda t, e: t.loc[e].rename_axis("name")), "header is `name,calmness,power,joy`; it should be `id"),
    (submitting(lambda t, e: t.loc[e].rename(columns=str.upper)), "it should be `id,calmness,power,joy`"),
    (submitting(lambda t, e: t.loc[e].set_axis(range(t.shape[1]), axis=1)), "numbers of the columns in place"),
    (submitting(lambda t, e: t.loc[e], header=False), "header is missing"),
    (submitting(lambda t, e: t.loc[e].sort_index(axis=1)), "columns are in another order"),
    (submitting(lambda t, e: t.loc[e], index=False), "ids have no column"),
    (submitting(lambda t, e: t.loc[e], sep=";"), "separated by commas"),
    (submitting(text=lambda s: "# " + s), "a # in it"),
    (submitting(text=lambda s: s.replace(",", ", ")), "spaces"),
    (submitting(text=lambda s: s.replace("0.", "0,")), "7 fields; the header has 4"),
    (submitting(text=lambda s: s.replace("0.", "p=0.")), "no number that"),
    (submitting(text=lambda s: ""), "file is empty"),
    (submitting(lambda t, e: t.loc[e].round(2)), "rounded to 2 decimals"),
    (submitting(float_format="%.4f"), "rounded to 4 decimals"),
    (submitting(lambda t, e: t.loc[e] * 100), "in percent"),
    (submitting(lambda t, e: t.loc[e].div(t.loc[e].sum(axis=1), axis=0)), "scaled to a sum of 1"),
    (submitting(lambda t, e: (t.loc[e] > 0.5).astype(int)), "set to 0 and 1"),
    (submitting(lambda t, e: t.loc[e] + 0.1), "not those of `predicted`"),
    (submitting(lambda t, e: t.loc[e, t.columns[::-1]].set_axis(t.columns, axis=1)), "under other columns"),
    (zipped, "the first predictions, as they came"),
    (filtered, "in the order of `ids`, the ids in that of `expected`"),
    (floats_of_all, "array of floats"),
    (submitting(lambda t, e: t.reindex(e), known=False), "without a prediction should raise.*NaN, or nothing"),
    (submitting(lambda t, e: t.reindex(e, fill_value=0), known=False), "filled with 0"),
    (submitting(lambda t, e: t.reindex(e, method=None).fillna(t.mean()), known=False), "nobody predicted"),
    (submitting(lambda t, e: t.loc[[i for i in e if i in t.index]], known=False), "row is left out"),
    (submitting(known=False), "KeyError.*expected id without"),
    (by_dict, "KeyError.*where it should raise a ValueError"),
    (asserting, "AssertionError.*where it should raise a ValueError"),
    (submitting(unique=False), "two predictions should raise"),
    (submitting(lambda t, e: t[~t.index.duplicated()].loc[e], unique=False), "two predictions.*which of the two"),
    (submitting(finite=None), "that is NaN should raise"),
    (submitting(finite=lambda p: ~np.isnan(p)), "infinite should raise.*np.isfinite does"),
    (submitting(finite=lambda p: p < np.inf), "minus infinity"),
    (submitting(shapes=False), "fewer rows of predictions than ids should raise.*zip"),
    (begun_too_early, r"leaves answers\.csv behind"),
    (elsewhere, r"writes submission\.csv in place of `path`"),
    (and_a_copy, r"other files beside the one wanted: .*bak"),
    (removes_on_error, "FileNotFoundError"),
    (sorts_ids, "in place"),
    (lambda path, *given: None, "no file afterwards"),
    (GenreLSTM, "give the function itself"),
    (stub, "nothing here yet"),
]

WRONG: dict[str, list] = {"occlusion_map": MAPS, "transfer": TRANSFERS, "write_submission": SUBMISSIONS}
