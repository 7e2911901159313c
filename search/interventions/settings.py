"""Setting dotted paths of a trial's configuration, and what goes along with an optimizer."""

from collections.abc import Mapping
from typing import Any

from failmap.analysis.paths import flatten
from failmap.datasets.criterion import check_criterion
from failmap.search.trial.config import TrialConfig
from failmap.search.trial.optimizer_settings import OPTIMIZERS, SPECIAL_SETTINGS, OptimizerName
from failmap.search.trial.train_config import TrainConfig

#: What is set, by dotted path.
Changes = dict[str, Any]


def apply(config: TrialConfig, changes: Mapping[str, Any]) -> TrialConfig:
    """The configuration with some dotted paths set.

    Raises:
        ValidationError: pydantic's, a ValueError: no trial may have it so.
    """
    values = config.model_dump()
    for path, value in changes.items():
        *groups, last = path.split(".")
        group = values
        for key in groups:
            group = group[key]
        group[last] = value
    return TrialConfig.model_validate(values)


def fits(config: TrialConfig, changes: Mapping[str, Any]) -> bool:
    """Whether a trial may have it so, and chance alone does not meet its criterion."""
    try:
        changed = apply(config, changes)
        num_evaluations = -(-changed.train.max_updates // changed.train.evaluate_every)
        check_criterion(changed.task, num_evaluations, changed.criterion.score)
    except ValueError:
        return False
    return True


def only_new(config: TrialConfig, changes: Changes) -> Changes:
    """The changes less those that are so already."""
    there = dict(flatten(config.model_dump()))
    return {path: value for path, value in changes.items() if there[path] != value}


def new_optimizer(train: TrainConfig, name: OptimizerName, learning_rate: float) -> Changes:
    """Another optimizer with a rate of its own; settings that it lacks fall back to none.

    The weight decay of adamw goes, too: it is decoupled from the gradient, and as a penalty would be another.
    """
    changes: Changes = {"train.optimizer": name, "train.learning_rate": learning_rate}
    for setting in SPECIAL_SETTINGS:
        if getattr(train, setting) and setting not in OPTIMIZERS[name].settings:
            changes[f"train.{setting}"] = TrainConfig.model_fields[setting].default
    if train.optimizer == "adamw" and train.weight_decay:
        changes["train.weight_decay"] = 0.0
    return changes


def tidy(number: float) -> float:
    """A number without the noise of its last digits: 0.001, not 0.0009999999999999998."""
    return float(f"{number:.6g}")
