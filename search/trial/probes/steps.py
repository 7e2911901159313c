"""Which time steps signals are told at, and which belong to a sequence."""

import torch
from jaxtyping import Int64, Shaped
from torch import Tensor

from failmap.datasets.task import Batch
from failmap.models.network import LayerTrace

#: Time steps at most for which a gradient norm is recorded at every evaluation.
MAX_STEPS = 32


def shown_steps(num_steps: int) -> list[int]:
    """At most MAX_STEPS time steps, from the first to the last, evenly apart."""
    if num_steps <= MAX_STEPS:
        return list(range(num_steps))
    return [round(index * (num_steps - 1) / (MAX_STEPS - 1)) for index in range(MAX_STEPS)]


def steps_back(num_steps: int) -> list[int]:
    """The last step, those 1, 8, 64, ... before it, and the first; in ascending order."""
    distances = {0, num_steps - 1}
    distance = 1
    while distance < num_steps:
        distances.add(distance)
        distance *= 8
    return sorted(num_steps - 1 - distance for distance in distances)


def own_steps(
    one: LayerTrace, values: Shaped[Tensor, "batch time units"], batch: Batch
) -> Shaped[Tensor, "own units"]:
    """What a layer made at the steps that belong to sequences, one below the other.

    Args:
        one: the layer's trace.
        values: of the same sequences as the batch.
        batch: what was passed through. Steps that fill a sequence up are left out; blank ones that follow
            it, at which outputs are decoded, are not.
    """
    if batch.lengths is None or not one.follows_inputs:
        return values.flatten(0, 1)
    is_own = torch.arange(values.shape[1]) < _num_own_steps(values, batch, batch.lengths)[:, None]
    return values[is_own.to(values.device)]


def at_last_step(
    one: LayerTrace,
    values: Shaped[Tensor, "all time units"],
    rows: Int64[Tensor, "batch"],
    batch: Batch,
) -> Shaped[Tensor, "batch units"]:
    """What a layer made at the last own step of some sequences.

    Args:
        one: the layer's trace.
        values: of all sequences.
        rows: which of them the batch holds.
        batch: some of what was passed through.
    """
    if batch.lengths is None or not one.follows_inputs:
        return values[rows, -1]
    return values[rows, (_num_own_steps(values, batch, batch.lengths) - 1).to(values.device)]


def _num_own_steps(values: Tensor, batch: Batch, lengths: Tensor) -> Tensor:
    return lengths + (values.shape[1] - batch.inputs.shape[1])
