"""How measured tensors become numbers that JSON knows: one transfer to the host for all of them."""

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

#: Digits that a signal keeps: its noise from one evaluation to the next is far larger than the sixth.
SIGNIFICANT_DIGITS = 5


def to_host(measured: Signals) -> Signals:
    """The same dict, nested as it is, with numbers for tensors of no dimension and lists for those of one.

    All tensors lie on one device, and all are floats.
    """
    tensors = list(_tensors(measured))
    if not tensors:
        return measured
    values: list[float] = torch.cat([tensor.reshape(-1) for tensor in tensors]).tolist()
    filled: Signals = _filled(measured, iter(values))
    return filled


def rounded(value: Any) -> Any:
    """The same value with floats of five significant digits, and None for those that are not finite."""
    if isinstance(value, float):
        return float(f"{value:.{SIGNIFICANT_DIGITS}g}") if math.isfinite(value) else None
    if isinstance(value, dict):
        return {name: rounded(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [rounded(inner) for inner in value]
    return value


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


def is_probed(update: int, evaluate_every: int, max_updates: int) -> bool:
    """Whether the evaluation after so many updates is the 1st, 8th, 64th, ... or the budget is spent.

    A function of the configuration and the update alone, so that a training which was interrupted makes the
    same probes.
    """
    number, rest = divmod(update, evaluate_every)
    return is_last(update, max_updates) or (rest == 0 and _is_power_of_eight(number))


def is_first(update: int, evaluate_every: int) -> bool:
    """Whether it is the first evaluation."""
    return update <= evaluate_every


def is_last(update: int, max_updates: int) -> bool:
    """Whether the budget is spent."""
    return update == max_updates


def _is_power_of_eight(number: int) -> bool:
    return number.bit_count() == 1 and number.bit_length() % 3 == 1


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
