"""Search for the first tensor that is not finite, by repeating the last updates and checking every tensor."""

from dataclasses import dataclass

import torch
from torch import Tensor

from failmap.search.trial.checkpoint import Snapshot
from failmap.search.trial.training import Training


@dataclass(frozen=True)
class FirstNonfinite:
    """The first tensor that was not finite, by name, and its update, counted from 1."""

    tensor: str
    update: int


def first_nonfinite(training: Training, before: Snapshot, end: int) -> FirstNonfinite | None:
    """Repeat the updates from a snapshot to `end`, and return the first tensor that is not finite.

    Returns None if all tensors stay finite. The training is left where the search ended.
    """
    before.restore(training.model, training.optimizer, training.precision.scaling)
    first = before.progress.update
    training.begin_interval(first)
    for update in range(first, end):
        name = _checked_update(training, update)
        if name is not None:
            return FirstNonfinite(name, update + 1)
    return None


def _checked_update(training: Training, update: int) -> str | None:
    """Make one update as training does, and return the name of its first tensor that is not finite."""
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
    # A scaled loss may overflow its gradients, which is harmless: the step is then skipped.
    if training.precision.scaling is None:
        # The backward pass begins at the readout, so the last layer's gradients are computed first.
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
