"""The objective of a training: its loss, losses that compare trainings, the task's metric, and the score."""

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
    """Computes losses and the metric of a network's raw outputs on a task.

    Targets y are mapped to scale * y + offset for training, and predictions are mapped back, so metrics are
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
        """Return the training loss (`output.loss`), averaged over all labels."""
        return self.head.mean_loss(*self._labelled(outputs, batch))

    def losses(
        self, outputs: Float[Tensor, "batch *label outputs"], batch: Batch
    ) -> dict[str, Float[Tensor, ""]]:
        """Return the mean squared error and the cross-entropy of the predictions, whichever loss trains.

        Both are in the task's own units, so that trainings with different losses can be compared. The squared
        error of a category is the mean over its classes, with 1 for the right one (the score of Brier 1950,
        divided by their number). The cross-entropy is in nats per label, or per pixel of a frame, with
        probabilities clamped to [1e-7, 1 - 1e-7]. It is left out if targets are not within 0..1.
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
        """Return the task's metric: accuracy, or the mean squared error in the task's own units."""
        outputs, targets = self._labelled(outputs, batch)
        if self.task.counted_from:
            assert batch.lengths is None, "padded sequences have no common first step"
            outputs, targets = outputs[:, self.task.counted_from :], targets[:, self.task.counted_from :]
        if self.kind == "category":
            return (outputs.argmax(dim=-1) == targets).double().mean()
        predicted = self.head.predict(outputs)
        if self.kind == "binary":
            return ((predicted > self.middle) == (targets > self.middle)).double().mean()
        return (predicted - targets).square().mean().double()

    def labels(self, batch: Batch) -> Shaped[Tensor, "labels *target"]:
        """Return the targets of a batch, without padding."""
        rows = self._label_rows(batch)
        return batch.targets if rows is None else batch.targets.flatten(0, 1)[rows]

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

    def metric_of(self, score: float) -> float:
        """Return the metric of a skill: the inverse of `score`."""
        chance, perfect = self.task.chance.metric, self.task.perfect_metric
        return chance + score * (perfect - chance)

    def floor(self, reach: tuple[float, float] | None = None) -> Floor:
        """Return the loss floor of this head on the validation targets (see `loss_floor.floor`)."""
        return floor(self.head, self.labels(self.task.validation_set()), reach)

    @property
    def loss_floor(self) -> float:
        """The least loss on the validation targets; -inf if it is unbounded."""
        return self._floor.loss

    @property
    def best_possible_loss(self) -> float:
        """The same over all outputs, reachable by this head or not."""
        return self._floor.best_possible

    @cached_property
    def _floor(self) -> Floor:
        return self.floor()

    @cached_property
    def chance_loss(self) -> float:
        """The training loss of blind guessing.

        The task knows it exactly for its natural loss and for the squared error of mapped numbers. Otherwise
        it is the loss of the head's best constant outputs on the validation targets, one for each step and
        pixel (one for all steps if sequences differ in length).
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
        """Return outputs and targets without padded steps."""
        rows = self._label_rows(batch)
        if rows is None:
            return outputs, batch.targets
        return outputs.flatten(0, 1)[rows], batch.targets.flatten(0, 1)[rows]

    def _label_rows(self, batch: Batch) -> Shaped[Tensor, "labels"] | None:
        """Return the flat indices of the steps that have labels, or None if all have."""
        if batch.lengths is None or self.task.config.target_layout != "step":
            return None
        is_label = torch.arange(batch.targets.shape[1]) < batch.lengths[:, None]
        (rows,) = is_label.flatten().nonzero(as_tuple=True)
        return rows.to(batch.targets.device)
