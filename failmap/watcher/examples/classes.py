"""Classes of targets and the classes that outputs predict."""

import numpy as np
from torch import nn

from failmap.watcher.examples.host_batch import Array, HostBatch

#: Classes beyond which there is no majority to speak of.
MAX_CLASSES = 1000


def classes_of(batch: HostBatch, loss_fn: object) -> tuple[Array, Array | None] | None:
    """Return the classes of targets and of outputs, both flat, or None if the targets are values.

    Floats that are all 0 or 1 are classes as well. Outputs are logits or probabilities of one class each, in
    the last dimension or in the second one, or of one class alone. Targets below zero, as masks, and those
    that `loss_fn.ignore_index` names are left out. The outputs' classes are None if their shape has no such
    meaning.
    """
    targets = batch.targets
    if not batch.has_classes and not (
        np.isin(targets, (0.0, 1.0)).all() and not isinstance(loss_fn, nn.MSELoss)
    ):
        return None
    predicted = None if batch.outputs is None else _predicted(batch.outputs, targets, loss_fn)
    wanted = targets.reshape(-1).astype(np.int64)
    kept = (wanted >= 0) & (wanted != getattr(loss_fn, "ignore_index", -1))
    return wanted[kept], None if predicted is None else predicted.reshape(-1)[kept]


def _predicted(outputs: Array, targets: Array, loss_fn: object) -> Array | None:
    """Return the predicted class of each target, or None if the shapes do not say which it is."""
    if outputs.size == targets.size:
        is_probability = isinstance(loss_fn, nn.BCELoss) or (
            not isinstance(loss_fn, nn.BCEWithLogitsLoss) and outputs.min() >= 0 and outputs.max() <= 1
        )
        binary: Array = (outputs > (0.5 if is_probability else 0.0)).astype(np.int64)
        return binary
    flat = targets[..., 0] if targets.ndim > 1 and targets.shape[-1] == 1 else targets
    for axis in (-1, 1):
        if outputs.ndim == flat.ndim + 1 and outputs.argmax(axis=axis).shape == flat.shape:
            classes: Array = outputs.argmax(axis=axis)
            return classes
    return None


def majority_share(classes: Array) -> float:
    """Return the share of the most frequent class."""
    _, counts = np.unique(classes, return_counts=True)
    return float(counts.max() / counts.sum())
