"""Bugs in the input pipeline."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from failmap.datasets.task import Batch, Task, hashed_seed
from failmap.search.trial.session import TrialSession

#: Returns the changed batch of an update; the validation set is update -1.
Change = Callable[[Batch, int], Batch]

#: A stream of random numbers that no task uses (datasets.task has 0 to 4).
_BUG_STREAM = 99
#: The first of the features that mark steps.
_FIRST_MARK_FEATURE = {"adding": 1, "temporal_order": 4}


class ChangedBatches(Task):
    """A task with changed batches.

    Args:
        task: the original task, whose chance, criterion and ranges are kept.
        change: changes every training batch.
        in_validation: whether the validation set is changed too, as by a bug in shared code.
    """

    def __init__(self, task: Task, change: Change, *, in_validation: bool) -> None:
        super().__init__(task.config, task.device)
        for attribute in (*Task.__annotations__, "perfect_metric"):
            setattr(self, attribute, getattr(task, attribute))
        self._task = task
        self._change = change
        held_out = task.validation_set()
        self._validation_set = change(held_out, -1) if in_validation else held_out

    def train_batch(self, seed: int, update: int, batch_size: int, progress: float) -> Batch:
        """Return the changed training batch of one update (see Task.train_batch)."""
        return self._change(self._task.train_batch(seed, update, batch_size, progress), update)

    def validation_set(self) -> Batch:
        """Return the validation sequences, changed or not."""
        return self._validation_set

    def _held_out_set(self, stream: int) -> Batch:
        return self._task.test_set()


def plant(session: TrialSession, change: Change, *, in_validation: bool) -> None:
    """Change the batches between a session's task and its network."""
    session.training.task = ChangedBatches(session.training.task, change, in_validation=in_validation)
    session.validation = session.training.task.validation_set()


def shuffle_training_labels(session: TrialSession) -> None:
    """Shuffle training inputs and labels independently; validation is correct."""
    plant(session, partial(_with_shuffled_labels, session.config.seed), in_validation=False)


def shift_training_labels(session: TrialSession) -> None:
    """Give each training sequence the label of the previous row, as after a join that is one row off."""

    def change(batch: Batch, _: int) -> Batch:
        return batch._replace(targets=batch.targets.roll(1, dims=0))

    plant(session, change, in_validation=False)


def turn_training_labels(session: TrialSession) -> None:
    """Reverse training labels: classes are counted from the end, numbers mirrored in their range."""
    task = session.training.task
    low, high = (0.0, task.output_size - 1.0) if task.config.target_kind == "category" else task.target_range

    def change(batch: Batch, _: int) -> Batch:
        return batch._replace(targets=(low + high - batch.targets).to(batch.targets.dtype))

    plant(session, change, in_validation=False)


def misnumber_training_classes(session: TrialSession) -> None:
    """Number training classes one higher than validation classes, as by two label encoders."""
    num_classes = session.training.task.output_size

    def change(batch: Batch, _: int) -> Batch:
        return batch._replace(targets=(batch.targets + 1) % num_classes)

    plant(session, change, in_validation=False)


def shuffle_all_labels(session: TrialSession) -> None:
    """Shuffle labels in training and validation: the file itself is wrong."""
    plant(session, partial(_with_shuffled_labels, session.config.seed), in_validation=True)


def scale_inputs(session: TrialSession, factor: float) -> None:
    """Scale inputs to another unit, such as pixels from 0 to 255, or millimetres."""

    def change(batch: Batch, _: int) -> Batch:
        return batch._replace(inputs=batch.inputs * factor)

    plant(session, change, in_validation=True)


def shift_inputs(session: TrialSession, offset: float) -> None:
    """Shift inputs far from zero, like years or kelvins."""

    def change(batch: Batch, _: int) -> Batch:
        return batch._replace(inputs=batch.inputs + offset)

    plant(session, change, in_validation=True)


def scale_one_feature(session: TrialSession, factor: float) -> None:
    """Scale the last feature to another unit than the others."""

    def change(batch: Batch, _: int) -> Batch:
        scales = torch.ones(batch.inputs.shape[-1])
        scales[-1] = factor
        return batch._replace(inputs=batch.inputs * scales)

    plant(session, change, in_validation=True)


def show_training_labels(session: TrialSession) -> None:
    """Put the label, scaled to 0 to 1, into the first feature of training inputs at its step."""
    task = session.training.task
    highest = task.output_size - 1 if task.config.target_kind == "category" else task.target_range[1]

    def change(batch: Batch, _: int) -> Batch:
        inputs, labels = batch.inputs.clone(), batch.targets / highest
        if task.config.target_layout == "step":
            inputs[:, :, 0] = labels
        else:
            inputs[:, -1, 0] = labels
        return batch._replace(inputs=inputs)

    plant(session, change, in_validation=False)


def lose_later_marks(session: TrialSession) -> None:
    """Remove the marks of a sequence's second half: half of the target cannot be known."""
    first_mark = _FIRST_MARK_FEATURE[session.config.task.name]

    def change(batch: Batch, _: int) -> Batch:
        inputs = batch.inputs.clone()
        inputs[:, inputs.shape[1] // 2 :, first_mark:] = 0
        return batch._replace(inputs=inputs)

    plant(session, change, in_validation=True)


def _with_shuffled_labels(seed: int, batch: Batch, update: int) -> Batch:
    return batch._replace(targets=batch.targets[_order(seed, update, len(batch.targets))])


def _order(seed: int, update: int, num_rows: int) -> Tensor:
    """Return a random permutation determined by seed and update."""
    generator = torch.Generator().manual_seed(hashed_seed(seed, _BUG_STREAM, update))
    return torch.randperm(num_rows, generator=generator)
