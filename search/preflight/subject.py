"""The trial under check: built as in training, with a batch that is cheap to pass through the network."""

import math

import torch
from torch import Tensor

from failmap.datasets.config import GeneratedTaskConfig
from failmap.datasets.task import Batch
from failmap.models.network import Teacher, Trace
from failmap.search.trial.config import TrialConfig
from failmap.search.trial.loss_floor import Floor, best_constant_loss, floor
from failmap.search.trial.training import Training

#: Bounds on the number of sequences in the batch.
MIN_SEQUENCES, MAX_SEQUENCES = 4, 64
#: Approximate multiplications of a forward pass: some tenths of a second on one core.
MAX_PRODUCTS = 4e9


class Subject:
    """A trial at its initialization.

    Checks leave its weights unchanged.

    Args:
        config: The trial's configuration. If training varies the sequence length, the full length is used.
        max_products: Multiplications of a forward pass, which limit the size of the batch.
        training_seconds: How long a check may train.

    Attributes:
        task, model, objective: Those of `training`.
        batch: The first sequences of the first training batch.
    """

    def __init__(
        self, config: TrialConfig, *, max_products: float = MAX_PRODUCTS, training_seconds: float = 5.0
    ) -> None:
        self.config = _at_full_length(config)
        self.training_seconds = training_seconds
        self.training = Training(self.config, torch.device("cpu"))
        self.task, self.model = self.training.task, self.training.model
        self.objective = self.training.objective
        self._buffers = [buffer.clone() for buffer in self.model.buffers()]
        self.batch = self.draw(_batch_size(self.training, max_products))

    def draw(self, size: int) -> Batch:
        """Return a training batch of at most `size` sequences."""
        size = min(size, self.task.num_train or size)
        return self.task.train_batch(self.config.seed, 0, size, progress=1.0)

    def trace(self, batch: Batch, *, training: bool, teacher: Teacher | None = None) -> Trace:
        """Pass a batch forward in training or evaluation mode, with the same random draws each time."""
        # Batch norm updates its running means in training mode: each pass starts from the initial ones.
        for buffer, before in zip(self.model.buffers(), self._buffers, strict=True):
            buffer.copy_(before)
        self.model.train(training)
        self.training.begin_interval(0)
        if training and teacher is None:
            teacher = self.training.teacher(batch, 0)
        return self.model.trace(batch.inputs, batch.lengths, teacher if training else None)

    def loss(self) -> Tensor:
        """Return the loss of the batch in training mode."""
        return self.objective.loss(self.trace(self.batch, training=True).outputs, self.batch)

    def constant_guess_loss(self, batch: Batch) -> float:
        """Return the loss of the best constant output on a batch."""
        return best_constant_loss(self.objective.head, self.objective.labels(batch))

    def loss_floor(self, batch: Batch, output_range: tuple[float, float] | None = None) -> Floor:
        """Return the lowest loss on a batch of any raw outputs, or of those within a range."""
        return floor(self.objective.head, self.objective.labels(batch), output_range)


def _batch_size(training: Training, max_products: float) -> int:
    """Return how many sequences a forward pass of `max_products` multiplications has, within bounds."""
    task = training.config.task
    positions = (
        math.prod(task.frame_shape[1:]) if training.config.model.needs_frames and task.frame_shape else 1
    )
    num_parameters = sum(parameter.numel() for parameter in training.model.parameters())
    products = num_parameters * positions * (training.task.num_steps + sum(task.decoded_steps))
    return max(MIN_SEQUENCES, min(MAX_SEQUENCES, int(max_products / products)))


def _at_full_length(config: TrialConfig) -> TrialConfig:
    task = config.task
    if not isinstance(task, GeneratedTaskConfig) or task.length_distribution == "fixed":
        return config
    return config.model_copy(update={"task": task.model_copy(update={"length_distribution": "fixed"})})
