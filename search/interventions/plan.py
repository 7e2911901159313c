"""What a session of interventions tries: cells, the things changed about each, and on which seeds."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from failmap.analysis.diagnosis import CONTROLS
from failmap.datasets.criterion import check_criterion
from failmap.run_folder.parsing import flatten
from failmap.run_folder.records import Intervention
from failmap.search.space import Cell
from failmap.search.trial.config import TrialConfig
from failmap.search.trial.train_config import OPTIMIZERS, SPECIAL_SETTINGS, OptimizerName, TrainConfig

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


#: What a trial is called that changes nothing: a seed that the trials of before lack.
AS_IT_WAS = "as_it_was"
#: The fix that takes a trial of its own, which learns a shorter length first.
START_SHORTER = "start_shorter"


@dataclass(frozen=True)
class Donor:
    """A trial of a shorter cell that learned, and learns again: training is deterministic.

    Attributes:
        cell: where it lies.
        recipe_index: of its recipe there.
        recipe: values by path.
        config: what is trained, but for the seed.
        seeds: that learned.
    """

    cell: Cell
    recipe_index: int
    recipe: Mapping[str, Any]
    config: TrialConfig
    seeds: tuple[int, ...]

    def seed_for(self, seed: int) -> int:
        """The same seed if that one learned, else any."""
        return seed if seed in self.seeds else self.seeds[0]


@dataclass(frozen=True)
class Step:
    """One thing to change about a base, on several seeds.

    Attributes:
        name: of the fix, or of what is taken away.
        changes: what is set, by dotted path; where there is a donor, `model.start_from` comes to it.
        cause: what it is meant against, '' for none.
        num_seeds: at most.
        cost: of one trial that does not learn, relative (search.cost).
        donor: what its trials start from; None for no other trial.
    """

    name: str
    changes: Changes
    cause: str
    num_seeds: int
    cost: float
    donor: Donor | None = None

    @property
    def is_a_remedy(self) -> bool:
        """Whether its success would mend the cell: not where nothing is changed, nor for a control."""
        return self.name != AS_IT_WAS and self.name not in CONTROLS


@dataclass(frozen=True)
class Case:
    """A base, and what is changed about it.

    Attributes:
        kind: 'rescue' of a cell that fails, or 'ablation' of a trial that learned.
        cell: where the base lies.
        recipe_index: of its recipe there.
        recipe: values by path.
        config: of the base, but for the seed.
        base: as `Intervention.base` has it.
        intervention: where the base has more changed than cell and recipe say.
        steps: in order; the first one is the base as it was.
        carried: fixes of other cells in its row, which are tried here once they have worked there.
        donor: what could be started from; None where no shorter cell learned.
        row: the cell's labels less the one along x.
        cause: of its failures, '' where it has none.
        why: what was found of it, in lines for people.
    """

    kind: Literal["rescue", "ablation"]
    cell: Cell
    recipe_index: int
    recipe: Mapping[str, Any]
    config: TrialConfig
    base: int
    steps: tuple[Step, ...]
    carried: tuple[Step, ...] = ()
    intervention: Intervention | None = None
    donor: Donor | None = None
    row: tuple[tuple[str, Any], ...] = ()
    cause: str = ""
    why: tuple[str, ...] = ()

    def trial_config(self, changes: Mapping[str, Any], seed: int) -> TrialConfig:
        """What is trained with these changes and this seed."""
        return apply(self.config, {**changes, "seed": seed})


@dataclass(frozen=True)
class Plan:
    """What is tried, in order of the cases.

    Attributes:
        run: the run's name, by which a trial names its donor.
        cases: every base.
        seeds: that pairs are made of; the base's own trials began with the first of them, too.
        max_trials: interventions that the run may come to have; None for no limit.
        notes: what is not tried, and why, in lines for people.
    """

    run: str
    cases: tuple[Case, ...]
    seeds: range
    max_trials: int | None = None
    notes: tuple[str, ...] = ()
