"""How measured tensors become numbers that JSON knows: one transfer to the host for all of them."""

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

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
