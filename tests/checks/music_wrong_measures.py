"""Wrong answers to the tasks on measures of the unit on music, each with the words of its mistake."""

import music_right
import numpy as np
import pandas as pd
import scipy.stats
from music_right import class_report, refuse, spearman
from sklearn.metrics import f1_score
from spoilt_answers import after, as_list, stub


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


def sklearns_one_by_one(confusion):
    classes = range(len(confusion))
    true = np.repeat(classes, confusion.sum(1))
    said = np.concatenate([np.repeat(classes, row) for row in confusion])
    return {"f1": np.array([f1_score(true == k, said == k) for k in classes])}


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
    (sklearns_one_by_one, "f1_score, which does the whole task"),
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


def scipys_in_a_list(x, y):
    refuse(x, y)
    return sum([scipy.stats.spearmanr(a, b).statistic for a, b in [(x, y)]])


def scipys_imported(x, y):
    def inner():
        from scipy.stats import spearmanr

        return spearmanr(x, y).statistic

    refuse(x, y)
    return inner()


def pandas_in_a_lambda(x, y):
    refuse(x, y)
    return (lambda a, b: pd.Series(a).corr(pd.Series(b), method="spearman"))(x, y)


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
    (scipys_in_a_list, "spearmanr, which does the whole task"),
    (scipys_imported, "spearmanr, which does the whole task"),
    (pandas, "method=.spearman"),
    (pandas_in_a_lambda, "method=.spearman"),
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

WRONG = {"class_report": REPORTS, "spearman": SPEARMANS}
