"""Right answers to the tasks on data, features and measures of the unit on music, each written in its own way."""

from collections import Counter, defaultdict
from itertools import pairwise

import numpy as np
import pandas as pd
import scipy.stats
import torch


def split_half_reliability(clip, answer, halvings, generator):
    names, counts = np.unique(clip, return_counts=True)
    if counts.min() < 2:
        raise ValueError("a clip with one answer can't be halved")
    found = []
    for _ in range(halvings):
        first, second = [], []
        for name in names:
            shuffled = generator.permutation(answer[clip == name])
            middle = len(shuffled) // 2
            first.append(shuffled[:middle].mean())
            second.append(shuffled[middle:].mean())
        r = np.corrcoef(first, second)[0, 1]
        found.append(2 * r / (1 + r))
    return float(np.mean(found))


def reliability_by_table(clip, answer, halvings, generator):
    """Random keys rank the answers of each clip; the first half has the odd one; the mean r is stepped up."""
    table = pd.DataFrame({"clip": clip, "answer": answer})
    if table["clip"].value_counts().min() == 1:
        raise ValueError("one answer")
    rs = []
    for _ in range(halvings):
        table["key"] = generator.random(len(table))
        place = table.groupby("clip")["key"].rank()
        size = table.groupby("clip")["clip"].transform("size")
        half = np.where(place <= (size + 1) // 2, "a", "b")
        means = table.groupby(["clip", half])["answer"].mean().unstack()
        rs.append(means["a"].corr(means["b"]))
    r = np.mean(rs)
    return 2 * r / (1 + r)


def reliability_by_order(clip, answer, halvings, generator):
    """One permutation of everything, sorted by clip again: within a clip the order is random."""
    _, number = np.unique(clip, return_inverse=True)
    counts = np.bincount(number)
    if (counts == 1).any():
        raise ValueError("a clip was answered once")
    start = np.cumsum(counts) - counts
    total = 0.0
    for _ in range(halvings):
        mixed = generator.permutation(len(answer))
        mixed = mixed[np.argsort(number[mixed], kind="stable")]
        place = np.arange(len(mixed)) - np.repeat(start, counts)
        second = place >= np.repeat(counts // 2, counts)
        sums = np.zeros((2, len(counts)))
        np.add.at(sums, (second.astype(int), number[mixed]), answer[mixed])
        r = scipy.stats.pearsonr(sums[0] / (counts // 2), sums[1] / (counts - counts // 2)).statistic
        total += 2 * r / (1 + r)
    return total / halvings


def reliability_rounded(clip, answer, halvings, generator):
    """Cut at round(n / 2), so that of 3 answers and of 5 the first half has 2; gives an array without axes."""
    names, counts = np.unique(clip, return_counts=True)
    if 1 in counts:
        raise ValueError("one answer")
    rs = []
    for _ in range(halvings):
        shuffled = [generator.permutation(answer[clip == name]) for name in names]
        halves = [(g[: round(len(g) / 2)].mean(), g[round(len(g) / 2) :].mean()) for g in shuffled]
        rs.append(np.corrcoef(*zip(*halves, strict=True))[0, 1])
    return np.array(np.mean([2 * r / (1 + r) for r in rs]))


def reliability_odd_by_lot(clip, answer, halvings, generator):
    """The halves change places by lot, so that either may have the odd answer."""
    total = 0.0
    for _ in range(halvings):
        means = []
        for name in dict.fromkeys(clip.tolist()):
            group = generator.permutation(answer[clip == name])
            if len(group) == 1:
                raise ValueError(f"{name} has one answer")
            halves = np.array_split(group, 2)
            means.append([half.mean() for half in (halves[::-1] if generator.integers(2) else halves)])
        r = scipy.stats.pearsonr(*np.transpose(means)).statistic
        total += 2 * r / (1 + r)
    return total / halvings


def reliability_clip_by_clip(clip, answer, halvings, generator, mean=np.mean):
    """All halvings of a clip are drawn before the next clip's, so in another order than one after the other."""
    x, y = [], []
    for name in np.unique(clip):
        group = answer[clip == name]
        if len(group) < 2:
            raise ValueError("one answer")
        shuffled = generator.permuted(np.tile(group, (halvings, 1)), axis=1)
        x.append(shuffled[:, : len(group) // 2].mean(axis=1))
        y.append(shuffled[:, len(group) // 2 :].mean(axis=1))
    x, y = (scipy.stats.zscore(v, axis=0) for v in (np.array(x), np.array(y)))
    r = (x * y).mean(axis=0)
    return float(mean(2 * r / (1 + r)))


def merge_classes(labels, merged, least):
    new = [merged.get(label, label) for label in labels]
    counts = Counter(new)
    return np.array([label if counts[label] >= least else None for label in new], dtype=object)


def merge_classes_by_series(labels, merged, least):
    new = pd.Series(labels, dtype=object)
    new = new.map(merged).fillna(new)
    size = new.map(new.value_counts())
    out = new.to_numpy(dtype=object, copy=True)
    out[(size < least).to_numpy()] = None
    return out


def merge_classes_by_masks(labels, merged, least):
    new = labels.astype(object)
    for old, name in merged.items():
        new[labels == old] = name
    kept, counts = np.unique(new.astype(str), return_counts=True)
    new[~np.isin(new.astype(str), kept[counts >= least])] = None
    return new


def beat_medians(frames, beats):
    edges = np.unique(np.clip(np.concatenate([[0], beats, [len(frames)]]), 0, len(frames)).astype(int))
    return np.stack([np.median(frames[a:b], axis=0) for a, b in pairwise(edges)])


def beat_medians_by_split(frames, beats):
    return np.array([np.median(part, axis=0) for part in np.split(frames, beats) if len(part)])


def beat_medians_by_table(frames, beats):
    """Each frame's stretch is the number of beats up to it."""
    stretch = np.searchsorted(beats, np.arange(len(frames)), side="right")
    return pd.DataFrame(frames).groupby(stretch).median().to_numpy()


def fold_to_chroma(power, frequencies, low=55.0):
    kept = frequencies >= low
    pitch = np.round(69 + 12 * np.log2(frequencies[kept] / 440)).astype(int) % 12
    chroma = np.stack([power[kept][pitch == k].sum(axis=0) for k in range(12)], axis=1)
    largest = chroma.max(axis=1, keepdims=True)
    return np.divide(chroma, largest, out=np.zeros_like(chroma), where=largest > 0)


def fold_by_matrix(power, frequencies, low=55.0):
    """From C0 upwards, as a product with a matrix of zeros and ones; 0/0 mended afterwards."""
    c0 = 440 * 2 ** (-57 / 12)
    usable = np.where(frequencies > 0, frequencies, 1.0)
    pitch = np.floor(12 * np.log2(usable / c0) + 0.5) % 12
    matrix = (pitch == np.arange(12)[:, None]) & (frequencies >= low)
    chroma = (matrix.astype(float) @ power).T
    return np.nan_to_num(chroma / chroma.max(1, keepdims=True))


def fold_by_loop(power, frequencies, low=55.0):
    chroma = np.zeros((power.shape[1], 12))
    for row, frequency in zip(power, frequencies, strict=True):
        if frequency >= low:
            chroma[:, round(12 * np.log2(frequency / 440) + 9) % 12] += row
    for frame in chroma:
        if frame.max() > 0:
            frame /= frame.max()
    return chroma


def class_report(confusion):
    hits = np.diag(confusion).astype(float)
    support, said = confusion.sum(axis=1), confusion.sum(axis=0)

    def share(part, whole):
        return np.divide(part, whole, out=np.zeros(len(part)), where=whole > 0)

    precision, recall = share(hits, said), share(hits, support)
    f1 = share(2 * precision * recall, precision + recall)
    return {
        "precision": precision,
        "recall": recall,
        "f1": f1,
        "support": support,
        "accuracy": hits.sum() / confusion.sum(),
        "macro_f1": f1.mean(),
        "weighted_f1": np.average(f1, weights=support),
    }


def f1_score(hit, support, said):
    """A function of one's own that has the name of one in scikit-learn."""
    return 2 * hit / (support + said) if support + said else 0.0


def class_report_by_loop(confusion):
    lists = defaultdict(list)
    n, total = len(confusion), int(confusion.sum())
    for k in range(n):
        hit, support, said = (int(v) for v in (confusion[k, k], confusion[k].sum(), confusion[:, k].sum()))
        lists["precision"].append(hit / said if said else 0.0)
        lists["recall"].append(hit / support if support else 0.0)
        lists["f1"].append(f1_score(hit, support, said))
        lists["support"].append(float(support))
    report = {key: np.array(values) for key, values in lists.items()}
    weighted = sum(f * s for f, s in zip(lists["f1"], lists["support"], strict=True)) / total
    hits = sum(int(confusion[k, k]) for k in range(n))
    return report | {"accuracy": hits / total, "macro_f1": sum(lists["f1"]) / n, "weighted_f1": weighted}


def class_report_mended(confusion):
    """0/0 divided as it is, and mended."""
    hits = np.diagonal(confusion)
    p, r = (np.nan_to_num(hits / confusion.sum(axis)) for axis in (0, 1))
    f1 = np.nan_to_num(2 * p * r / (p + r))
    n = confusion.sum(1)
    averages = {
        "accuracy": np.trace(confusion) / n.sum(),
        "macro_f1": np.mean(f1),
        "weighted_f1": (f1 * n).sum() / n.sum(),
    }
    return {"precision": p, "recall": r, "f1": f1, "support": n, **averages}


def refuse(x, y):
    if len(x) != len(y) or len(x) < 3:
        raise ValueError("two rows of the same length, of 3 values or more")
    if np.isnan(x).any() or np.isnan(y).any():
        raise ValueError("NaN has no rank")
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        raise ValueError("a constant has no order")


def spearman(x, y):
    refuse(x, y)
    return float(np.corrcoef(scipy.stats.rankdata(x), scipy.stats.rankdata(y))[0, 1])


def spearman_by_series(x, y):
    refuse(x, y)
    return pd.Series(x).rank().corr(pd.Series(y).rank())


def spearman_by_counting(x, y):
    """A rank is how many are smaller, and half of those that are equal."""
    refuse(x, y)
    a, b = (np.sign(np.subtract.outer(v, v)).sum(1) for v in (np.asarray(x, float), np.asarray(y, float)))
    return (a @ b) / np.sqrt((a @ a) * (b @ b))


def spearman_by_tensors(x, y):
    """The correlation by PyTorch; a tensor without axes comes back."""
    refuse(x, y)
    a, b = (torch.as_tensor(scipy.stats.rankdata(v)) for v in (x, y))
    return torch.corrcoef(torch.stack([a, b]))[0, 1]


RIGHT: dict[str, list] = {
    "split_half_reliability": [
        split_half_reliability,
        reliability_by_table,
        reliability_by_order,
        reliability_rounded,
        reliability_odd_by_lot,
        reliability_clip_by_clip,
    ],
    "merge_classes": [merge_classes, merge_classes_by_series, merge_classes_by_masks],
    "beat_medians": [beat_medians, beat_medians_by_split, beat_medians_by_table],
    "fold_to_chroma": [fold_to_chroma, fold_by_matrix, fold_by_loop],
    "class_report": [class_report, class_report_by_loop, class_report_mended],
    "spearman": [spearman, spearman_by_series, spearman_by_counting, spearman_by_tensors],
}
