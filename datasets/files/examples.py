"""Finite sets of examples on a device, from which batches are taken by row."""

from abc import ABC, abstractmethod

import torch
from jaxtyping import Float, Float64, Int64, Shaped
from torch import Tensor

from failmap.datasets.task import Batch


class Examples(ABC):
    """A finite set of sequences with their targets.

    Attributes:
        device: Device of inputs and targets.
        is_ragged: Whether sequences differ in length.
    """

    device: torch.device
    is_ragged: bool

    @abstractmethod
    def __len__(self) -> int: ...

    @property
    def num_independent(self) -> int:
        """Number of examples of which no two share a target."""
        return len(self)

    @abstractmethod
    def take(self, rows: Int64[Tensor, "batch"], host_rows: Int64[Tensor, "batch"] | None = None) -> Batch:
        """Return the examples of some rows.

        Args:
            rows: On the examples' device.
            host_rows: The same rows on the host. Ragged examples need them to know the lengths without
                waiting for the device.
        """

    @abstractmethod
    def labels(self) -> Shaped[Tensor, "labels *outputs"]:
        """Return all labels, without those of padding."""

    def levels(self) -> Shaped[Tensor, "labels *outputs"]:
        """Return what chance is measured on: the labels, or the values whose change they are."""
        return self.labels()

    @abstractmethod
    def to(self, device: torch.device) -> "Examples":
        """Return the same examples on a device."""

    def all(self) -> Batch:
        """Return all examples, in order."""
        rows = torch.arange(len(self))
        return self.take(rows.to(self.device), rows)


class PaddedExamples(Examples):
    """Sequences padded with zeros; a batch is as long as its longest sequence.

    Args:
        inputs: Padded at their ends.
        targets: Of each sequence, or of each step.
        lengths: On the host.
    """

    def __init__(
        self,
        inputs: Float[Tensor, "examples time features"],
        targets: Shaped[Tensor, "examples *time"],
        lengths: Int64[Tensor, "examples"],
    ) -> None:
        self._inputs, self._targets, self._lengths = inputs, targets, lengths
        self.device = inputs.device
        self.is_ragged = bool((lengths != inputs.shape[1]).any())

    def __len__(self) -> int:
        return len(self._inputs)

    def take(self, rows: Int64[Tensor, "batch"], host_rows: Int64[Tensor, "batch"] | None = None) -> Batch:
        """Return the examples of some rows, cut to the longest of them (see `Examples.take`)."""
        inputs, targets = self._inputs.index_select(0, rows), self._targets.index_select(0, rows)
        if not self.is_ragged:
            return Batch(inputs, targets)
        assert host_rows is not None, "ragged examples need their rows on the host too"
        lengths = self._lengths[host_rows]
        longest = int(lengths.max())
        return Batch(inputs[:, :longest], targets[:, :longest] if targets.ndim == 2 else targets, lengths)

    def labels(self) -> Shaped[Tensor, "labels"]:
        """Return the target of each sequence, or of each of its steps."""
        if self._targets.ndim == 1:
            return self._targets
        is_label = torch.arange(self._targets.shape[1]) < self._lengths[:, None]
        return self._targets[is_label.to(self.device)]

    def to(self, device: torch.device) -> "PaddedExamples":
        """Return the same examples on a device; lengths stay on the host."""
        return PaddedExamples(self._inputs.to(device), self._targets.to(device), self._lengths)


class WindowedExamples(Examples):
    """Windows of series: history as input, the target features of the steps after it as targets.

    The series are stored once, however much the windows overlap.

    Args:
        values: Input features of the steps of all series, one after the other.
        levels: Target features of the same steps, in the units of the targets.
        starts: The first step of each window.
        history: Steps of the input.
        horizon: Steps of the target.
        offset: If given, a target is the change from the last step of the history less this offset; else it
            is the level itself.
    """

    is_ragged = False

    def __init__(
        self,
        values: Float[Tensor, "steps features"],
        levels: Float[Tensor, "steps targets"],
        starts: Int64[Tensor, "examples"],
        history: int,
        horizon: int,
        offset: Float64[Tensor, "targets"] | None = None,
    ) -> None:
        self._values, self._levels, self._starts = values, levels, starts
        self._history, self._horizon, self._offset = history, horizon, offset
        self._offsets = torch.arange(history + horizon, device=values.device)
        self.device = values.device

    def __len__(self) -> int:
        return len(self._starts)

    @property
    def num_independent(self) -> int:
        """Number of windows, one after the other, whose horizons do not overlap."""
        count, free = 0, 0
        for start in sorted(self._starts.tolist()):
            if start >= free:
                count, free = count + 1, start + self._horizon
        return count

    def take(self, rows: Int64[Tensor, "batch"], host_rows: Int64[Tensor, "batch"] | None = None) -> Batch:
        """Return the windows of some rows (see `Examples.take`)."""
        steps = self._starts.index_select(0, rows)[:, None] + self._offsets
        inputs = self._values[steps[:, : self._history]]
        targets = self._targets(steps)
        return Batch(inputs, targets.squeeze(-1) if targets.shape[-1] == 1 else targets)

    def labels(self) -> Float[Tensor, "labels outputs"]:
        """Return the targets at each step of each horizon."""
        return self._targets(self._starts[:, None] + self._offsets).flatten(0, 1)

    def levels(self) -> Float[Tensor, "labels outputs"]:
        """Return the level at each step of each horizon, in the units of the targets."""
        steps = self._starts[:, None] + self._offsets[self._history :]
        return self._levels[steps.flatten()]

    def history(
        self, rows: Int64[Tensor, "batch"]
    ) -> tuple[Float[Tensor, "batch time targets"], Float[Tensor, "batch horizon targets"]]:
        """Return the levels of history and horizon of some windows, in the units of the targets."""
        steps = self._starts.index_select(0, rows)[:, None] + self._offsets
        both = self._levels[steps]
        return both[:, : self._history], both[:, self._history :]

    def to(self, device: torch.device) -> "WindowedExamples":
        """Return the same windows on a device."""
        return WindowedExamples(
            self._values.to(device),
            self._levels.to(device),
            self._starts.to(device),
            self._history,
            self._horizon,
            None if self._offset is None else self._offset.to(device),
        )

    def _targets(self, steps: Int64[Tensor, "batch time"]) -> Float[Tensor, "batch horizon targets"]:
        later = self._levels[steps[:, self._history :]]
        if self._offset is None:
            return later
        last = self._levels[steps[:, self._history - 1]]
        return (later - last[:, None] - self._offset).float()
