"""The objective of a training: its loss, losses that compare trainings, the task's metric, and the score."""

import math
from dataclasses import replace
from functools import cached_property

import torch
from jaxtyping import Float, Int64, Shaped
from torch import Tensor

from failmap.datasets.config.base import ClassMetric
from failmap.datasets.files.class_metrics import class_metric
from failmap.datasets.task import Batch, Task
from failmap.search.trial.config import OutputConfig
from failmap.search.trial.head import LEAST_PROBABILITY, Head
from failmap.search.trial.loss_floor import Floor, best_constant_loss, floor


class Objective:
    """Computes losses and the metric of a network's raw outputs on a task.

    Targets y are mapped to scale * y + offset for training, and predictions are mapped back, so metrics are
    always in the task's own units.

    Attributes:
        class_metric: The metric, if it is none that is a mean over labels and so can be taken in parts.
    """

    def __init__(self, output: OutputConfig, task: Task) -> None:
        self.task = task
        self.head = Head.of(output, task)
        self.kind = task.config.target_kind
        self.class_metric: ClassMetric | None = None
        match task.config.metric_name:
            case "balanced_accuracy" | "f1" | "auroc" as name:
                self.class_metric = name
        low, high = task.target_range
        self.middle = (low + high) / 2
        self.has_probabilities = self.kind == "category" or (low >= 0 and high <= 1)

    def loss(self, outputs: Float[Tensor, "batch *label outputs"], batch: Batch) -> Float[Tensor, ""]:
        """Return the training loss (`output.loss`), averaged over all labels, with `task.class_weights`."""
        outputs, targets = self._without_padding(batch, outputs, batch.targets)
        return self.head.mean_loss(outputs, targets, self.task.class_weights)

    def losses(
        self, outputs: Float[Tensor, "batch *label outputs"], batch: Batch
    ) -> dict[str, Float[Tensor, ""]]:
        """Return the mean squared error and the cross-entropy of the predictions, whichever loss trains.

        Both are in the task's own units, so that trainings with different losses can be compared. The squared
        error of a category is the mean over its classes, with 1 for the right one (the score of Brier 1950,
        divided by their number). The cross-entropy is in nats per label, or per pixel of a frame, with
        probabilities clamped to [1e-7, 1 - 1e-7]. It is left out if targets are not within 0..1.
        """
        outputs, targets = self._without_padding(batch, outputs, batch.targets)
        predicted = self.head.predict(outputs)
        wanted = self.head.wanted(targets) if self.kind == "category" else targets
        losses = {"mean_squared_error": (predicted - wanted).square().mean()}
        if self.has_probabilities:
            likely = predicted.clamp(LEAST_PROBABILITY, 1 - LEAST_PROBABILITY)
            if self.kind == "category":
                of_right = likely.gather(-1, targets.unsqueeze(-1))
                losses["cross_entropy"] = -of_right.log().mean()
            else:
                nats = torch.lerp(torch.log1p(-likely), likely.log(), targets)
                losses["cross_entropy"] = -nats.mean()
        return losses

    def metric(self, outputs: Float[Tensor, "batch *label outputs"], batch: Batch) -> Float[Tensor, ""]:
        """Return the task's metric of a whole set: a squared error is in the task's own units."""
        if self.class_metric is not None:
            return class_metric(self.class_metric, *self.class_scores(outputs, batch))
        outputs, targets = self._without_padding(batch, outputs, batch.targets)
        if self.task.counted_from:
            assert batch.lengths is None, "padded sequences have no common first step"
            outputs, targets = outputs[:, self.task.counted_from :], targets[:, self.task.counted_from :]
        if self.kind == "category":
            return (outputs.argmax(dim=-1) == targets).double().mean()
        predicted = self.head.predict(outputs)
        if self.kind == "binary":
            return ((predicted > self.middle) == (targets > self.middle)).double().mean()
        return (predicted - targets).square().mean().double()

    def class_scores(
        self, outputs: Float[Tensor, "batch *label outputs"], batch: Batch
    ) -> tuple[Float[Tensor, "labels classes"], Int64[Tensor, "labels"]]:
        """Return the probabilities of all classes and the right one, for each label."""
        outputs, targets = self._without_padding(batch, outputs, batch.targets)
        return self.head.predict(outputs).flatten(0, -2), targets.flatten()

    def labels(self, batch: Batch) -> Shaped[Tensor, "labels *target"]:
        """Return the targets of a batch, without padding."""
        (labels,) = self._without_padding(batch, batch.targets)
        return labels

    def num_labels(self, batch: Batch) -> int:
        """Return the number of labels that a batch's loss is averaged over, a frame counting as one."""
        if batch.lengths is not None and self.task.config.target_layout == "step":
            return int(batch.lengths.sum())
        outputs_in_label = 1 if self.kind == "category" else self.task.output_size
        return batch.targets.numel() // outputs_in_label

    def score(self, metric: float) -> float:
        """Return the skill of a metric: 0 at chance, 1 if perfect, and at least -1, so that it is finite."""
        chance, perfect = self.task.chance.metric, self.task.perfect_metric
        skill = (metric - chance) / (perfect - chance)
        return max(skill, -1.0) if math.isfinite(skill) else -1.0

    def target_metric(self, score: float | None) -> float:
        """Return the metric of a skill, as the inverse of `score`; the task's own criterion for None."""
        if score is None:
            return self.task.target_metric
        chance, perfect = self.task.chance.metric, self.task.perfect_metric
        return chance + score * (perfect - chance)

    @cached_property
    def floor(self) -> Floor:
        """The loss floor of this head on the validation targets."""
        labels = self.labels(self.task.validation_set())
        found = floor(self.head, labels)
        weights = self.task.class_weights
        if weights is None:
            return found
        # The floor of a label is the same for all classes.
        mean = weights[labels].double().mean().item()
        return replace(found, loss=mean * found.loss, best_possible=mean * found.best_possible)

    @cached_property
    def chance_loss(self) -> float:
        """The training loss of blind guessing.

        The task knows it exactly for its natural loss and for the squared error of mapped numbers. Otherwise
        it is the loss of the head's best constant outputs on the validation targets, one for each step and
        pixel (one for all steps if sequences differ in length).
        """
        head = self.head
        weights = self.task.class_weights
        if head.is_natural and weights is None:
            return self.task.chance.loss
        if head.loss == "mse" and head.activation == "none" and self.kind == "number":
            return self.task.chance.metric * head.scale**2
        return best_constant_loss(head, self.labels(self.task.validation_set()), weights)

    def _without_padding(self, batch: Batch, *values: Tensor) -> tuple[Tensor, ...]:
        """Return the values at the steps that have labels, or all values if no step is padded."""
        if batch.lengths is None or self.task.config.target_layout != "step":
            return values
        is_label = torch.arange(batch.targets.shape[1]) < batch.lengths[:, None]
        # Found on the host: a mask on the device would have to be copied back.
        (rows,) = is_label.flatten().nonzero(as_tuple=True)
        rows = rows.to(batch.targets.device)
        return tuple(steps.flatten(0, 1)[rows] for steps in values)
