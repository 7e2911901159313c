"""Activation, target range and loss as one joint choice, and the task's metric whatever trains it."""

import math

import torch
from jaxtyping import Float, Shaped
from torch import Tensor
from torch.nn import functional

from datasets.task import Batch, Task
from search.trial.output_config import NATURAL_LOSS, OutputConfig


class Objective:
    """Turns a network's raw outputs into a loss to train by, and into the task's metric.

    Targets y of the task are trained as scale * y + offset; predictions go the same way back, so metrics are
    always in the task's own units.
    """

    def __init__(self, output: OutputConfig, task: Task) -> None:
        self.output = output
        self.kind = task.config.target_kind
        self.task = task
        low, high = task.target_range
        mean, deviation = task.target_moments
        self.scale, self.offset = {
            "task": (1.0, 0.0),
            "zero_one": (1 / (high - low), -low / (high - low)),
            "minus_one_one": (2 / (high - low), -(high + low) / (high - low)),
            "standardised": (1 / deviation, -mean / deviation),
        }[output.target_range]
        self.middle = (low + high) / 2

    def loss(self, outputs: Float[Tensor, "batch *label outputs"], batch: Batch) -> Float[Tensor, ""]:
        """The mean loss over all labels, as `output.loss` names it."""
        outputs, targets = self._labelled(outputs, batch)
        if self.output.loss == "cross_entropy":
            return functional.cross_entropy(outputs.flatten(0, -2), targets.flatten())
        predicted = self._activated(outputs)
        wanted = targets * self.scale + self.offset
        match self.output.loss:
            case "bce_with_logits":
                return functional.binary_cross_entropy_with_logits(predicted, wanted)
            case "bce":
                return functional.binary_cross_entropy(predicted, wanted)
            case "huber":
                return functional.huber_loss(predicted, wanted)
            case _:
                return functional.mse_loss(predicted, wanted)

    def metric(self, outputs: Float[Tensor, "batch *label outputs"], batch: Batch) -> Float[Tensor, ""]:
        """The task's metric: accuracy, or the mean squared error in the task's own units."""
        outputs, targets = self._labelled(outputs, batch)
        if self.task.counted_from:
            outputs, targets = outputs[:, self.task.counted_from :], targets[:, self.task.counted_from :]
        if self.kind == "category":
            return (outputs.argmax(dim=-1) == targets).double().mean()
        predicted = self.predict(outputs)
        if self.kind == "binary":
            return ((predicted > self.middle) == (targets > self.middle)).double().mean()
        return (predicted.double() - targets.double()).square().mean()

    def predict(self, outputs: Float[Tensor, "batch *label outputs"]) -> Float[Tensor, "batch *prediction"]:
        """What the outputs say, in the task's own units: probabilities of classes, numbers, or shares."""
        if self.kind == "category":
            return outputs.softmax(dim=-1)
        activated = self._activated(outputs)
        if self.output.loss == "bce_with_logits":
            activated = torch.sigmoid(activated)
        return (activated - self.offset) / self.scale

    def num_labels(self, batch: Batch) -> int:
        """Labels of a batch: what its mean loss is a mean over."""
        if batch.lengths is None or self.task.config.target_layout != "step":
            return batch.targets[..., :1].numel() if batch.targets.ndim > 2 else batch.targets.numel()
        return int(batch.lengths.sum())

    def score(self, metric: float) -> float:
        """Skill: 0 at chance, 1 perfect; never below -1, so that it stays finite."""
        chance, perfect = self.task.chance.metric, self.task.perfect_metric
        skill = (metric - chance) / (perfect - chance)
        return max(skill, -1.0) if math.isfinite(skill) else -1.0

    @property
    def chance_loss(self) -> float:
        """What blind guessing gets of the loss that trains; NaN where no closed form is known."""
        natural = NATURAL_LOSS[self.kind]
        if (
            self.output.loss == natural
            and self.output.target_range == "task"
            and (self.output.activation == "none")
        ):
            return self.task.chance.loss
        if self.output.loss == "mse" and self.kind == "number":
            return self.task.chance.metric * self.scale**2
        return math.nan

    def _labelled(
        self, outputs: Float[Tensor, "batch *label outputs"], batch: Batch
    ) -> tuple[Float[Tensor, "labels *rest outputs"], Shaped[Tensor, "labels *rest"]]:
        """Outputs and targets without the steps that only fill sequences up."""
        if batch.lengths is None or self.task.config.target_layout != "step":
            return outputs, batch.targets
        num_steps = batch.inputs.shape[1]
        is_label = torch.arange(num_steps) < batch.lengths[:, None]
        (rows,) = is_label.flatten().nonzero(as_tuple=True)
        rows = rows.to(outputs.device)
        return outputs.flatten(0, 1)[rows], batch.targets.flatten(0, 1)[rows]

    def _activated(self, outputs: Float[Tensor, "batch *label outputs"]) -> Float[Tensor, "batch *activated"]:
        """The outputs after their activation; a single one without its dimension."""
        raw = outputs.squeeze(-1) if self.task.output_size == 1 else outputs
        match self.output.activation:
            case "sigmoid":
                return torch.sigmoid(raw)
            case "tanh":
                return torch.tanh(raw)
            case _:
                return raw
