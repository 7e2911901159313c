"""Tasks on the user's own arrays, split so that nothing leaks."""

import math

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from failmap.datasets.chance import Chance
from failmap.datasets.config import ArrayFileConfig
from failmap.datasets.criterion import NUM_EVALUATIONS, is_beyond_chance
from failmap.datasets.errors import TaskError
from failmap.datasets.files.forecast_levels import LAST_VALUE, known_levels
from failmap.datasets.files.prepare import prepare
from failmap.datasets.task import TEST, VALIDATION, Batch, Epochs, Task

#: A forecast that has learned gets below this share of the error of repeating the last value.
LAST_VALUE_SHARE = 0.9


class ArrayFile(Task):
    """Sequences from a file, shown in epochs, each in an order of its own that the seed determines.

    Chance is the best that any constant gets on the validation set, even one that has seen it: so none meets
    the criterion, also where classes or levels drift from training to validation. For numbers it is the
    variance, and the skill is R squared.
    """

    config: ArrayFileConfig

    def __init__(self, config: ArrayFileConfig, device: torch.device | None = None) -> None:
        super().__init__(config, device)
        prepared = prepare(config)
        self._train = prepared.train.to(self.device)
        self._held_out = {VALIDATION: prepared.validation, TEST: prepared.test}
        self.num_train = len(prepared.train)
        self._epochs = Epochs(self.num_train, self.device)
        self._host_epochs = Epochs(self.num_train, torch.device("cpu"))
        self.input_size, self.output_size = prepared.input_size, prepared.output_size
        self.num_steps = prepared.num_steps
        self.notes = prepared.notes

        labels = prepared.validation.labels()
        if config.metric == "accuracy":
            self.chance = class_chance(labels, prepared.output_size)
            self._require_enough(len(prepared.validation))
        else:
            self.perfect_metric = 0.0
            self.chance = number_chance(prepared.validation.levels())
            self._measure_targets(prepared.train.labels())
        self.target_metric = config.target_metric(self.chance)
        self.season = prepared.season
        self.target_shift, self.mean_shift, self.input_shift = prepared.shift
        if prepared.forecast_errors:
            self.baseline_errors = prepared.forecast_errors
            last_value = LAST_VALUE_SHARE * self.baseline_errors[LAST_VALUE]
            self.target_metric = min(self.target_metric, last_value)
            self.partial_solutions = known_levels(
                self.baseline_errors, self.chance.metric, self.target_metric
            )

    def train_batch(self, seed: int, update: int, batch_size: int, progress: float) -> Batch:
        """Return the training batch of one update: the next sequences in the orders of the epochs."""
        assert 0 <= progress <= 1, progress
        rows = self._epochs.rows(seed, update, batch_size)
        if not self._train.is_ragged:
            return self._train.take(rows)
        return self._train.take(rows, self._host_epochs.rows(seed, update, batch_size))

    def _held_out_set(self, stream: int) -> Batch:
        """Return the fixed sequences of VALIDATION or TEST."""
        return self._held_out[stream].to(self.device).all()

    def _require_enough(self, num_validation: int) -> None:
        """Check that a perfect network can be distinguished from lucky guesses."""
        if is_beyond_chance(self.config, 1.0, self.chance, num_validation, NUM_EVALUATIONS):
            return
        raise TaskError(
            f"{num_validation} validation sequences, {self.chance.metric:.0%} of them of one class, are too "
            "few to tell a perfect network from lucky guesses; raise task.test_share or task.test_size"
        )

    def _measure_targets(self, targets: Float[Tensor, "labels *outputs"]) -> None:
        """Set range and moments of the targets from the training part."""
        self.target_range = (targets.min().item(), targets.max().item())
        numbers = targets.double()
        self.target_moments = (numbers.mean().item(), numbers.std(correction=0).item())


def class_chance(labels: Int64[Tensor, "labels"], num_classes: int) -> Chance:
    """Return the share of the most frequent class, and the entropy of all shares in nats."""
    shares = torch.bincount(labels, minlength=num_classes).double() / len(labels)
    nats = -torch.special.xlogy(shares, shares).sum().item()
    return Chance(metric=shares.max().item(), loss=nats)


def number_chance(labels: Float[Tensor, "labels *outputs"]) -> Chance:
    """Return the variance of the targets, which is the error of guessing the mean of each feature."""
    variance = labels.double().var(dim=0, correction=0).mean().item()
    if variance == 0 or not math.isfinite(variance):
        raise TaskError(
            f"all {len(labels)} targets of the validation set are the same: there is nothing to predict"
        )
    return Chance(metric=variance, loss=variance)
