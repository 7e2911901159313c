"""One batch of a loop on the host, with its batch axis first."""

import math
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from torch import Tensor, nn

from failmap.watcher.observer import Step, Watched

#: Numbers of any kind: inputs may be tokens or features, targets classes or values.
Array = np.ndarray[Any, np.dtype[Any]]

#: Sequences of a batch, and numbers of their inputs, or targets, or outputs, that are copied at most.
MAX_ROWS, MAX_NUMBERS = 256, 1 << 17


@dataclass(frozen=True)
class HostBatch:
    """The first sequences of a batch.

    Attributes:
        inputs: (batch, time, features), (batch, time) or (batch, features); floats, or whole numbers for
            tokens.
        targets: (batch, ...); whole numbers for classes.
        outputs: (batch, ...), or None if they have another batch size, are very many (the logits of a large
            vocabulary) or were not given.
        num_rows: Number of sequences of the whole batch.
        is_by_step: Whether targets have a time axis of the inputs' length.
        is_ambiguous: Whether batch and time may be mistaken for each other.
    """

    inputs: Array
    targets: Array
    outputs: Array | None
    num_rows: int
    is_by_step: bool
    is_ambiguous: bool

    def __len__(self) -> int:
        return len(self.inputs)

    @property
    def has_classes(self) -> bool:
        """Return whether the targets are classes."""
        return self.targets.dtype.kind in "iu"


#: Several observers read the same step: it is copied once, and forgotten with the step.
_COPIES: "WeakKeyDictionary[Step, HostBatch | None]" = WeakKeyDictionary()


def host_batch(step: Step, watched: Watched) -> HostBatch | None:
    """Return the first sequences of a step on the host, or None without inputs and targets that agree."""
    if step not in _COPIES:
        _COPIES[step] = _copy(step, watched)
    return _COPIES[step]


def _copy(step: Step, watched: Watched) -> HostBatch | None:
    inputs, targets, outputs = step.inputs, step.targets, step.outputs
    if inputs is None or targets is None or inputs.ndim < 2 or targets.ndim < 1:
        return None
    if not (inputs.numel() and targets.numel()):
        return None
    if inputs.is_complex() or targets.is_complex() or inputs.is_sparse or targets.is_sparse:
        return None
    axis = _batch_axis(inputs, targets, watched.time_dim)
    if axis is None:
        return None
    num_rows, num_steps = inputs.shape[axis], inputs.shape[1 - axis]
    is_flat = targets.shape[0] == num_rows * num_steps and num_steps > 1
    is_by_step = is_flat or (targets.ndim >= 2 and tuple(targets.shape[:2]) == tuple(inputs.shape[:2]))
    size = max(inputs.numel(), targets.numel()) // num_rows
    kept = min(num_rows, MAX_ROWS, MAX_NUMBERS // max(1, size))
    if not kept:
        return None

    def rows(values: Tensor) -> Tensor:
        """Return the first sequences, with the batch axis first."""
        if is_flat and values.shape[0] == num_rows * num_steps:
            values = values.reshape(*inputs.shape[:2], *values.shape[1:])
        is_turned = axis == 1 and tuple(values.shape[:2]) == tuple(inputs.shape[:2])
        return (values.transpose(0, 1) if is_turned else values)[:kept]

    shown = None
    if outputs is not None and outputs.ndim >= 1 and outputs.is_floating_point():
        placed = rows(outputs)
        is_small = placed.numel() <= MAX_NUMBERS
        shown = to_array(placed) if len(placed) == kept and is_small else None
    is_square = num_rows == num_steps and axis == 0 and watched.time_dim is None
    is_unclear = is_by_step and watched.time_dim is None and _expects_time_first(watched.model)
    return HostBatch(
        to_array(rows(inputs)),
        to_array(rows(targets)),
        shown,
        num_rows,
        is_by_step,
        is_unclear or (is_square and inputs.ndim > 2),
    )


def _batch_axis(inputs: Tensor, targets: Tensor, time_dim: int | None) -> int | None:
    """Return the axis of the inputs that is the batch, or None if none agrees with the targets."""
    if time_dim is not None and time_dim in (0, 1) and inputs.ndim > 2:
        return 1 - time_dim
    size = targets.shape[0]
    if size in (inputs.shape[0], inputs.shape[0] * inputs.shape[1]):
        return 0
    return 1 if inputs.ndim > 2 and size == inputs.shape[1] else None


def _expects_time_first(model: nn.Module) -> bool:
    """Return whether a recurrent layer takes (time, batch, features)."""
    return any(isinstance(part, nn.RNNBase) and not part.batch_first for part in model.modules())


def to_array(values: Tensor) -> Array:
    """Return a tensor's values on the host: float64 for floats, int64 for all others."""
    # Converted on the host: some devices lack float64.
    values = values.detach().cpu()
    array: Array = (values.double() if values.is_floating_point() else values.long()).numpy().copy()
    return array


def as_features(inputs: Array) -> Array:
    """Return inputs of floats as (batch, time, features)."""
    if inputs.ndim == 2:
        return inputs[:, :, None]
    return inputs.reshape(len(inputs), inputs.shape[1], math.prod(inputs.shape[2:]))
