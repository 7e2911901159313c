"""The few sequences that probes look at: a function of the seed and the update alone."""

from collections.abc import Sequence
from typing import NamedTuple

import torch

from failmap.datasets.task import Batch, hashed_seed
from failmap.search.trial.training import Training

#: Sequences at most that gradients are taken of, and that are looked at without.
MAX_SOURCES, MAX_JUDGED = 32, 48
#: A validation set of fewer is not cut in two.
_LEAST_TO_HALVE = 16
#: A stream of random numbers apart from those that datasets.task names.
_STREAM = 5


class ProbeBatches(NamedTuple):
    """Two batches of the same kind.

    Attributes:
        source: what gradients are taken of.
        judged: other sequences, on which it is seen what these gradients are worth.
        are_apart: False where there were too few sequences, so that both are the same.
    """

    source: Batch
    judged: Batch
    are_apart: bool = True

    def of_one_length(self) -> "ProbeBatches":
        """Both without steps that fill sequences up (see `of_one_length`)."""
        return ProbeBatches(of_one_length(self.source), of_one_length(self.judged), self.are_apart)


def training_batches(training: Training, update: int) -> ProbeBatches:
    """What may be trained on next, or sequences of a finite training set, none of them twice.

    Not what was just trained on: the last step has turned those gradients against one another.
    """
    num_train, size = training.task.num_train, training.batch_size
    if num_train is not None:
        size = min(MAX_SOURCES + MAX_JUDGED, num_train)
        # A part of the first epoch, in which every sequence comes once.
        return _halved(_drawn(training, update % (num_train // size), size), range(size))
    if size > MAX_JUDGED + MAX_SOURCES:
        return _halved(_drawn(training, update, size), range(size))
    source, judged = (_drawn(training, update + more, size) for more in (0, 1))
    return ProbeBatches(first_of(source, MAX_SOURCES), first_of(judged, MAX_JUDGED))


def validation_batches(validation: Batch, seed: int, update: int) -> ProbeBatches:
    """Some validation sequences, others at every probe."""
    generator = torch.Generator().manual_seed(hashed_seed(seed, _STREAM, update))
    order = torch.randperm(len(validation.inputs), generator=generator)
    return _halved(validation, order[: MAX_SOURCES + MAX_JUDGED].tolist())


def first_of(batch: Batch, size: int) -> Batch:
    """A batch's first sequences."""
    return next(batch.split(size))


def of_one_length(batch: Batch) -> Batch:
    """Padded sequences: those of at least the median length, cut to it, so that last steps are last."""
    if batch.lengths is None:
        return batch
    length = int(batch.lengths.median())
    (rows,) = (batch.lengths >= length).nonzero(as_tuple=True)
    rows = rows.to(batch.inputs.device)
    inputs, targets = batch.inputs[rows], batch.targets[rows]
    is_by_step = targets.ndim > 1 and targets.shape[1] == inputs.shape[1]
    return Batch(inputs[:, :length], targets[:, :length] if is_by_step else targets)


def _drawn(training: Training, update: int, size: int) -> Batch:
    progress = min(1.0, update / training.config.train.max_updates)
    return training.task.train_batch(training.config.seed, update, size, progress)


def _halved(batch: Batch, order: Sequence[int]) -> ProbeBatches:
    """Sequences in that order, a third to be a source; all for both where there are few."""
    if len(order) < _LEAST_TO_HALVE:
        return ProbeBatches(batch, batch, are_apart=False)
    num_sources = min(MAX_SOURCES, len(order) // 2)
    rest = order[num_sources : num_sources + MAX_JUDGED]
    return ProbeBatches(_rows(batch, order[:num_sources]), _rows(batch, rest))


def _rows(batch: Batch, order: Sequence[int]) -> Batch:
    rows = torch.tensor(order)
    lengths = None if batch.lengths is None else batch.lengths[rows]
    rows = rows.to(batch.inputs.device)
    return Batch(batch.inputs[rows], batch.targets[rows], lengths)
