"""Losses a sample, class weights, and what is wrong with a target."""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F

from lib.training.errors import TrainingError


def labels_of(target: torch.Tensor, classes: int) -> torch.Tensor | None:
    """The class of each sample, (n,) int64; None where the target is not one class a sample."""
    if target.ndim == 2 and target.shape[1] == 1:
        target = target[:, 0]
    if target.ndim != 1 or (target.is_floating_point() and classes > 1):
        return None
    return (target >= 0.5).long() if classes == 1 else target.long()


class ItemLoss:
    """The loss of each sample and its weight.

    Parameters
    ----------
    loss : None for binary cross-entropy of one logit and cross-entropy of several, or callable(logits, target).
    weights : (classes,) weight of each class, or None; or a function that gives them for a number of logits.
        A mean is then Σ wᵢ lᵢ / Σ wᵢ, as in PyTorch.
    """

    def __init__(
        self, loss: Callable | None = None, weights: Sequence[float] | Callable[[int], torch.Tensor] | None = None
    ) -> None:
        self.loss, self.weights = loss, weights

    def prepare(self, target: torch.Tensor, classes: int) -> torch.Tensor:
        """The target as the loss takes it: (b,) int64 classes, or (b, 1) float32 of 0 to 1 for one logit.

        Raises `TrainingError` for a shape or dtype that is not one class a sample, and for a label outside.
        A custom loss gets its target unchanged.
        """
        if self.loss is not None:
            return target
        got = f"got {str(target.dtype).removeprefix('torch.')} of shape {tuple(target.shape)}"
        if target.ndim == 2 and target.shape[1] == 1:
            target = target[:, 0]
        if target.ndim != 1 or target.is_complex():
            raise TrainingError(f"the target must be one class a sample, of shape (B,); {got}")
        if classes > 1 and (target.is_floating_point() or target.dtype == torch.bool):
            raise TrainingError(
                f"the model gives {classes} logits, so the target must hold whole numbers (int64) from 0 to "
                f"{classes - 1}; {got}. For two classes with one logit let the model give (B, 1)"
            )
        highest = 1 if classes == 1 else classes - 1
        # Only where looking costs no wait for the device.
        if target.device.type == "cpu":
            low, high = (x.item() for x in target.aminmax())
            if not (low >= 0 and high <= highest):
                wrong = sorted({x for x in target.tolist() if not 0 <= x <= highest}, key=str)[:5]
                raise TrainingError(
                    f"the target holds {', '.join(map(str, wrong))}; with {classes} logit{'s' * (classes > 1)} "
                    f"classes are 0 to {highest}"
                )
        return target.float()[:, None] if classes == 1 else target.long()

    def __call__(
        self, logits: torch.Tensor, target: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]:
        """The target as it was used, the losses (b,), and the weights (b,) or None when all weigh the same.

        `logits` is (b, classes) float32 on the device, where the results are too.
        """
        target = self.prepare(target, logits.shape[1]).to(logits.device, non_blocking=True)
        if self.loss is not None:
            losses = self.loss(logits, target)
            if not isinstance(losses, torch.Tensor) or losses.shape != (len(logits),):
                shape = tuple(losses.shape) if isinstance(losses, torch.Tensor) else type(losses).__name__
                raise TrainingError(
                    f"the loss must give one number a sample, of shape ({len(logits)},), got {shape}: "
                    'use reduction="none"'
                )
        elif logits.shape[1] == 1:
            losses = F.binary_cross_entropy_with_logits(logits, target, reduction="none").flatten()
        else:
            losses = F.cross_entropy(logits, target, reduction="none")
        return target, losses, None if self.weights is None else self._weigh(logits.shape[1], target)

    def _weigh(self, classes: int, target: torch.Tensor) -> torch.Tensor:
        if callable(self.weights):
            self.weights = self.weights(classes)
        if len(self.weights) != max(2, classes):
            raise TrainingError(f"{len(self.weights)} class weights are given, there are {max(2, classes)} classes")
        if classes > 1 and target.is_floating_point():
            raise TrainingError("class_weights need one class a sample as target")
        self.weights = torch.as_tensor(self.weights, dtype=torch.float32, device=target.device)
        if classes == 1:
            y = target.reshape(len(target)).float()
            return self.weights[0] * (1 - y) + self.weights[1] * y
        return self.weights[target]


def balanced_weights(targets: torch.Tensor, classes: int) -> torch.Tensor:
    """n / (classes · n_c) for each class, so that each has the same say; 0 for a class without a sample.

    `targets` is (n,) or (n, 1), one class a sample; `classes` the number of logits. Raises `TrainingError`.
    """
    labels = labels_of(targets.cpu(), classes)
    if labels is None:
        raise TrainingError('class_weights="balanced" needs one class a sample as target')
    if labels.min() < 0 or labels.max() >= max(2, classes):
        raise TrainingError(f"a label is {labels.min()} to {labels.max()}; classes are 0 to {max(2, classes) - 1}")
    counts = torch.bincount(labels, minlength=max(2, classes)).float()
    return torch.where(counts > 0, len(labels) / (max(2, classes) * counts.clamp(min=1)), 0.0)
