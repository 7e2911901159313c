"""The few sequences that probes look at, and a pass of them through the network."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from datasets.task import Batch, hashed_seed
from models.network import Network, Trace
from search.trial.objective import Objective
from search.trial.training import Training

#: Sequences of one probe batch at most.
MAX_SEQUENCES = 32
#: Apart from the streams of random numbers that datasets.task names.
_STREAM = 5


@dataclass(frozen=True)
class ProbePass:
    """A pass in evaluation mode and in float32, kept so that several things can be differentiated.

    Attributes:
        objective: the training's.
        parameters: those that train.
        batch: its inputs take a gradient.
        trace: of the pass.
    """

    objective: Objective
    parameters: list[Tensor]
    batch: Batch
    trace: Trace

    @classmethod
    def through(cls, training: Training, batch: Batch) -> "ProbePass":
        """Passes a batch through the network as it stands, whoever put its parts in place."""
        model = training.model
        batch = batch._replace(inputs=batch.inputs.detach().requires_grad_())
        parameters: list[Tensor] = [one for one in model.parameters() if one.requires_grad]
        trace = model.trace(batch.inputs, batch.lengths)
        return cls(training.objective, parameters, batch, trace)

    def loss(self, targets: Shaped[Tensor, "batch *label"] | None = None) -> Float[Tensor, ""]:
        """The mean loss against the batch's targets, or others of the same shape."""
        batch = self.batch if targets is None else self.batch._replace(targets=targets)
        return self.objective.loss(self.trace.outputs, batch)

    def gradient(self, value: Float[Tensor, ""]) -> list[Tensor] | None:
        """To all parameters that train, zero where there is none; None where none of them matters."""
        if not value.requires_grad or not self.parameters:
            return None
        return list(
            torch.autograd.grad(
                value, self.parameters, retain_graph=True, allow_unused=True, materialize_grads=True
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


def training_batches(training: Training, update: int) -> list[Batch]:
    """Two batches of what is trained on next, in which no sequence of a training set comes twice.

    Not of what was just trained on: the last step has turned those gradients against one another.
    """
    task, size = training.task, training.batch_size
    if size >= 2 * MAX_SEQUENCES or (task.num_train is not None and 2 * size > task.num_train):
        return halves(_batch(training, update), range(size))
    return [first_of(_batch(training, update + more), MAX_SEQUENCES) for more in (0, 1)]


def validation_batches(training: Training, validation: Batch, update: int) -> list[Batch]:
    """Two batches of validation sequences, others at every probe."""
    generator = torch.Generator().manual_seed(hashed_seed(training.config.seed, _STREAM, update))
    order: list[int] = torch.randperm(len(validation.inputs), generator=generator).tolist()
    return halves(validation, order)


def halves(batch: Batch, order: "range | list[int]") -> list[Batch]:
    """The first sequences in that order, half of them each; one batch of a single sequence."""
    chosen = list(order)[: 2 * MAX_SEQUENCES]
    middle = (len(chosen) + 1) // 2
    return [_rows(batch, rows) for rows in (chosen[:middle], chosen[middle:]) if rows]


def first_of(batch: Batch, size: int) -> Batch:
    """A batch's first sequences."""
    return next(batch.split(size))


def shuffled_targets(batch: Batch, seed: int, update: int) -> Shaped[Tensor, "batch *label"]:
    """Every sequence's labels given to another sequence, all in one circle.

    Where sequences differ in length, each gets the labels of the next longer one, so that none of its steps
    gets what only fills a sequence up; the longest gets those of the shortest.
    """
    generator = torch.Generator().manual_seed(hashed_seed(seed, _STREAM, update))
    order = torch.randperm(len(batch.inputs), generator=generator)
    if batch.lengths is not None:
        order = order[batch.lengths[order].argsort(stable=True)]
    giver = torch.empty_like(order)
    giver[order] = order.roll(-1)
    return batch.targets[giver.to(batch.targets.device)]


def _batch(training: Training, update: int) -> Batch:
    budget = training.config.train.max_updates
    progress = min(1.0, update / budget)
    return training.task.train_batch(training.config.seed, update, training.batch_size, progress)


def _rows(batch: Batch, rows: list[int]) -> Batch:
    lengths = None if batch.lengths is None else batch.lengths[rows]
    return Batch(batch.inputs[rows], batch.targets[rows], lengths)
