"""Wrong answers to the tasks on listeners' answers and on classes of music, each with the words of its mistake."""

from collections import Counter
from functools import partial

import music_wrong_measures
import music_wrong_sound
import numpy as np
import pandas as pd
import scipy.stats
from music_right import merge_classes, reliability_clip_by_clip, split_half_reliability
from spoilt_answers import after, as_list, stub


def half(shuffled):
    return shuffled[: len(shuffled) // 2], shuffled[len(shuffled) // 2 :]


def round_half(shuffled):
    return shuffled[: round(len(shuffled) / 2)], shuffled[round(len(shuffled) / 2) :]


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
    (halving(collect=lambda found: np.mean(found) ** len(found)), "one halving is right, but .* give"),
    (halving(collect=np.median), "the median of the halvings; their mean"),
    (halving(collect=lambda found: (found[0] + found[-1]) / 2), "the mean of two only"),
    (halving(collect=lambda found: np.mean(found[:2])), "the mean of two only"),
    (halving(collect=lambda found: scipy.stats.trim_mean(found, 0.1)), "and the mean of two, but 24 give"),
    (halving(collect=lambda found: np.tanh(np.mean(np.arctanh(found)))), "Fisher's z"),
    (halving(step=lambda r: r, collect=lambda found: brown(np.tanh(np.mean(np.arctanh(found))))), "Fisher's z"),
    (partial(reliability_clip_by_clip, mean=np.median), "give .*; the mean over all ways to halve"),
    (partial(reliability_clip_by_clip, mean=lambda r: (r[0] + r[-1]) / 2), "give .*; the mean over all ways to halve"),
    (partial(reliability_clip_by_clip, mean=lambda r: np.tanh(np.arctanh(r).mean())), "the mean over all ways"),
    (halving(cut=round_half, number=np.sum), "sums of the halves"),
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


WRONG: dict[str, list] = {
    "split_half_reliability": RELIABILITIES,
    "merge_classes": MERGES,
    **music_wrong_sound.WRONG,
    **music_wrong_measures.WRONG,
}
