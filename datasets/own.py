"""The user's own task behind the interface of ours."""

import math
from collections.abc import Callable
from typing import Any, cast

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from failmap.datasets.array_file import number_chance
from failmap.datasets.chance import Chance
from failmap.datasets.config import OwnTaskConfig
from failmap.datasets.criterion import few_test_sequences
from failmap.datasets.errors import TaskError
from failmap.datasets.task import TEST, TRAIN, VALIDATION, Batch, Epochs, Task, hashed_seed
from failmap.run_folder.own_import import load_own

#: Attributes of a finite task: pairs of inputs and targets.
SETS = ("train", "validation", "test")
#: Share of the way from chance to perfection that counts as learned where data are finite: their labels hold
#: noise of unknown size (as for a task on a file).
_TARGET_SKILL = 0.6


class OwnTask(Task):
    """An own class that is called as `Task(**args)`.

    It states `input_size`, `output_size`, `num_steps` and `kind`, and either draws sequences,
    `draw(num, generator) -> (inputs, targets)`, or holds them as pairs of tensors in `train`, `validation`
    and `test`. Chance is that of the best constant guess on the validation set, at each labelled step, unless
    the class states `chance`; `target_metric` is optional too.

    Raises:
        TaskError: All validation targets are alike.
        UserError: The file or the class is missing, or the file cannot be imported.
    """

    config: OwnTaskConfig

    def __init__(self, config: OwnTaskConfig, device: torch.device | None = None) -> None:
        super().__init__(config, device)
        build = cast(Callable[..., Any], load_own(config.name))
        self.own = build(**config.args)
        self.input_size, self.output_size = self.own.input_size, self.own.output_size
        self.num_steps = self.own.num_steps
        self._epochs: Epochs | None = None
        if not is_generated(self.own):
            self._train = self._on_device(*self.own.train)
            self.num_train = len(self._train.inputs)
            self._epochs = Epochs(self.num_train, self.device)
        validation = self.validation_set()
        self.num_validation = len(validation.inputs)
        self.chance = measured_chance(config, validation.targets, self.output_size)
        if (stated := getattr(self.own, "chance", None)) is not None:
            self.chance = Chance(metric=float(stated), loss=self.chance.loss)
        num_test = config.test_size if self._epochs is None else len(self.own.test[0])
        self.notes = few_test_sequences(config, num_test)
        self.perfect_metric = 1.0 if config.is_larger_better else 0.0
        if (target := getattr(self.own, "target_metric", None)) is not None:
            self.target_metric = float(target)
        elif self._epochs is None:
            self.target_metric = config.target_metric(self.chance)
        else:
            self.target_metric = config.metric_at_skill(_TARGET_SKILL, self.chance)
        if config.target_kind != "category":
            trained = self.train_batch(0, 0, max(self.num_train or 0, self.num_validation), 0.0).targets
            both = torch.cat([trained.flatten(), validation.targets.flatten()]).double()
            self.target_moments = (both.mean().item(), both.std(correction=0).item())
            if config.target_kind == "number":
                self.target_range = (both.min().item(), both.max().item())

    def train_batch(self, seed: int, update: int, batch_size: int, progress: float) -> Batch:
        """Return the training batch of one update: drawn anew, or the next ones of the epochs' orders."""
        assert 0 <= progress <= 1, progress
        if self._epochs is None:
            return self._drawn(batch_size, hashed_seed(seed, TRAIN, update))
        rows = self._epochs.rows(seed, update, batch_size)
        return Batch(self._train.inputs[rows], self._train.targets[rows])

    def _held_out_set(self, stream: int) -> Batch:
        """Return the fixed sequences of VALIDATION or TEST."""
        if is_generated(self.own):
            size = self.config.validation_size if stream == VALIDATION else self.config.test_size
            return self._drawn(size, hashed_seed(0, stream, 0))
        return self._on_device(*getattr(self.own, {VALIDATION: "validation", TEST: "test"}[stream]))

    def _drawn(self, num: int, seed: int) -> Batch:
        """Return sequences of the user's generator, which is on the CPU, so that machines compare."""
        return self._on_device(*self.own.draw(num, torch.Generator().manual_seed(seed)))

    def _on_device(self, inputs: Tensor, targets: Tensor) -> Batch:
        return Batch(inputs.to(self.device), targets.to(self.device))


def is_generated(own: object) -> bool:
    """Return whether an own task draws its sequences; otherwise it holds them."""
    return hasattr(own, "draw")


def measured_chance(
    config: OwnTaskConfig, targets: Shaped[Tensor, "batch *label"], output_size: int
) -> Chance:
    """Return what the best constant guess gets at each labelled step.

    Raises:
        TaskError: All targets are alike, or some are not finite.
    """
    if not config.is_larger_better:
        return number_chance(targets)
    num_classes = output_size if config.target_kind == "category" else 2
    shares = class_shares(targets, num_classes)
    accuracy = shares.max(dim=-1).values.mean().item()
    if accuracy == 1:
        raise TaskError(f"all {targets.numel()} validation labels are of one class: nothing to tell apart")
    nats = -torch.special.xlogy(shares, shares).sum(dim=-1).mean().item()
    assert math.isfinite(nats)
    return Chance(metric=accuracy, loss=nats)


def class_shares(
    targets: Shaped[Tensor, "batch *label"], num_classes: int
) -> Float[Tensor, "*label classes"]:
    """Return the share of each class, at each labelled step."""
    classes = torch.arange(num_classes, device=targets.device)
    return (targets.long().unsqueeze(-1) == classes).double().mean(dim=0)
