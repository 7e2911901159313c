"""Plans of interventions, and changes to a trial's configuration."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from failmap.analysis.diagnosis import CONTROLS
from failmap.datasets.criterion import check_criterion
from failmap.run_folder.parsing import flatten
from failmap.run_folder.records import Intervention, TrialRecord
from failmap.search.cost import relative_cost
from failmap.search.interventions.request import Own, Session
from failmap.search.space import Cell
from failmap.search.trial.config import TrialConfig
from failmap.search.trial.train_config import OPTIMIZERS, SPECIAL_SETTINGS, OptimizerName, TrainConfig

#: New values by dotted path.
Changes = dict[str, Any]

#: Name of the step that changes nothing, for seeds without a trial.
UNCHANGED = "as_it_was"
#: The fix that starts from the weights of a trial on a shorter length.
START_SHORTER = "start_shorter"


@dataclass(frozen=True)
class WarmStart:
    """A trial of a shorter cell that learned, whose weights other trials start from.

    It is trained again with its weights kept, and learns again, as training is deterministic.

    Attributes:
        cell: Its cell.
        recipe_index: Index of its recipe in that cell.
        recipe: Values by path.
        config: Its configuration; the seed is replaced.
        seeds: Seeds that learned.
    """

    cell: Cell
    recipe_index: int
    recipe: Mapping[str, Any]
    config: TrialConfig
    seeds: tuple[int, ...]

    def seed_for(self, seed: int) -> int:
        """Return the same seed if it learned, otherwise the first one that did."""
        return seed if seed in self.seeds else self.seeds[0]


@dataclass(frozen=True)
class Step:
    """One change to a base.

    Attributes:
        name: Name of the fix, or of the ablation.
        changes: New values by dotted path, without the `model.start_from` of a warm start.
        cause: Cause that the change addresses; '' for none.
        cost: Relative cost (search.cost) of one trial that does not learn.
        warm_start: Trial that its trials start from, if any.
    """

    name: str
    changes: Changes
    cause: str
    cost: float
    warm_start: WarmStart | None = None

    @property
    def is_remedy(self) -> bool:
        """Whether the step would fix the cell, unlike controls and the unchanged base."""
        return self.name != UNCHANGED and self.name not in CONTROLS


@dataclass(frozen=True)
class Case:
    """A base, and the steps that change it.

    Attributes:
        kind: 'rescue' of a failing cell, or 'ablation' of a trial that learned.
        cell: Cell of the base.
        recipe_index: Index of its recipe in that cell.
        recipe: Values by path.
        config: Configuration of the base; the seed is replaced.
        base: See `Intervention.base`.
        intervention: The base's own intervention, if it is one: of a rescue the fix that it continues.
        steps: Steps in order, the unchanged base first.
        carried: Steps of other cells in the row, tried here once they have worked there.
        warm_start: Trial to start from; None if no shorter cell learned.
        row: Labels of the cell except the one along x.
        cause: Cause whose fixes its ladder has; '' for none.
        verdict: Cause of most of its failures, which differs from `cause` if no fix of it applies.
        reasons: Lines that explain the case to users.
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
    warm_start: WarmStart | None = None
    row: tuple[tuple[str, Any], ...] = ()
    cause: str = ""
    verdict: str = ""
    reasons: tuple[str, ...] = ()

    @property
    def on_top_of(self) -> str:
        """The fixes that the base of a rescue has already, as in `Intervention.on_top_of`; '' for none."""
        if self.kind == "ablation" or self.intervention is None:
            return ""
        return self.intervention.chain


@dataclass(frozen=True)
class Plan:
    """The cases of a session, in order.

    Attributes:
        run: Name of the run, by which a trial refers to the weights that it starts from.
        cases: All cases.
        seeds: Seeds of the pairs; the base's own trials start with the first of them, too.
        max_trials: Maximum number of interventions in the run; None for no limit.
        notes: Lines that explain to users what is not tried.
    """

    run: str
    cases: tuple[Case, ...]
    seeds: range
    max_trials: int | None = None
    notes: tuple[str, ...] = ()

    def seeds_of(self, step: Step) -> range:
        """Return the seeds on which a step is tried."""
        # With a learning rate of almost zero, all seeds give the same answer.
        return self.seeds[:1] if step.name == "zero_rate" else self.seeds


def make_plan(
    session: Session[Own], records: Iterable[TrialRecord], cases: Iterable[Case], notes: Sequence[str] = ()
) -> Plan:
    """Return the plan of a session in a run with these records."""
    max_trials = session.max_trials
    if max_trials is not None:
        max_trials += sum(record.purpose == "intervene" for record in records)
    seeds = range(session.config.seed, session.config.seed + session.arguments.seeds)
    return Plan(session.folder.name, tuple(cases), seeds, max_trials, tuple(notes))


def make_step(
    config: TrialConfig, name: str, changes: Changes, cause: str = "", warm_start: WarmStart | None = None
) -> Step:
    """Return a step that changes a configuration."""
    return Step(name, changes, cause, relative_cost(apply(config, changes)), warm_start)


def apply(config: TrialConfig, changes: Mapping[str, Any]) -> TrialConfig:
    """Return the configuration with some dotted paths set.

    Raises:
        ValidationError: The result is invalid. A ValueError of pydantic.
    """
    values = config.model_dump()
    for path, value in changes.items():
        *groups, last = path.split(".")
        group = values
        for key in groups:
            group = group[key]
        group[last] = value
    return TrialConfig.model_validate(values)


def effective_changes(config: TrialConfig, changes: Changes) -> Changes:
    """Return the changes whose values differ from the configuration's, or none if they cannot be made.

    They cannot be made if the task or network lacks one of the settings, if the changed trial is invalid, or
    if chance alone would meet its criterion.
    """
    current = dict(flatten(config.model_dump()))
    if not changes.keys() <= current.keys():
        return {}
    differing = {path: value for path, value in changes.items() if current[path] != value}
    try:
        changed = apply(config, differing)
        num_evaluations = -(-changed.train.max_updates // changed.train.evaluate_every)
        check_criterion(changed.task, num_evaluations, changed.criterion.score)
    except ValueError:
        return {}
    return differing


def has_stored_weights(config: TrialConfig) -> bool:
    """Return whether the network starts from another trial's weights, which fix its widths."""
    return getattr(config.model, "start_from", None) is not None


def new_optimizer(train: TrainConfig, name: OptimizerName, learning_rate: float) -> Changes:
    """Return the changes to another optimizer; settings that it lacks get their defaults.

    The weight decay of adamw is removed, too: it is decoupled from the gradient, and other optimizers would
    apply it as a penalty.
    """
    changes: Changes = {"train.optimizer": name, "train.learning_rate": learning_rate}
    for setting in SPECIAL_SETTINGS:
        if getattr(train, setting) and setting not in OPTIMIZERS[name].settings:
            changes[f"train.{setting}"] = TrainConfig.model_fields[setting].default
    if train.optimizer == "adamw" and train.weight_decay:
        changes["train.weight_decay"] = 0.0
    return changes


def rounded(number: float) -> float:
    """Round to six digits: 0.001 instead of 0.0009999999999999998."""
    return float(f"{number:.6g}")
