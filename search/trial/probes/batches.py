"""The few sequences that probes use, chosen by the seed and the update alone."""

from collections.abc import Sequence
from typing import NamedTuple

import torch

from failmap.datasets.task import Batch, hashed_seed
from failmap.search.trial.training import Training

#: Maximum number of sequences whose gradients are taken, and of those on which the gradients are evaluated.
MAX_SOURCES, MAX_EVALUATED = 32, 48
#: Smaller validation sets are not split in two.
_MIN_TO_SPLIT = 16
#: A random stream that differs from those of datasets.task.
_STREAM = 5


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
    return ProbeBatches(_rows(batch, order[:num_sources]), _rows(batch, rest))


def _rows(batch: Batch, order: Sequence[int]) -> Batch:
    rows = torch.tensor(order)
    lengths = None if batch.lengths is None else batch.lengths[rows]
    rows = rows.to(batch.inputs.device)
    return Batch(batch.inputs[rows], batch.targets[rows], lengths)
