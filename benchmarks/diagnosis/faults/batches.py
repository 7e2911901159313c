"""Bugs on the way from the data to the network: what is trained on is not what was meant."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from failmap.datasets.task import Batch, Task, hashed_seed
from failmap.search.trial.session import TrialSession

#: A batch as the bug leaves it, of an update; the validation set counts as update -1.
Change = Callable[[Batch, int], Batch]

#: A stream of random numbers that no task draws from (datasets.task has 0 to 4).
_BUG_STREAM = 99
#: The features that mark steps, from this one on.
_FIRST_MARK_FEATURE = {"adding": 1, "temporal_order": 4}


class ChangedBatches(Task):
    """A task whose batches go through a bug.

    Args:
        task: what is asked for. Chance, criterion and ranges stay as it tells them.
        change: of every training batch.
        in_validation: the validation set is changed too, as where the bug is in what both are read by.
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
        """The changed training batch of one update (see Task.train_batch)."""
        return self._change(self._task.train_batch(seed, update, batch_size, progress), update)

    def validation_set(self) -> Batch:
        """The validation sequences, changed or not."""
        return self._validation_set

    def _held_out_set(self, stream: int) -> Batch:
        return self._task.test_set()


def plant(session: TrialSession, change: Change, *, in_validation: bool) -> None:
    """Puts a bug between a session's task and its network."""
    session.training.task = ChangedBatches(session.training.task, change, in_validation=in_validation)
    session.validation = session.training.task.validation_set()


def shuffle_training_labels(session: TrialSession) -> None:
    """Inputs and labels of training are shuffled each in an order of its own; validation is right."""
    plant(session, partial(_with_shuffled_labels, session.config.seed), in_validation=False)


def shift_training_labels(session: TrialSession) -> None:
    """Each training sequence has the label of the row before it, as after a join that is one row off."""

    def change(batch: Batch, _: int) -> Batch:
        return batch._replace(targets=batch.targets.roll(1, dims=0))

    plant(session, change, in_validation=False)


def turn_training_labels(session: TrialSession) -> None:
    """Training labels are turned over: classes counted from the end, numbers mirrored in their range."""
    task = session.training.task
    low, high = (0.0, task.output_size - 1.0) if task.config.target_kind == "category" else task.target_range

    def change(batch: Batch, _: int) -> Batch:
        return batch._replace(targets=(low + high - batch.targets).to(batch.targets.dtype))

    plant(session, change, in_validation=False)


def misnumber_training_classes(session: TrialSession) -> None:
    """Classes of training are counted from one more than those of validation, as by two label encoders."""
    num_classes = session.training.task.output_size

    def change(batch: Batch, _: int) -> Batch:
        return batch._replace(targets=(batch.targets + 1) % num_classes)

    plant(session, change, in_validation=False)


def shuffle_all_labels(session: TrialSession) -> None:
    """Labels belong to other sequences, in validation as in training: the file itself is wrong."""
    plant(session, partial(_with_shuffled_labels, session.config.seed), in_validation=True)


def scale_inputs(session: TrialSession, factor: float) -> None:
    """Inputs come in another unit, as pixels from 0 to 255 or metres as millimetres."""

    def change(batch: Batch, _: int) -> Batch:
        return batch._replace(inputs=batch.inputs * factor)

    plant(session, change, in_validation=True)


def shift_inputs(session: TrialSession, offset: float) -> None:
    """Inputs lie far from zero, as years or kelvins do."""

    def change(batch: Batch, _: int) -> Batch:
        return batch._replace(inputs=batch.inputs + offset)

    plant(session, change, in_validation=True)


def scale_one_feature(session: TrialSession, factor: float) -> None:
    """One feature, the last, is in another unit than the others."""

    def change(batch: Batch, _: int) -> Batch:
        scales = torch.ones(batch.inputs.shape[-1])
        scales[-1] = factor
        return batch._replace(inputs=batch.inputs * scales)

    plant(session, change, in_validation=True)


def show_training_labels(session: TrialSession) -> None:
    """In training the first feature holds the label: at the step it is asked for, 0 to 1."""
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
    """The marks of a sequence's second half are lost: half of what is asked for cannot be known."""
    first_mark = _FIRST_MARK_FEATURE[session.config.task.name]

    def change(batch: Batch, _: int) -> Batch:
        inputs = batch.inputs.clone()
        inputs[:, inputs.shape[1] // 2 :, first_mark:] = 0
        return batch._replace(inputs=inputs)

    plant(session, change, in_validation=True)


def _with_shuffled_labels(seed: int, batch: Batch, update: int) -> Batch:
    return batch._replace(targets=batch.targets[_order(seed, update, len(batch.targets))])


def _order(seed: int, update: int, num_rows: int) -> Tensor:
    """A shuffled order that seed and update determine."""
    generator = torch.Generator().manual_seed(hashed_seed(seed, _BUG_STREAM, update))
    return torch.randperm(num_rows, generator=generator)
