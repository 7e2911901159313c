"""Losses and metrics of a loop, kept on the device and in constant memory, as evenly spaced evaluations."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor

#: Evaluations of a curve: at twice as many, neighbours are merged.
NUM_EVALUATIONS = 32
#: Number of losses that are kept before they are summed up.
_MAX_PENDING = 256


@dataclass
class Stretch:
    """Consecutive steps that become one evaluation.

    Attributes:
        last: Update of the last step.
        num_steps: Number of steps.
        losses: Sum, sum of squares, first and largest of the steps' losses, shape (4,), double.
        training: Sum and number of the metrics measured on training batches; None without any.
        validation: Sum of losses, number of losses, sum of metrics and number of metrics, shape (4,); None
            without a validation.
    """

    last: int
    num_steps: int
    losses: Tensor
    training: Tensor | None = None
    validation: Tensor | None = None

    def merged_with(self, later: "Stretch") -> "Stretch":
        """Return both as one."""
        (total, squares, first, largest), (more, more_squares, _, other) = self.losses, later.losses
        losses = torch.stack([total + more, squares + more_squares, first, torch.maximum(largest, other)])
        return Stretch(
            later.last,
            self.num_steps + later.num_steps,
            losses,
            _sum(self.training, later.training),
            _sum(self.validation, later.validation),
        )

    @property
    def tensor(self) -> Tensor:
        """Return all numbers as one tensor, with NaN where there is none, shape (10,)."""
        training = _or_nan(self.training, 2, self.losses)
        validation = _or_nan(self.validation, 4, self.losses)
        return torch.cat([self.losses, training, validation])


class Averages(NamedTuple):
    """The numbers of one evaluation; NaN for what was not measured.

    Attributes:
        update: Update of its last step.
        loss, loss_first, loss_max, loss_spread: Mean, first, largest and standard deviation of its steps.
        metric: Mean metric of training batches.
        validation_loss, validation_metric: Means over its validations.
    """

    update: int
    loss: float
    loss_first: float
    loss_max: float
    loss_spread: float
    metric: float
    validation_loss: float
    validation_metric: float


@dataclass
class Curve:
    """Stretches of a whole training; neighbours are merged when there are too many.

    Attributes:
        size: Steps of a stretch; None if stretches end at validations.
        is_fixed: Whether they keep their size, however many there are.
        stretches: The stretches that have ended.
    """

    size: int | None
    is_fixed: bool = False
    stretches: list[Stretch] = field(default_factory=list)
    _open: Stretch | None = None

    def add(self, stretch: Stretch) -> None:
        """Append steps."""
        self._open = stretch if self._open is None else self._open.merged_with(stretch)
        if self.size is not None and self._open.num_steps >= self.size:
            self.end_stretch()

    def end_stretch(self) -> None:
        """Make one evaluation of the steps since the last one."""
        if self._open is None:
            return
        self.stretches.append(self._open)
        self._open = None
        if len(self.stretches) >= 2 * NUM_EVALUATIONS and not self.is_fixed:
            pairs = zip(self.stretches[::2], self.stretches[1::2], strict=True)
            self.stretches = [first.merged_with(second) for first, second in pairs]
            if self.size is not None:
                self.size *= 2

    @property
    def num_left(self) -> int:
        """How many more steps end the open stretch."""
        assert self.size is not None
        return self.size - (0 if self._open is None else self._open.num_steps)

    def add_validation(self, measured: Tensor) -> None:
        """Add a validation to the steps before it, and end their stretch if there were any."""
        if self._open is None and not self.stretches:
            return
        stretch = self._open or self.stretches[-1]
        stretch.validation = _sum(stretch.validation, measured)
        if self.size is None:
            self.end_stretch()

    def whole(self) -> list[Stretch]:
        """Return all stretches, the open one included."""
        return [*self.stretches, self._open] if self._open is not None else list(self.stretches)


class Curves:
    """The curves of a loop: by steps, and by validations.

    Args:
        every: Steps of an evaluation; None: as many as make about NUM_EVALUATIONS.
    """

    def __init__(self, every: int | None = None) -> None:
        self.by_steps = Curve(every or 1, is_fixed=every is not None)
        self.by_validations = Curve(None)
        self.num_validations = 0
        self._pending: list[Tensor | float] = []
        self._metrics: list[Tensor] = []
        self._update = 0
        self._was_validated = False

    def add(self, update: int, loss: Tensor) -> None:
        """Add the loss of a step, without waiting for the device."""
        self.append(update, loss)
        if self.num_appendable < 0:
            self.flush()

    def append(self, update: int, loss: Tensor) -> None:
        """Add the loss of a step that ends no stretch, as `num_appendable` says."""
        # Numbers on the host are read at once, which costs less than another tensor.
        self._pending.append(loss.item() if loss.is_cpu else loss.detach().reshape(()))
        self._update, self._was_validated = update, False

    @property
    def num_appendable(self) -> int:
        """How many losses may be appended before one must be added."""
        return min(self.by_steps.num_left, _MAX_PENDING) - len(self._pending) - 1

    def add_metric(self, metric: Tensor) -> None:
        """Add the metric of the last step's batch."""
        self._metrics.append(metric.detach().double())

    def add_validation(self, loss: Tensor, metric: Tensor | None) -> None:
        """Add a validation, or another batch of it, after the last step."""
        self.flush()
        self.num_validations += not self._was_validated
        self._was_validated = True
        loss = loss.detach().double()
        one, none = torch.ones_like(loss), torch.zeros_like(loss)
        with_metric = (none, none) if metric is None else (metric.detach().double().to(loss.device), one)
        measured = torch.stack([loss, one, *with_metric])
        for curve in (self.by_steps, self.by_validations):
            curve.add_validation(measured)

    def flush(self) -> None:
        """Sum up the losses since the last flush."""
        if not self._pending:
            return
        losses = _together(self._pending)
        stack = torch.stack([losses.sum(), losses.square().sum(), losses[0], losses.max()])
        metrics = None
        if self._metrics:
            values = torch.stack(self._metrics).to(stack.device)
            metrics = torch.stack([values.sum(), torch.full_like(values[0], len(values))])
        for curve in (self.by_steps, self.by_validations):
            curve.add(Stretch(self._update, len(self._pending), stack, metrics))
        self._pending, self._metrics = [], []

    def evaluations(self, least_validations: int) -> tuple[bool, list[Averages]]:
        """Return whether evaluations are validations, and all of them, in one transfer from the device.

        Args:
            least_validations: Number of validations from which on they make the evaluations.
        """
        self.flush()
        is_validated = self.num_validations >= least_validations
        stretches = (self.by_validations if is_validated else self.by_steps).whole()
        if is_validated and stretches and stretches[-1].validation is None:
            # Steps after the last validation belong to no evaluation.
            stretches = stretches[:-1]
        if not stretches:
            return is_validated, []
        rows = torch.stack([stretch.tensor for stretch in stretches]).tolist()
        return is_validated, [_averages(one, row) for one, row in zip(stretches, rows, strict=True)]


def _together(losses: Sequence[Tensor | float]) -> Tensor:
    """Return losses as one tensor in double precision, on their device."""
    tensors = [one for one in losses if isinstance(one, Tensor)]
    if len(tensors) == len(losses):
        return torch.stack(tensors).double()
    # Of a model that was moved in between, some are on a device: this waits for it, once.
    return torch.tensor([float(one) for one in losses], dtype=torch.double)


def _averages(stretch: Stretch, row: Sequence[float]) -> Averages:
    total, squares, first, largest, metrics, num_metrics, losses, num_losses, validated, num_validated = row
    mean = total / stretch.num_steps
    variance = squares / stretch.num_steps - mean * mean
    return Averages(
        stretch.last,
        mean,
        first,
        largest,
        math.sqrt(max(0.0, variance)) if math.isfinite(variance) else math.nan,
        metrics / num_metrics,
        losses / num_losses,
        validated / num_validated if num_validated else math.nan,
    )


def _sum(first: Tensor | None, second: Tensor | None) -> Tensor | None:
    if first is None or second is None:
        return second if first is None else first
    return first + second


def _or_nan(values: Tensor | None, size: int, like: Tensor) -> Tensor:
    return like.new_full((size,), torch.nan) if values is None else values
