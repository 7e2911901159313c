"""Tasks on the user's own arrays, split so that nothing leaks."""

import math

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from failmap.datasets.chance import Chance
from failmap.datasets.config import ArrayFileConfig
from failmap.datasets.config.base import ClassMetric
from failmap.datasets.errors import TaskError
from failmap.datasets.files.criterion import own_skill, precision_notes
from failmap.datasets.files.examples import Examples
from failmap.datasets.files.forecast_levels import LAST_VALUE, known_levels
from failmap.datasets.files.luck import ClassLuck, Luck, NumberLuck, blind_class_metric
from failmap.datasets.files.prepare import prepare
from failmap.datasets.task import TEST, VALIDATION, Batch, Epochs, Task

#: A forecast that has learned gets below this share of the error of repeating the last value.
LAST_VALUE_SHARE = 0.9


class ArrayFile(Task):
    """Sequences from a file, shown in epochs, each in an order of its own that the seed determines.

    Chance is the best that any constant gets on the validation set, even one that has seen it: so none meets
    the criterion, also where classes or levels drift from training to validation. For numbers it is the
    variance, and the skill is R squared. Where guesses that vary could meet the criterion by luck, because
    the validation set is small, it is stricter (see `own_skill`).

    Attributes:
        luck: How likely such guesses meet a criterion.
    """

    config: ArrayFileConfig
    luck: Luck

    def __init__(self, config: ArrayFileConfig, device: torch.device | None = None) -> None:
        super().__init__(config, device)
        prepared = prepare(config)
        self._train = prepared.train.to(self.device)
        self._held_out = {VALIDATION: prepared.validation, TEST: prepared.test}
        self.num_train = len(prepared.train)
        self.num_validation = len(prepared.validation)
        self._epochs = Epochs(self.num_train, self.device)
        self._host_epochs = Epochs(self.num_train, torch.device("cpu"))
        self.input_size, self.output_size = prepared.input_size, prepared.output_size
        self.num_steps = prepared.num_steps
        self.preprocessing = prepared.preprocessing.to_dict()

        labels = prepared.validation.labels()
        if config.is_larger_better:
            counts = class_counts(labels, prepared.validation)
            assert config.metric_name != "mean_squared_error"
            self.chance = class_chance(labels, prepared.output_size, config.metric_name)
            self.luck = ClassLuck(config.metric_name, counts)
            if config.class_weights == "balanced":
                weights = balanced_weights(prepared.train.labels(), prepared.output_size)
                self.class_weights = weights.to(self.device)
        else:
            self.perfect_metric = 0.0
            levels = prepared.validation.levels()
            self.chance = number_chance(levels)
            self.luck = NumberLuck(prepared.validation.num_independent, kurtosis(levels))
            self._measure_targets(prepared.train.labels())
        self.target_metric = config.target_metric(self.chance)
        self.season = prepared.season
        self.target_shift, self.mean_shift, self.input_shift = prepared.shift
        if prepared.forecasts is not None:
            self.baseline_errors, self.error_shift = prepared.forecasts
            last_value = LAST_VALUE_SHARE * self.baseline_errors[LAST_VALUE]
            self.target_metric = min(self.target_metric, last_value)
        wanted = self._skill_of(self.target_metric)
        skill = own_skill(self.luck, wanted)
        if skill > wanted:
            self.target_metric = config.metric_at_skill(skill, self.chance)
        self.partial_solutions = known_levels(self.baseline_errors, self.chance.metric, self.target_metric)
        self.notes = (*prepared.notes, *precision_notes(self, is_raised=skill > wanted))

    @property
    def own_skill(self) -> float:
        """The task's own criterion as skill."""
        return self._skill_of(self.target_metric)

    def _skill_of(self, metric: float) -> float:
        return (metric - self.chance.metric) / (self.perfect_metric - self.chance.metric)

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

    def _measure_targets(self, targets: Float[Tensor, "labels *outputs"]) -> None:
        """Set range and moments of the targets from the training part."""
        self.target_range = (targets.min().item(), targets.max().item())
        numbers = targets.double()
        self.target_moments = (numbers.mean().item(), numbers.std(correction=0).item())


def class_counts(labels: Int64[Tensor, "labels"], validation: Examples) -> list[int]:
    """Return the sizes of the classes that a set has, in sequences: labels of one sequence may be alike."""
    shares = labels.bincount().double() / len(labels)
    return [max(1, round(share * len(validation))) for share in shares.tolist() if share]


def class_chance(labels: Int64[Tensor, "labels"], num_classes: int, metric: ClassMetric) -> Chance:
    """Return what a guess that knows nothing but the classes' shares gets, and their entropy in nats."""
    counts = torch.bincount(labels, minlength=num_classes)
    shares = counts.double() / len(labels)
    nats = -torch.special.xlogy(shares, shares).sum().item()
    present = [count for count in counts.tolist() if count]
    if len(present) < 2:
        raise TaskError(
            f"all {len(labels)} labels of the validation set are of one class: there is nothing to tell "
            "apart; choose another task.split, or raise task.test_share"
        )
    return Chance(metric=blind_class_metric(metric, present), loss=nats)


def balanced_weights(labels: Int64[Tensor, "labels"], num_classes: int) -> Float[Tensor, "classes"]:
    """Return labels / (classes * labels of a class) for each class, 1 for one that training never shows.

    Scikit-learn's class_weight="balanced": the mean weight of all labels is 1, and all classes count alike.
    """
    counts = labels.bincount(minlength=num_classes).double()
    num_shown = int((counts > 0).sum())
    return torch.where(counts > 0, len(labels) / (num_shown * counts), 1.0).float()


def number_chance(labels: Float[Tensor, "labels *outputs"]) -> Chance:
    """Return the variance of the targets, which is the error of guessing the mean of each feature."""
    variance = labels.double().var(dim=0, correction=0).mean().item()
    if variance == 0 or not math.isfinite(variance):
        raise TaskError(
            f"all {len(labels)} targets of the validation set are the same: there is nothing to predict"
        )
    return Chance(metric=variance, loss=variance)


def kurtosis(labels: Float[Tensor, "labels *outputs"]) -> float:
    """Return the mean fourth power over the squared mean square of the labels' distance from their mean."""
    squares = (labels.double() - labels.double().mean(dim=0)).square().reshape(len(labels), -1).sum(dim=1)
    return (squares.square().mean() / squares.mean().square()).item()
