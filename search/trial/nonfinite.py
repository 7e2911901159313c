"""Finds what became not finite first, by training the last stretch again with every tensor watched."""

from dataclasses import dataclass

import torch
from torch import Tensor

from failmap.search.trial.checkpoint import Snapshot
from failmap.search.trial.training import Training


@dataclass(frozen=True)
class FirstNonfinite:
    """A tensor by name, and the update (counted from 1) in which it was first seen not finite."""

    tensor: str
    update: int


def first_nonfinite(training: Training, before: Snapshot, end: int) -> FirstNonfinite | None:
    """Repeats the updates from a snapshot to `end`, looking at every tensor in the order they are made.

    Returns None where all of them stay finite. The training is left where the search ended.
    """
    before.restore(training.model, training.optimizer, training.precision.scaling)
    first = before.progress.update
    training.begin_interval(first)
    for update in range(first, end):
        name = _watched_update(training, update)
        if name is not None:
            return FirstNonfinite(name, update + 1)
    return None


def _watched_update(training: Training, update: int) -> str | None:
    """One update as training makes it; the name of its first tensor that is not finite."""
    model = training.model
    batch = training.batch(update)
    trace = training.precision.trace(model, batch.inputs, batch.lengths, training.teacher(batch, update))
    for layer in trace.layers:
        if not _is_finite(layer.states):
            return f"states of {layer.name}"
    if not _is_finite(trace.outputs):
        return "outputs"
    loss = training.objective.loss(trace.outputs, batch)
    if not _is_finite(loss):
        return "loss"
    training.backward(loss)
    # Where the loss is scaled, gradients may overflow: the step is left out then, and nothing is lost.
    if training.precision.scaling is None:
        # Backward goes from the readout down, so the last layer's gradients come first.
        for name, parameter in reversed(list(model.named_parameters())):
            if parameter.grad is not None and not _is_finite(parameter.grad):
                return f"gradient of {name}"
    training.clip()
    training.step(update)
    for name, parameter in model.named_parameters():
        if not _is_finite(parameter):
            return name
    return None


def _is_finite(tensor: Tensor) -> bool:
    return bool(torch.isfinite(tensor).all())
