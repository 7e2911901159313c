"""A pass of a few sequences through the network, kept so that several things can be differentiated."""

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
    """Of the mean loss of half of a pass' sequences; zero where something does not matter.

    Attributes:
        inputs: to the inputs of all sequences.
        states: to the states of each layer, in the trace's order; None where these have no gradient.
        parameters: to those that train.
    """

    inputs: Float[Tensor, "batch time features"]
    states: list[Tensor | None]
    parameters: Gradient


@dataclass(frozen=True)
class ProbePass:
    """A pass in evaluation mode and in float32.

    Attributes:
        model: the network.
        parameters: those that train.
        objective: the training's.
        batch: its inputs take a gradient.
        trace: of the pass.
    """

    model: Network
    parameters: list[Tensor]
    objective: Objective
    batch: Batch
    trace: Trace

    @classmethod
    def through(cls, training: Training, batch: Batch) -> "ProbePass":
        """Passes a batch through the network as it stands, whoever put its parts in place."""
        batch = batch._replace(inputs=batch.inputs.detach().requires_grad_())
        model = training.model
        parameters: list[Tensor] = [one for one in model.parameters() if one.requires_grad]
        trace = model.trace(batch.inputs, batch.lengths)
        return cls(model, parameters, training.objective, batch, trace)

    def loss(self, rows: slice = slice(None)) -> Float[Tensor, ""]:
        """The mean loss of all sequences, or of some."""
        lengths = None if self.batch.lengths is None else self.batch.lengths[rows]
        part = Batch(self.batch.inputs[rows], self.batch.targets[rows], lengths)
        return self.objective.loss(self.trace.outputs[rows], part)

    @cached_property
    def halves(self) -> tuple[HalfGradients, HalfGradients] | None:
        """The gradients of the first half's loss and of the second's, a last odd sequence left out.

        None where there is one sequence, or no graph to the loss.
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
        with_graph = [each for each in states if each.requires_grad]
        inputs, *rest = torch.autograd.grad(
            loss,
            [self.batch.inputs, *with_graph, *self.parameters],
            retain_graph=True,
            allow_unused=True,
            materialize_grads=True,
        )
        found = iter(rest[: len(with_graph)])
        by_layer = [next(found) if each.requires_grad else None for each in states]
        return HalfGradients(inputs, by_layer, rest[len(with_graph) :])

    def gradient(
        self, values: Float[Tensor, "*any"], weights: Float[Tensor, "*any"] | None = None
    ) -> Gradient | None:
        """Of a weighted sum of values to all parameters that train, zero where one does not matter.

        None where none of them has a graph to the values.
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
    """Evaluation mode, in which a GPU can still go backwards; the mode before comes back afterwards."""
    was_training = model.training
    model.eval()
    # cuDNN's recurrent kernels have gradients in training mode only; torch's own have them always.
    native = torch.backends.cudnn.flags(enabled=False) if device.type == "cuda" else nullcontext()
    try:
        with native:
            yield
    finally:
        model.train(was_training)


@contextmanager
def moved_along(parameters: Sequence[Tensor], direction: Gradient, step_share: float) -> Iterator[None]:
    """Parameters moved along a direction by a share of their norm; afterwards they are what they were.

    Graphs that were made before lead nowhere afterwards.
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
    """The Euclidean norm of all entries together."""
    norms = torch.stack(torch._foreach_norm([tensor.detach() for tensor in tensors]))
    norm: float = norms.norm().item()
    return norm
