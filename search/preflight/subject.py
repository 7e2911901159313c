"""The trial that is checked: built as training builds it, with a batch that is cheap to pass through."""

import math

import torch
from torch import Tensor

from failmap.datasets.config import GeneratedTaskConfig
from failmap.datasets.task import Batch, Task
from failmap.models.network import Network, Teacher, Trace
from failmap.search.trial.config import TrialConfig
from failmap.search.trial.loss_floor import Floor, best_constant_loss, floor
from failmap.search.trial.objective import Objective
from failmap.search.trial.training import Training

#: Sequences of the batch that checks pass through the network.
MIN_SEQUENCES, MAX_SEQUENCES = 4, 64
#: Multiplications of one pass forward, about: some tenths of a second on one core.
MAX_PRODUCTS = 4e9


class Subject:
    """A trial at its initialization. Checks leave its weights as they were.

    Args:
        config: the trial's. Lengths that vary in training are fixed to the full one.
        max_products: multiplications of one pass, which the batch's size goes by.
        patience_seconds: how long a check may train.

    Attributes:
        batch: the first training batch, of fewer sequences.
    """

    def __init__(
        self, config: TrialConfig, *, max_products: float = MAX_PRODUCTS, patience_seconds: float = 5.0
    ) -> None:
        self.config = _at_full_length(config)
        self.patience_seconds = patience_seconds
        self.training = Training(self.config, torch.device("cpu"))
        self._buffers = [buffer.clone() for buffer in self.training.model.buffers()]
        self.batch = self.draw(num_sequences(self.training, max_products))

    @property
    def model(self) -> Network:
        """The network."""
        return self.training.model

    @property
    def task(self) -> Task:
        """The task."""
        return self.training.task

    @property
    def objective(self) -> Objective:
        """The loss and the metric."""
        return self.training.objective

    def draw(self, size: int) -> Batch:
        """A training batch of at most so many sequences."""
        size = min(size, self.task.num_train or size)
        return self.task.train_batch(self.config.seed, 0, size, progress=1.0)

    def trace(self, batch: Batch, *, training: bool, teacher: Teacher | None = None) -> Trace:
        """A pass in training or in evaluation mode; what is drawn in it is the same each time."""
        # A batch norm moves its running means in training mode: each pass begins from the same ones.
        for buffer, before in zip(self.model.buffers(), self._buffers, strict=True):
            buffer.copy_(before)
        self.model.train(training)
        self.training.begin_interval(0)
        if training and teacher is None:
            teacher = self.training.teacher(batch, 0)
        return self.model.trace(batch.inputs, batch.lengths, teacher if training else None)

    def loss(self) -> Tensor:
        """The batch's loss in training mode."""
        return self.objective.loss(self.trace(self.batch, training=True).outputs, self.batch)


def num_sequences(training: Training, max_products: float) -> int:
    """How many sequences a pass of so many multiplications may have, within bounds."""
    task = training.config.task
    positions = (
        math.prod(task.frame_shape[1:]) if training.config.model.needs_frames and task.frame_shape else 1
    )
    num_parameters = sum(parameter.numel() for parameter in training.model.parameters())
    products = num_parameters * positions * (training.task.num_steps + sum(task.decoded_steps))
    return max(MIN_SEQUENCES, min(MAX_SEQUENCES, int(max_products / products)))


def constant_guess_loss(subject: Subject, batch: Batch) -> float:
    """What the best guess gets on a batch that is the same for every input of it."""
    return best_constant_loss(subject.objective.head, subject.objective.labels(batch))


def floor_on(subject: Subject, batch: Batch, reach: tuple[float, float] | None = None) -> Floor:
    """What no network can get below on a batch, or none whose raw outputs stay within a reach."""
    return floor(subject.objective.head, subject.objective.labels(batch), reach)


def _at_full_length(config: TrialConfig) -> TrialConfig:
    task = config.task
    if not isinstance(task, GeneratedTaskConfig) or task.length_distribution == "fixed":
        return config
    return config.model_copy(update={"task": task.model_copy(update={"length_distribution": "fixed"})})
