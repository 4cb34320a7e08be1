"""How good predictions are. What is not defined on the data at hand is NaN, never an error."""

import math

import numpy as np

NAMES = ("accuracy", "balanced_accuracy", "auroc", "f1", "threshold", "precision", "recall")


def classification_metrics(logits: np.ndarray, labels: np.ndarray | None) -> dict[str, float]:
    """The metrics `NAMES` of predictions.

    Parameters
    ----------
    logits : (n, classes), or (n, 1) for two classes.
    labels : (n,) int from 0; None (a target that is no class) makes every metric NaN.

    Returns
    -------
    Two classes: accuracy and balanced accuracy at probability 0.5; area under the ROC curve; the best F1 of all
    thresholds with its threshold (a probability), precision and recall. More classes: F1, precision and recall
    are means over classes, the area is one class against the rest, averaged; over the classes that have a
    sample. With samples of one class only, all but accuracy are NaN.
    """
    result = dict.fromkeys(NAMES, math.nan)
    if labels is None or len(labels) == 0:
        return result
    if logits.shape[1] == 1:
        positive = logits[:, 0] > 0
        result["accuracy"] = float((positive == labels).mean())
        if labels.min() != labels.max():
            recalls = positive[labels == 1].mean(), 1 - positive[labels == 0].mean()
            result["balanced_accuracy"] = float(np.mean(recalls))
            result |= _ranking(logits[:, 0], labels)
        return result
    predicted = logits.argmax(1)
    result["accuracy"] = float((predicted == labels).mean())
    if labels.min() != labels.max():
        result |= _several(logits, labels, predicted)
    return result


def _ranking(logits: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """All that depends on the threshold, from one curve (sklearn's separate functions take three times as long)."""
    from sklearn.metrics import auc, roc_curve

    scores = 1 / (1 + np.exp(-np.clip(logits.astype(float), -700, 700)))
    false_rate, true_rate, thresholds = roc_curve(labels, scores, drop_intermediate=False)
    n_positive = labels.sum()
    hits = true_rate * n_positive
    flagged = hits + false_rate * (len(labels) - n_positive)
    f1 = 2 * hits / (n_positive + flagged)
    best = int(f1.argmax())
    # Half-way to the next lower score: rounding can't move a sample to the other side.
    lower = thresholds[best + 1] if best + 1 < len(thresholds) else thresholds[best]
    return {
        "auroc": float(auc(false_rate, true_rate)),
        "f1": float(f1[best]),
        "threshold": float((thresholds[best] + lower) / 2),
        "precision": float(hits[best] / flagged[best]),
        "recall": float(true_rate[best]),
    }


def _several(logits: np.ndarray, labels: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    from sklearn.metrics import precision_recall_fscore_support, roc_auc_score

    present = np.unique(labels)
    precision, recall, f1, _ = precision_recall_fscore_support(
        labels, predicted, labels=present, average="macro", zero_division=0
    )
    shifted = np.exp(logits - logits.max(1, keepdims=True))
    share = shifted / shifted.sum(1, keepdims=True)
    areas = [roc_auc_score(labels == c, share[:, c]) for c in present]
    return {
        "balanced_accuracy": float(recall),
        "auroc": float(np.mean(areas)),
        "f1": float(f1),
        "precision": float(precision),
        "recall": float(recall),
    }
