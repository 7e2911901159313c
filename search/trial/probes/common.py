"""Helpers that all probes share: transfer to the host, the probing schedule, and the choice of time steps."""

import math
from collections.abc import Iterator
from typing import Any

import torch
from jaxtyping import Int64, Shaped
from torch import Tensor

from failmap.datasets.task import Batch
from failmap.models.network import LayerTrace

#: Numbers, lists and dicts of them by name; docs/signals.md lists names, shapes and units.
Signals = dict[str, Any]

#: Significant digits of a stored signal; its noise between evaluations is far above the sixth digit.
SIGNIFICANT_DIGITS = 5
#: Maximum number of time steps for which a gradient norm is recorded at every evaluation.
MAX_STEPS = 32


def to_host(measured: Signals) -> Signals:
    """Return the same nested dict with tensors replaced by numbers, in a single transfer to the host.

    Scalars become numbers and vectors become lists. All tensors must be floats on one device.
    """
    tensors = list(_tensors(measured))
    if not tensors:
        return measured
    numbers = torch.cat([tensor.reshape(-1) for tensor in tensors]).tolist()
    return dict(_filled(measured, iter(numbers)))


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value.detach()
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _tensors(inner)


def _filled(value: Any, numbers: Iterator[float]) -> Any:
    if isinstance(value, Tensor):
        return next(numbers) if value.ndim == 0 else [next(numbers) for _ in range(value.numel())]
    if isinstance(value, dict):
        return {name: _filled(inner, numbers) for name, inner in value.items()}
    return value


def rounded(value: Any) -> Any:
    """Return the value with all floats rounded to SIGNIFICANT_DIGITS, and None for those not finite."""
    if isinstance(value, float):
        return float(f"{value:.{SIGNIFICANT_DIGITS}g}") if math.isfinite(value) else None
    if isinstance(value, dict):
        return {name: rounded(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [rounded(inner) for inner in value]
    return value


def is_probed(update: int, evaluate_every: int, max_updates: int) -> bool:
    """Return whether the evaluation after an update is the 1st, 8th, 64th, ..., or the last of the budget.

    The answer depends on the configuration and the update alone, so a resumed training makes the same probes.
    """
    number, rest = divmod(update, evaluate_every)
    is_power_of_eight = number.bit_count() == 1 and number.bit_length() % 3 == 1
    return update == max_updates or (rest == 0 and is_power_of_eight)


def shown_steps(num_steps: int) -> list[int]:
    """Return at most MAX_STEPS evenly spaced time steps, from the first to the last."""
    if num_steps <= MAX_STEPS:
        return list(range(num_steps))
    return [round(index * (num_steps - 1) / (MAX_STEPS - 1)) for index in range(MAX_STEPS)]


def steps_back(num_steps: int) -> list[int]:
    """Return the last step, those 1, 8, 64, ... before it, and the first, in ascending order."""
    powers = (8**exponent for exponent in range(num_steps.bit_length()))
    distances = {0, num_steps - 1, *powers}
    return sorted(num_steps - 1 - distance for distance in distances if distance < num_steps)


def own_steps(
    layer: LayerTrace, values: Shaped[Tensor, "batch time units"], batch: Batch
) -> Shaped[Tensor, "own units"]:
    """Return a layer's values at the steps that belong to sequences, concatenated over sequences.

    Args:
        layer: The layer's trace.
        values: Values of the sequences in `batch`.
        batch: The input sequences. Padded steps are dropped; the blank steps after the input, at which
            outputs are decoded, are kept.
    """
    return without_padding(values, _own_lengths(layer, values, batch))


def at_last_step(
    layer: LayerTrace,
    values: Shaped[Tensor, "all time units"],
    rows: Int64[Tensor, "batch"],
    batch: Batch,
) -> Shaped[Tensor, "batch units"]:
    """Return a layer's values at the last step that is not padding.

    Args:
        layer: The layer's trace.
        values: Values of all sequences.
        rows: Indices of the sequences that `batch` holds.
        batch: A part of the input sequences.
    """
    lengths = _own_lengths(layer, values, batch)
    return values[rows, -1 if lengths is None else (lengths - 1).to(values.device)]


def _own_lengths(layer: LayerTrace, values: Tensor, batch: Batch) -> Tensor | None:
    if batch.lengths is None or not layer.follows_inputs:
        return None
    return batch.lengths + (values.shape[1] - batch.inputs.shape[1])


def without_padding(
    values: Shaped[Tensor, "batch time units"], lengths: Int64[Tensor, "batch"] | None
) -> Shaped[Tensor, "own units"]:
    """Return the first steps of sequences, as many as their lengths say, concatenated over sequences."""
    if lengths is None:
        return values.flatten(0, 1)
    is_own = torch.arange(values.shape[1]) < lengths[:, None]
    return values[is_own.to(values.device)]


def rows_of(batch: Batch, rows: Tensor | slice) -> Batch:
    """Return some sequences of a batch; their indices must be on the host."""
    lengths = None if batch.lengths is None else batch.lengths[rows]
    if isinstance(rows, Tensor):
        rows = rows.to(batch.inputs.device)
    return Batch(batch.inputs[rows], batch.targets[rows], lengths)
