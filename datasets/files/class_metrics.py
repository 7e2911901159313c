"""Metrics of classes over a whole set: balanced accuracy, F1 and AUROC, as in scikit-learn."""

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from failmap.datasets.config.base import ClassMetric


def class_metric(
    metric: ClassMetric, probabilities: Float[Tensor, "labels classes"], labels: Int64[Tensor, "labels"]
) -> Float[Tensor, ""]:
    """Return a metric of predicted classes; 1 is perfect.

    Classes without a label in the set do not count: a mean is over those that have one. `f1` is the macro
    mean; `auroc` is the macro mean of each class against the rest, for two classes the area of either.

    Args:
        metric: The metric.
        probabilities: Or any scores of each class: the largest is the guess, their order the rank.
        labels: The right classes.
    """
    num_classes = probabilities.shape[-1]
    sizes = labels.bincount(minlength=num_classes).double()
    if metric == "auroc":
        of_class = _areas(probabilities, labels, sizes)
    else:
        guesses = probabilities.argmax(dim=-1)
        is_right = guesses == labels
        if metric == "accuracy":
            return is_right.double().mean()
        hits = labels.bincount(is_right.double(), minlength=num_classes)
        guessed = guesses.bincount(minlength=num_classes)
        of_class = hits / sizes if metric == "balanced_accuracy" else 2 * hits / (sizes + guessed)
    is_counted = (sizes > 0).double()
    return (of_class.nan_to_num(0.0) * is_counted).sum() / is_counted.sum()


def _areas(
    scores: Float[Tensor, "labels classes"],
    labels: Int64[Tensor, "labels"],
    sizes: Float[Tensor, "classes"],
) -> Float[Tensor, "classes"]:
    """Return the area under each class's ROC: the share of pairs in the right order, ties counted half.

    The sum of a class's ranks less its least possible value counts those pairs (Mann and Whitney 1947).
    """
    areas = []
    # The order of two probabilities that add up to 1 is the same for either, up to rounding.
    is_pair = scores.shape[1] == 2
    for index in [1, 1] if is_pair else range(scores.shape[1]):
        _, place, counts = scores[:, index].unique(return_inverse=True, return_counts=True)
        # The mean rank of each distinct score, from 1.
        ranks = (counts.cumsum(0) - (counts - 1) / 2).double()
        size = sizes[index]
        pairs = ranks[place][labels == index].sum() - size * (size + 1) / 2
        areas.append(pairs / (size * (len(labels) - size)))
    return torch.stack(areas)
