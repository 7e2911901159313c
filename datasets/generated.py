"""Tasks whose sequences are drawn anew for every batch."""

from abc import abstractmethod
from functools import cached_property
from typing import ClassVar

import torch

from datasets.config import GeneratedTaskConfig
from datasets.criterion import nominal_chance, target_metric
from datasets.task import LENGTH, TEST, TRAIN, VALIDATION, Batch, Task, hashed_seed

#: Validation and test are the same for every trial.
_FIXED_SEED = 0


class GeneratedTask(Task):
    """A task without end: each training batch is drawn from a generator that seed and update determine."""

    config: GeneratedTaskConfig
    #: Sequences shorter than this make no sense.
    shortest_length: ClassVar[int] = 1

    def __init__(self, config: GeneratedTaskConfig, device: torch.device | None = None) -> None:
        super().__init__(config, device)
        self.chance = nominal_chance(config)
        self.target_metric = target_metric(config)

    @abstractmethod
    def draw(self, generator: torch.Generator, batch_size: int, length: int) -> Batch:
        """Independent sequences of one length, on the generator's device."""

    def train_batch(self, seed: int, update: int, batch_size: int, progress: float) -> Batch:
        """The training batch of one update, of one length (see Task.train_batch)."""
        length = self.training_length(seed, update, progress)
        return self.draw(self.generator(seed, TRAIN, update), batch_size, length)

    def training_length(self, seed: int, update: int, progress: float) -> int:
        """Time steps of one update's batch.

        `uniform` takes any length from the shortest to the full one. `curriculum` does so too, but the
        longest grows in proportion to progress and is the full one from `curriculum_share` on, so that
        short sequences stay in the mix.
        """
        config = self.config
        assert 0 <= progress <= 1, progress
        if config.length_distribution == "fixed":
            return config.sequence_length
        num_lengths = config.sequence_length - self.shortest_length + 1
        if config.length_distribution == "curriculum":
            grown = min(1.0, progress / config.curriculum_share)
            num_lengths = 1 + int(grown * (num_lengths - 1))
        return self.shortest_length + hashed_seed(seed, LENGTH, update) % num_lengths

    def validation_set(self) -> Batch:
        """The fixed validation sequences, at the full length."""
        return self._validation_set

    @cached_property
    def _validation_set(self) -> Batch:
        return self._fixed_set(VALIDATION, self.config.validation_size)

    def _test_set(self) -> Batch:
        return self._fixed_set(TEST, self.config.test_size)

    def _fixed_set(self, stream: int, num_sequences: int) -> Batch:
        """Drawn on the CPU whatever the device, so that maps from different machines compare."""
        generator = torch.Generator().manual_seed(hashed_seed(_FIXED_SEED, stream, 0))
        batch = self.draw(generator, num_sequences, self.config.sequence_length)
        return Batch(batch.inputs.to(self.device), batch.targets.to(self.device))
