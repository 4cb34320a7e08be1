"""Wrong answers to the tasks on data and measures of the unit on music, each with the words of its mistake."""

from collections import Counter

import music_right
import music_wrong_sound
import numpy as np
import pandas as pd
import scipy.stats
from music_right import class_report, merge_classes, refuse, spearman, split_half_reliability
from spoilt_answers import after, as_list, stub


def half(shuffled):
    return shuffled[: len(shuffled) // 2], shuffled[len(shuffled) // 2 :]


def brown(r):
    return 2 * r / (1 + r)


def halving(shuffle=None, cut=half, number=np.mean, step=brown, r=None, collect=np.mean, least=2, anew=True):
    """A reliability with one part of it changed."""

    def split_half_reliability(clip, answer, halvings, generator):
        names, counts = np.unique(clip, return_counts=True)
        if counts.min() < least:
            raise ValueError("one answer")
        found = []
        for turn in range(halvings):
            if anew or turn == 0:
                halves = [
                    cut((shuffle or type(generator).permutation)(generator, answer[clip == name])) for name in names
                ]
            x, y = ([number(h[k]) for h in halves] for k in (0, 1))
            found.append(step((r or (lambda x, y: np.corrcoef(x, y)[0, 1]))(x, y)))
        return collect(found)

    return split_half_reliability


def same_seed(generator, group):
    return np.random.default_rng(0).permutation(group)


def drawn_apart(generator, group):
    middle = len(group) // 2
    return np.concatenate(
        [generator.choice(group, middle, replace=False), generator.choice(group, len(group) - middle, replace=False)]
    )


def single_answers(clip, answer, halvings, generator):
    found = []
    for _ in range(halvings):
        x, y = [], []
        for name in np.unique(clip):
            first, second = half(generator.permutation(answer[clip == name]))
            x.extend(first)
            y.extend(second[: len(first)])
        found.append(brown(np.corrcoef(x, y)[0, 1]))
    return np.mean(found)


def all_together(clip, answer, halvings, generator):
    """One shuffle over all; clips that miss a half are left out."""
    found = []
    for _ in range(halvings):
        first, second = half(generator.permutation(len(answer)))
        a, b = (pd.Series(answer[h]).groupby(clip[h]).mean() for h in (first, second))
        found.append(brown(a.corr(b)))
    return np.mean(found)


def all_together_with_nan(clip, answer, halvings, generator):
    first, second = half(generator.permutation(len(answer)))
    x, y = ([answer[h][clip[h] == name].mean() for name in np.unique(clip)] for h in (first, second))
    return brown(np.corrcoef(x, y)[0, 1])


def contiguous(clip, answer, halvings, generator):
    """Takes the answers to stand clip by clip."""
    _, counts = np.unique(clip, return_counts=True)
    ends = np.cumsum(counts)
    sorted_clip = np.repeat(np.arange(len(counts)), counts)
    if counts.min() < 2:
        raise ValueError("one answer")
    assert ends[-1] == len(answer)
    return split_half_reliability(sorted_clip, answer, halvings, generator)


def shuffles_in_place(clip, answer, halvings, generator):
    order = np.argsort(clip, kind="stable")
    answer[:] = answer[order]
    return split_half_reliability(np.sort(clip), answer, halvings, generator)


def numbers_only(clip, answer, halvings, generator):
    """Takes clips to be the numbers 0, 1, …"""
    return split_half_reliability(clip.astype(int), answer, halvings, generator)


RELIABILITIES = [
    (halving(step=lambda r: r), "Spearman–Brown"),
    (halving(step=lambda r: 2 * r / (1 - r)), r"denominator of Spearman–Brown is 1 \+ r"),
    (halving(step=lambda r: r / (1 + r)), "numerator of Spearman–Brown is 2r"),
    (halving(step=lambda r: brown(brown(r))), "applied twice"),
    (halving(step=np.sqrt), "root of r"),
    (halving(shuffle=lambda generator, group: group), "in the order they stand in"),
    (halving(shuffle=lambda generator, group: group, cut=lambda g: (g[::2], g[1::2])), "in the order they stand in"),
    (halving(shuffle=same_seed), "each generator gives the same halves"),
    (halving(shuffle=lambda generator, group: np.random.permutation(group)), "generator that all share"),
    (
        halving(shuffle=lambda generator, group: np.random.default_rng().permutation(group)),
        "same seed give different values",
    ),
    (halving(anew=False), "shuffle anew for each"),
    (halving(collect=lambda found: found[-1]), "value of a single one"),
    (halving(collect=np.sum), "sum over the halvings"),
    (halving(collect=lambda found: np.mean(found) ** len(found)), "one halving is right, but 60 give"),
    (halving(cut=lambda g: (g[: len(g) // 2], g[len(g) // 2 : len(g) // 2 * 2])), "one is left out"),
    (halving(number=np.sum), "sums of the halves"),
    (halving(number=np.median), "medians of the halves"),
    (halving(r=lambda x, y: scipy.stats.pearsonr(*map(scipy.stats.rankdata, (x, y)))[0]), "correlated by ranks"),
    (halving(shuffle=drawn_apart), "share answers"),
    (halving(shuffle=lambda generator, group: generator.choice(group, len(group))), "with replacement"),
    (single_answers, "single answers are correlated"),
    (all_together, "within each clip"),
    (all_together_with_nan, "NaN.*within each clip"),
    (contiguous, "they come in any order"),
    (shuffles_in_place, "changes clip or answer in place"),
    (numbers_only, "ValueError.*don't stand together"),
    (halving(r=np.corrcoef, collect=lambda found: np.mean(found, axis=0)), r"np\.corrcoef.*\[0, 1\]"),
    (halving(collect=list), "one number, but it is a list"),
    (halving(least=0), "a clip with one answer should raise"),
    (halving(step=lambda r: 0.9 * r), "no way to halve"),
    (lambda clip, answer, halvings, generator: None, "None .*return"),
    (split_half_reliability(np.repeat([1, 2, 3], 2), np.arange(6.0), 1, np.random.default_rng(0)), "function itself"),
    (stub, "nothing here yet"),
]


def early(labels, merged, least):
    counts = Counter(labels)
    return np.array([merged.get(n, n) if counts[n] >= least else None for n in labels], dtype=object)


def twice(labels, merged, least):
    counts = Counter(labels)
    late = merge_classes(labels, merged, least)
    return np.array(
        [new if counts[old] >= least else None for old, new in zip(labels, late, strict=True)], dtype=object
    )


def or_equal(labels, merged, least):
    return merge_classes(labels, merged, least + 1)


def chained(labels, merged, least):
    new = labels.astype(object)
    for old, name in merged.items():
        new[new == old] = name
    return merge_classes(new, {}, least)


def to_the_end(labels, merged, least):
    def final(name):
        while name in merged:
            name = merged[name]
        return name

    return merge_classes(np.array([final(n) for n in labels], dtype=object), {}, least)


def unnamed_lost(labels, merged, least):
    new = [merged.get(n) for n in labels]
    counts = Counter(new)
    return np.array([n if n and counts[n] >= least else None for n in new], dtype=object)


def unnamed_lost_by_map(labels, merged, least):
    new = pd.Series(labels, dtype=object).map(merged)
    size = new.map(new.value_counts())
    return np.array([n if s >= least else None for n, s in zip(new, size, strict=True)], dtype=object)


def unnamed_fail(labels, merged, least):
    return merge_classes(np.array([merged[n] for n in labels], dtype=object), {}, least)


def old_dtype(labels, merged, least):
    new = labels.copy()
    for old, name in merged.items():
        new[labels == old] = name
    return merge_classes(new, {}, least)


def in_place_labels(labels, merged, least):
    before = labels.copy()
    for old, name in merged.items():
        labels[before == old] = name
    return merge_classes(labels, {}, least)


def in_place_merged(labels, merged, least):
    merged.update({n: n for n in labels if n not in merged})
    return merge_classes(labels, merged, least)


def only_the_large(labels, merged, least):
    new = merge_classes(labels, merged, least)
    return np.array([old if n is not None else None for old, n in zip(labels, new, strict=True)], dtype=object)


MERGES = [
    (early, "before they are merged"),
    (twice, "before they are merged"),
    (or_equal, "< in place of <="),
    (chained, "renamed twice"),
    (to_the_end, "renamed twice"),
    (unnamed_lost, "doesn't name are lost"),
    (unnamed_lost_by_map, "doesn't name are lost|hold NaN"),
    (unnamed_fail, "KeyError"),
    (after(merge_classes, lambda v: v[v != None]), "dropped rows are removed"),  # noqa: E711
    (after(merge_classes, lambda v: v.astype(str)), "should hold None itself"),
    (after(merge_classes, lambda v: np.array([n or "" for n in v], dtype=object)), "empty text"),
    (after(merge_classes, lambda v: np.array([n or np.nan for n in v], dtype=object)), "NaN; they should hold None"),
    (after(merge_classes, lambda v: np.array([n or 0 for n in v], dtype=object)), "each is a text or None"),
    (after(merge_classes, lambda v: pd.Series(v)), "numpy array"),
    (as_list(merge_classes), "numpy array, but it is a list"),
    (lambda labels, merged, least: merge_classes(labels, {}, least), "`merged` is ignored"),
    (lambda labels, merged, least: merge_classes(labels, merged, 0), "nothing is dropped"),
    (lambda labels, merged, least: merge_classes(labels, merged, 1), "nothing is dropped"),
    (lambda labels, merged, least: merge_classes(np.sort(labels), merged, least), "becomes"),
    (only_the_large, "old names"),
    (old_dtype, "cuts longer names"),
    (in_place_labels, "changes labels or merged in place"),
    (in_place_merged, "changes labels or merged in place"),
    (lambda labels, merged, least: None, "None .*return"),
    (stub, "nothing here yet"),
]


def share(part, whole):
    return np.divide(part, whole, out=np.zeros(len(part)), where=np.asarray(whole) > 0)


def report(change):
    """The right report with some values changed by `change(report, confusion)`, a dict of them."""

    def class_report(confusion):
        right = music_right.class_report(confusion)
        return right | change(right, confusion)

    return class_report


def f1_of(p, r):
    return 0.0 if p + r == 0 else 2 * p * r / (p + r)


def with_nan(confusion):
    hits, n = np.diag(confusion), confusion.sum(1)
    p, r = hits / confusion.sum(0), hits / n
    f1 = 2 * p * r / (p + r)
    return {
        "precision": p, "recall": r, "f1": f1, "support": n, "accuracy": hits.sum() / n.sum(),
        "macro_f1": f1.mean(), "weighted_f1": (f1 * n).sum() / n.sum(),
    }  # fmt: skip


def sklearns(confusion):
    from sklearn.metrics import classification_report

    true = np.repeat(np.arange(len(confusion)), confusion.sum(1))
    said = np.concatenate([np.repeat(np.arange(len(confusion)), row) for row in confusion])
    return classification_report(true, said, output_dict=True)


def normalised_in_place(confusion):
    right = class_report(confusion)
    confusion[:] = confusion * 2
    return right


REPORTS = [
    (report(lambda r, c: {"precision": r["recall"], "recall": r["precision"]}), "precision and recall are swapped"),
    (after(class_report, lambda r: r | {"macro_f1": r["weighted_f1"], "weighted_f1": r["macro_f1"]}), "are swapped"),
    (report(lambda r, c: {"weighted_f1": r["macro_f1"]}), "weighted_f1 is the plain mean"),
    (with_nan, "NaN: a class that is never said.*counts as 0"),
    (
        report(lambda r, c: {"macro_f1": f1_of(r["precision"].mean(), r["recall"].mean())}),
        "F1 of the mean precision and the mean recall",
    ),
    (report(lambda r, c: {"macro_f1": r["f1"][r["f1"] > 0].mean()}), "class of F1 0; it counts as 0"),
    (report(lambda r, c: {"macro_f1": r["f1"][r["support"] > 0].mean()}), "there is none of; it counts as 0"),
    (report(lambda r, c: {"macro_f1": r["accuracy"]}), "micro average"),
    (report(lambda r, c: {"accuracy": r["recall"]}), "over each class: that is recall"),
    (report(lambda r, c: {"accuracy": r["precision"]}), "over what is said: that is precision"),
    (report(lambda r, c: {"accuracy": r["recall"].mean()}), "accuracy is the mean recall"),
    (report(lambda r, c: {"accuracy": np.trace(c)}), "accuracy counts the hits"),
    (report(lambda r, c: {"support": c.sum(0)}), "how often each class is said"),
    (report(lambda r, c: {"support": np.diag(c)}), "support counts the hits"),
    (report(lambda r, c: {"weighted_f1": np.average(r["f1"], weights=c.sum(0))}), "weighted by how often"),
    (report(lambda r, c: {"weighted_f1": (r["f1"] * r["support"]).sum()}), "not divided by the number of rows"),
    (report(lambda r, c: {"f1": (r["precision"] + r["recall"]) / 2}), "the harmonic mean is wanted"),
    (report(lambda r, c: {"f1": r["f1"] / 2}), "lacks its factor 2"),
    (report(lambda r, c: {"f1": np.sqrt(r["precision"] * r["recall"])}), "geometric mean"),
    (report(lambda r, c: {"precision": np.diag(c) / c.sum()}), "precision is over all rows"),
    (report(lambda r, c: {k: v * 100 for k, v in r.items() if k != "support"}), "in percent"),
    (report(lambda r, c: {k: np.round(v, 2) for k, v in r.items()}), "rounded"),
    (report(lambda r, c: {"precision": r["precision"].astype(int)}), "array of int holds no shares"),
    (report(lambda r, c: {"f1": r["f1"].mean()}), r"f1 should be a numpy array"),
    (report(lambda r, c: {"f1": r["f1"][:-1]}), r"f1 has shape"),
    (report(lambda r, c: {"macro_f1": r["f1"] * 0.5}), "macro_f1 should return one number|macro_f1 has shape"),
    (report(lambda r, c: {"accuracy": r["accuracy"] * 0.93}), "accuracy differs"),
    (after(class_report, lambda r: {k: r[k] for k in ("precision", "recall", "f1")}), "lacks support, accuracy"),
    (after(class_report, lambda r: {k: v.tolist() for k, v in r.items()}), "numpy array, but it is a list"),
    (after(class_report, lambda r: tuple(r.values())), "should return a dict"),
    (sklearns, "classification_report, which does the whole task"),
    (normalised_in_place, "changes the confusion matrix in place"),
    (stub, "nothing here yet"),
]


def of_ranks(rank, check=refuse):
    def spearman(x, y):
        check(x, y)
        return np.corrcoef(rank(x), rank(y))[0, 1]

    return spearman


def by_distance(rank):
    def spearman(x, y):
        refuse(x, y)
        n, gaps = len(x), rank(x) - rank(y)
        return 1 - 6 * (gaps**2).sum() / (n * (n**2 - 1))

    return spearman


def scipys(x, y):
    refuse(x, y)
    return scipy.stats.spearmanr(x, y).statistic


def pandas(x, y):
    refuse(x, y)
    return pd.Series(x).corr(pd.Series(y), method="spearman")


def kendall(x, y):
    refuse(x, y)
    return scipy.stats.kendalltau(x, y).statistic


def pair(x, y):
    refuse(x, y)
    return tuple(scipy.stats.pearsonr(scipy.stats.rankdata(x), scipy.stats.rankdata(y)))


def table(x, y):
    refuse(x, y)
    return np.corrcoef(scipy.stats.rankdata(x), scipy.stats.rankdata(y))


def only_x(x, y):
    refuse(x, y)
    return np.corrcoef(scipy.stats.rankdata(x), y)[0, 1]


def unless(lets_pass):
    """Refuses all but what `lets_pass` says; that gets a number all the same."""

    def spearman(x, y):
        if lets_pass(x, y):
            return 0.0
        return music_right.spearman(x, y)

    return spearman


def repeats(x, y):
    """Different lengths are let through as numpy repeats a single value."""
    if len(x) != len(y) and 1 not in (len(x), len(y)):
        raise ValueError("lengths differ")
    return music_right.spearman(x, np.broadcast_to(y, x.shape) + np.arange(len(x)) * (len(y) == 1))


def with_ranks(kind):
    return lambda v: scipy.stats.rankdata(v, method=kind)


SPEARMANS = [
    (of_ranks(lambda v: v), "values themselves"),
    (of_ranks(lambda v: np.argsort(v, kind="stable")), "argsort gives the order, not the ranks"),
    (of_ranks(lambda v: np.argsort(np.argsort(v, kind="stable"))), "different ranks, in the order they stand in"),
    (of_ranks(with_ranks("ordinal")), "different ranks, in the order they stand in"),
    (of_ranks(with_ranks("min")), "lowest of their ranks"),
    (of_ranks(with_ranks("max")), "highest of their ranks"),
    (of_ranks(with_ranks("dense")), "ranks after them are too low"),
    (by_distance(scipy.stats.rankdata), "without ties only"),
    (by_distance(with_ranks("ordinal")), "in the order they stand in"),
    (by_distance(with_ranks("min")), "without ties only"),
    (only_x, "only x is ranked"),
    (kendall, "Kendall's tau"),
    (after(spearman, abs), "the sign is lost"),
    (after(spearman, lambda r: r**2), "squared"),
    (after(spearman, lambda r: -r), "the sign is wrong"),
    (after(spearman, lambda r: round(r, 3)), "rounded"),
    (pair, "returns a pair"),
    (table, r"np\.corrcoef.*\[0, 1\]"),
    (scipys, "spearmanr, which does the whole task"),
    (pandas, "method=.spearman"),
    (of_ranks(scipy.stats.rankdata, lambda x, y: None), "fewer than 3 values should raise"),
    (unless(lambda x, y: len(x) == len(y) == 2), "fewer than 3 values should raise"),
    (unless(lambda x, y: len(x) != len(y)), "different lengths should raise"),
    (repeats, "of 5 values and y of one should raise"),
    (unless(lambda x, y: np.isnan(x).any() or np.isnan(y).any()), "NaN in y should raise"),
    (unless(lambda x, y: np.isnan(x).any()), "NaN in x should raise"),
    (unless(lambda x, y: len(y) == 5 and np.ptp(y) == 0), "a constant y should raise"),
    (unless(lambda x, y: len(y) == 5 and np.std(x) < 1e-12), "a constant x should raise"),
    (as_list(lambda x, y: np.array([spearman(x, y)])), "one number, but it is a list"),
    (lambda x, y: None, "None .*return"),
    (stub, "nothing here yet"),
]

WRONG: dict[str, list] = {
    "split_half_reliability": RELIABILITIES,
    "merge_classes": MERGES,
    "class_report": REPORTS,
    "spearman": SPEARMANS,
    **music_wrong_sound.WRONG,
}
