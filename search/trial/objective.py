"""What a network's outputs are worth on a task: the loss that trains, the losses that compare, the metric."""

import math
from functools import cached_property

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from failmap.datasets.task import Batch, Task
from failmap.search.trial.config import OutputConfig
from failmap.search.trial.head import LEAST_PROBABILITY, Head
from failmap.search.trial.loss_floor import Floor, best_constant_loss, floor


class Objective:
    """Turns a network's raw outputs into a loss to train by, and into the task's metric.

    Targets y of the task are trained as scale * y + offset; predictions go the same way back, so metrics are
    always in the task's own units.
    """

    def __init__(self, output: OutputConfig, task: Task) -> None:
        self.task = task
        self.head = Head.of(output, task)
        self.scale, self.offset = self.head.scale, self.head.offset
        self.kind = task.config.target_kind
        low, high = task.target_range
        self.middle = (low + high) / 2
        self.has_probabilities = self.kind == "category" or (low >= 0 and high <= 1)

    def loss(self, outputs: Float[Tensor, "batch *label outputs"], batch: Batch) -> Float[Tensor, ""]:
        """The mean loss over all labels, as `output.loss` names it."""
        return self.head.mean_loss(*self._labelled(outputs, batch))

    def losses(
        self, outputs: Float[Tensor, "batch *label outputs"], batch: Batch
    ) -> dict[str, Float[Tensor, ""]]:
        """Mean squared error and cross-entropy of the predictions, whichever loss trains.

        Both are in the task's own units, so that trainings by different losses compare. The squared error of
        a category is the mean over its classes, with 1 for the right one (Brier's score, 1950, divided by
        their number). The cross-entropy is in nats per label, or per pixel of a frame; probabilities are kept
        between 1e-7 and 1 - 1e-7. It is left out where targets are not within 0 .. 1.
        """
        outputs, targets = self._labelled(outputs, batch)
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
        """The task's metric: accuracy, or the mean squared error in the task's own units."""
        outputs, targets = self._labelled(outputs, batch)
        if self.task.counted_from:
            assert batch.lengths is None, "labels are counted by their step"
            outputs, targets = outputs[:, self.task.counted_from :], targets[:, self.task.counted_from :]
        if self.kind == "category":
            return (outputs.argmax(dim=-1) == targets).double().mean()
        predicted = self.predict(outputs)
        if self.kind == "binary":
            return ((predicted > self.middle) == (targets > self.middle)).double().mean()
        return (predicted - targets).square().mean().double()

    def predict(self, outputs: Float[Tensor, "batch *label outputs"]) -> Float[Tensor, "batch *prediction"]:
        """What the outputs say, in the task's own units: probabilities of classes, numbers, or shares."""
        return self.head.predict(outputs)

    def labels(self, batch: Batch) -> Shaped[Tensor, "labels *target"]:
        """The targets of a batch, without the steps that only fill sequences up."""
        rows = self._label_rows(batch)
        return batch.targets if rows is None else batch.targets.flatten(0, 1)[rows]

    def num_labels(self, batch: Batch) -> int:
        """Labels of a batch, a frame counting as one: what its mean loss is a mean over."""
        if batch.lengths is not None and self.task.config.target_layout == "step":
            return int(batch.lengths.sum())
        outputs_in_label = 1 if self.kind == "category" else self.task.output_size
        return batch.targets.numel() // outputs_in_label

    def score(self, metric: float) -> float:
        """Skill: 0 at chance, 1 perfect; never below -1, so that it stays finite."""
        chance, perfect = self.task.chance.metric, self.task.perfect_metric
        skill = (metric - chance) / (perfect - chance)
        return max(skill, -1.0) if math.isfinite(skill) else -1.0

    def metric_of(self, score: float) -> float:
        """The metric of a skill: the inverse of `score`."""
        chance, perfect = self.task.chance.metric, self.task.perfect_metric
        return chance + score * (perfect - chance)

    def floor(self, reach: tuple[float, float] | None = None) -> Floor:
        """What this head cannot go below on the validation targets (see `floor.floor`)."""
        return floor(self.head, self.labels(self.task.validation_set()), reach)

    @property
    def loss_floor(self) -> float:
        """The least loss on the validation targets; -inf where it has no end."""
        return self._floor.loss

    @property
    def best_possible_loss(self) -> float:
        """The same at the best outputs of all, within the head's reach or not."""
        return self._floor.best_possible

    @cached_property
    def _floor(self) -> Floor:
        return self.floor()

    @cached_property
    def chance_loss(self) -> float:
        """What blind guessing gets of the loss that trains.

        As the task states it where that is exact: under its natural loss, and for the squared error of mapped
        numbers. Elsewhere it is what the best constants that the head can say get on the validation targets,
        one for each step and pixel (one for all steps where sequences differ in length).
        """
        head = self.head
        if head.is_natural:
            return self.task.chance.loss
        if head.loss == "mse" and head.activation == "none" and self.kind == "number":
            return self.task.chance.metric * head.scale**2
        return best_constant_loss(head, self.labels(self.task.validation_set()))

    def _labelled(
        self, outputs: Float[Tensor, "batch *label outputs"], batch: Batch
    ) -> tuple[Float[Tensor, "labels *rest outputs"], Shaped[Tensor, "labels *target"]]:
        """Outputs and targets without the steps that only fill sequences up."""
        rows = self._label_rows(batch)
        if rows is None:
            return outputs, batch.targets
        return outputs.flatten(0, 1)[rows], batch.targets.flatten(0, 1)[rows]

    def _label_rows(self, batch: Batch) -> Shaped[Tensor, "labels"] | None:
        """Which steps of all sequences have labels; None where all do."""
        if batch.lengths is None or self.task.config.target_layout != "step":
            return None
        is_label = torch.arange(batch.targets.shape[1]) < batch.lengths[:, None]
        (rows,) = is_label.flatten().nonzero(as_tuple=True)
        return rows.to(batch.targets.device)
