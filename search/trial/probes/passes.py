"""The few sequences that probes use, and a pass whose graph is kept, so that several gradients can be taken.

Sequences are chosen by the seed and the update alone.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from failmap.datasets.task import Batch, hashed_seed
from failmap.models.network import Network, Trace
from failmap.search.trial.objective import Objective
from failmap.search.trial.probes.common import rows_of
from failmap.search.trial.training import Training

#: Maximum number of sequences whose gradients are taken, and of those on which the gradients are evaluated.
MAX_SOURCES, MAX_EVALUATED = 32, 48
#: Smaller validation sets are not split in two.
_MIN_TO_SPLIT = 16
#: A random stream that differs from those of datasets.task.
_STREAM = 5

#: A gradient, parameter by parameter.
Gradient = list[Tensor]


class ProbeBatches(NamedTuple):
    """Two batches from one distribution.

    Attributes:
        source: Sequences whose gradients are taken.
        evaluated: Sequences on which the effect of these gradients is measured.
        are_disjoint: False if there were too few sequences, so that both batches are the same.
    """

    source: Batch
    evaluated: Batch
    are_disjoint: bool = True

    def of_one_length(self) -> "ProbeBatches":
        """Return both batches without padded steps (see the function `of_one_length`)."""
        return ProbeBatches(of_one_length(self.source), of_one_length(self.evaluated), self.are_disjoint)


def training_batches(training: Training, update: int) -> ProbeBatches:
    """Return distinct sequences of the next training batches, or of a finite training set.

    The batch of the last update is not used: its step has already turned those gradients against one another.
    """
    num_train, size = training.task.num_train, training.batch_size
    if num_train is not None:
        size = min(MAX_SOURCES + MAX_EVALUATED, num_train)
        # Within the first epoch every sequence occurs once.
        return _split(_draw(training, update % (num_train // size), size), range(size))
    if size > MAX_EVALUATED + MAX_SOURCES:
        return _split(_draw(training, update, size), range(size))
    source, evaluated = (_draw(training, update + offset, size) for offset in (0, 1))
    return ProbeBatches(first_of(source, MAX_SOURCES), first_of(evaluated, MAX_EVALUATED))


def validation_batches(validation: Batch, seed: int, update: int) -> ProbeBatches:
    """Return random validation sequences, different ones at every probe."""
    generator = torch.Generator().manual_seed(hashed_seed(seed, _STREAM, update))
    order = torch.randperm(len(validation.inputs), generator=generator)
    return _split(validation, order[: MAX_SOURCES + MAX_EVALUATED].tolist())


def first_of(batch: Batch, size: int) -> Batch:
    """Return at most `size` sequences from the start of a batch."""
    return next(batch.split(size))


def of_one_length(batch: Batch) -> Batch:
    """Return the sequences of at least the median length, cut to that length, so that none is padded."""
    if batch.lengths is None:
        return batch
    length = int(batch.lengths.median())
    (rows,) = (batch.lengths >= length).nonzero(as_tuple=True)
    rows = rows.to(batch.inputs.device)
    inputs, targets = batch.inputs[rows], batch.targets[rows]
    is_by_step = targets.ndim > 1 and targets.shape[1] == inputs.shape[1]
    return Batch(inputs[:, :length], targets[:, :length] if is_by_step else targets)


def _draw(training: Training, update: int, size: int) -> Batch:
    progress = min(1.0, update / training.config.train.max_updates)
    return training.task.train_batch(training.config.seed, update, size, progress)


def _split(batch: Batch, order: Sequence[int]) -> ProbeBatches:
    """Split the sequences at `order` into source and evaluated ones; use all for both if there are few."""
    if len(order) < _MIN_TO_SPLIT:
        return ProbeBatches(batch, batch, are_disjoint=False)
    num_sources = min(MAX_SOURCES, len(order) // 2)
    rest = order[num_sources : num_sources + MAX_EVALUATED]
    return ProbeBatches(rows_of(batch, torch.tensor(order[:num_sources])), rows_of(batch, torch.tensor(rest)))


class HalfGradients(NamedTuple):
    """Gradients of the mean loss over half of a pass's sequences; zero where the loss does not depend.

    Attributes:
        inputs: Gradient with respect to the inputs of all sequences.
        states: Gradients with respect to each layer's states, in the trace's order; None without a graph.
        parameters: Gradients with respect to the trainable parameters.
    """

    inputs: Float[Tensor, "batch time features"]
    states: list[Tensor | None]
    parameters: Gradient


@dataclass(frozen=True)
class ProbePass:
    """A pass in evaluation mode and in float32.

    Attributes:
        model: The network.
        parameters: Its trainable parameters.
        objective: The training's objective.
        batch: The sequences, whose inputs require a gradient.
        trace: States and outputs of the pass.
    """

    model: Network
    parameters: list[Tensor]
    objective: Objective
    batch: Batch
    trace: Trace

    @classmethod
    def run(cls, training: Training, batch: Batch) -> "ProbePass":
        """Pass a batch through the training's current network."""
        batch = batch._replace(inputs=batch.inputs.detach().requires_grad_())
        model = training.model
        parameters: list[Tensor] = [p for p in model.parameters() if p.requires_grad]
        trace = model.trace(batch.inputs, batch.lengths)
        return cls(model, parameters, training.objective, batch, trace)

    def loss(self, rows: slice = slice(None)) -> Float[Tensor, ""]:
        """Return the mean loss of all sequences, or of some rows."""
        return self.objective.loss(self.trace.outputs[rows], rows_of(self.batch, rows))

    @cached_property
    def halves(self) -> tuple[HalfGradients, HalfGradients] | None:
        """Gradients of the first and the second half's loss; an odd last sequence is left out.

        None if there is only one sequence, or no graph to the loss.
        """
        middle = len(self.batch.inputs) // 2
        if middle == 0 or not self.trace.outputs.requires_grad:
            return None
        halves = slice(middle), slice(middle, 2 * middle)
        first, second = (self._half_gradients(self.loss(rows)) for rows in halves)
        return first, second

    def _half_gradients(self, loss: Float[Tensor, ""]) -> HalfGradients:
        states = [layer.states for layer in self.trace.layers]
        with_graph = [tensor for tensor in states if tensor.requires_grad]
        inputs, *rest = gradients_of(loss, [self.batch.inputs, *with_graph, *self.parameters])
        found = iter(rest[: len(with_graph)])
        by_layer = [next(found) if tensor.requires_grad else None for tensor in states]
        return HalfGradients(inputs, by_layer, rest[len(with_graph) :])

    def gradient(
        self, values: Float[Tensor, "*any"], weights: Float[Tensor, "*any"] | None = None
    ) -> Gradient | None:
        """Return the gradient of a weighted sum of values, zero for parameters that do not affect it.

        Returns None if the values have no graph, or nothing trains.
        """
        if not values.requires_grad or not self.parameters:
            return None
        return list(gradients_of(values, self.parameters, weights))


@contextmanager
def evaluating(model: Network, device: torch.device) -> Iterator[None]:
    """Switch to evaluation mode, in which gradients still work on a GPU, and restore the mode afterwards."""
    was_training = model.training
    model.eval()
    # cuDNN's recurrent kernels have gradients in training mode only; torch's own always do.
    native = torch.backends.cudnn.flags(enabled=False) if device.type == "cuda" else nullcontext()
    try:
        with native:
            yield
    finally:
        model.train(was_training)


@contextmanager
def moved_along(parameters: Sequence[Tensor], direction: Gradient, step_share: float) -> Iterator[None]:
    """Move parameters along a direction by a share of their norm, and restore them bit by bit afterwards.

    Graphs built before are invalid afterwards.
    """
    before = [parameter.detach().clone() for parameter in parameters]
    factor = step_share * norm_of(before) / norm_of(direction)
    try:
        with torch.no_grad():
            for parameter, part in zip(parameters, direction, strict=True):
                parameter.add_(part, alpha=factor)
        yield
    finally:
        with torch.no_grad():
            for parameter, value in zip(parameters, before, strict=True):
                parameter.copy_(value)


def gradients_of(
    values: Tensor, variables: Sequence[Tensor], weights: Tensor | None = None
) -> tuple[Tensor, ...]:
    """Return the gradients of a weighted sum of values, zero where there is none, and keep the graph."""
    return torch.autograd.grad(
        values, variables, weights, retain_graph=True, allow_unused=True, materialize_grads=True
    )


def gradient_of_squares(outputs: Tensor, inputs: Tensor) -> Tensor | None:
    """Return the gradient of the sum of squared outputs; None if there is none or all of it is zero."""
    if not outputs.requires_grad:
        return None
    (gradient,) = torch.autograd.grad(outputs.square().sum(), inputs, retain_graph=True, allow_unused=True)
    return gradient if gradient is not None and gradient.any() else None


def norm_of(tensors: Sequence[Tensor]) -> float:
    """Return the Euclidean norm of all entries together."""
    norms = torch.stack(torch._foreach_norm([tensor.detach() for tensor in tensors]))
    norm: float = norms.norm().item()
    return norm
