"""A forward pass of a few sequences whose graph is kept, so that several gradients can be taken."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from failmap.datasets.task import Batch
from failmap.models.network import Network, Trace
from failmap.search.trial.objective import Objective
from failmap.search.trial.training import Training

#: A gradient, parameter by parameter.
Gradient = list[Tensor]


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
        lengths = None if self.batch.lengths is None else self.batch.lengths[rows]
        part = Batch(self.batch.inputs[rows], self.batch.targets[rows], lengths)
        return self.objective.loss(self.trace.outputs[rows], part)

    @cached_property
    def halves(self) -> tuple[HalfGradients, HalfGradients] | None:
        """Gradients of the first and the second half's loss; an odd last sequence is left out.

        None if there is only one sequence, or no graph to the loss.
        """
        middle = len(self.batch.inputs) // 2
        if middle == 0 or not self.trace.outputs.requires_grad:
            return None
        first, second = (
            self._half_gradients(self.loss(rows)) for rows in (slice(middle), slice(middle, 2 * middle))
        )
        return first, second

    def _half_gradients(self, loss: Float[Tensor, ""]) -> HalfGradients:
        states = [layer.states for layer in self.trace.layers]
        with_graph = [tensor for tensor in states if tensor.requires_grad]
        inputs, *rest = torch.autograd.grad(
            loss,
            [self.batch.inputs, *with_graph, *self.parameters],
            retain_graph=True,
            allow_unused=True,
            materialize_grads=True,
        )
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
        return list(
            torch.autograd.grad(
                values,
                self.parameters,
                weights,
                retain_graph=True,
                allow_unused=True,
                materialize_grads=True,
            )
        )


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


def norm_of(tensors: Sequence[Tensor]) -> float:
    """Return the Euclidean norm of all entries together."""
    norms = torch.stack(torch._foreach_norm([tensor.detach() for tensor in tensors]))
    norm: float = norms.norm().item()
    return norm
