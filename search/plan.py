"""The plan of a run: its cells, their cost, and what the budget covers. Nothing is started."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Protocol

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from failmap.analysis.verdict import DEFAULT_RECIPE, JudgedTrial
from failmap.run_folder.records import NO_EVIDENCE
from failmap.run_folder.wording import (
    axis_labels,
    duration_display,
    in_order,
    is_scale,
    label_display,
    quantity,
)
from failmap.search.allocation.map_allocation import cells_in_order, shard_cells
from failmap.search.allocation.remaining import Remaining, num_recipes, remaining
from failmap.search.config import RunConfig
from failmap.search.cost import machine_factor, relative_cost
from failmap.search.input_checks import with_sizes_of_its_file
from failmap.search.loading.validation import shown
from failmap.search.machine import num_cpus
from failmap.search.shards import ELSEWHERE, Shard
from failmap.search.space import Axis, Cell, Space
from failmap.search.trial.config import TrialConfig
from failmap.search.tuning.plan import make_best_plan
from failmap.search.tuning.plan import summary as best_summary

#: A wider map is summarised by its lowest and highest cost, not drawn.
MAX_COLUMNS = 16


class Trial(JudgedTrial, Protocol):
    """All that a plan needs of a trial that the run has already."""

    @property
    def cell(self) -> Mapping[str, Any]:
        """The labels of its cell by path."""


@dataclass(frozen=True)
class Plan:
    """The size of a run.

    Attributes:
        seconds: Of one trial with the default recipe that does not learn, by cell, on one slot; of a shard,
            for its own cells.
        order: The cells that the budget reaches, in the order in which they are begun.
        num_covered: How many of them get the first seeds of their default recipe within the budget.
        num_recipes: Recipes of a cell, at most: as many as the space has and the budget allows.
        remaining: What the run has decided, and what it does if no further trial learns.
        num_begun: Trials that the run has already.
        num_slots: Trials at a time.
    """

    seconds: dict[Cell, float]
    order: list[Cell]
    num_covered: int
    num_recipes: int
    remaining: Remaining
    num_begun: int
    num_slots: int

    @property
    def total_seconds(self) -> float:
        """Slot-seconds of the default recipe alone, in the cells that the budget reaches, for one seed."""
        return sum(self.seconds[cell] for cell in self.order)

    @property
    def max_seconds(self) -> float:
        """Slot-seconds of all trials in the cells that the budget reaches, if none learns."""
        return sum(self.seconds[cell] * num for cell, num in self.remaining.by_cell.items())


def make_plan(config: RunConfig, factor: float, trials: Sequence[Trial] = ()) -> Plan:
    """Return the plan of a run on a machine that takes `factor` seconds for a nominal core-second.

    Args:
        config: The run's.
        factor: Of the machine.
        trials: Those that the run has already; interventions are ignored.
    """
    space, budget = config.space, config.budget
    own, seconds = set(shard_cells(config)), {}
    for cell in filter(own.__contains__, space.cells()):
        default = space.trial_config(cell, space.default_recipe(cell), config.seed)
        sized = with_sizes_of_its_file(default) if isinstance(default, TrialConfig) else default
        seconds[cell] = factor * relative_cost(sized)
    order = cells_in_order(config)
    slots = num_slots(config)
    by_cell: dict[Cell, list[Trial]] = defaultdict(list)
    for trial in trials:
        if trial.purpose not in NO_EVIDENCE:
            by_cell[space.cell(trial.cell)].append(trial)
    num_begun = sum(map(len, by_cell.values()))
    covered, spent, begun = 0, 0.0, num_begun
    for cell in order:
        num_default = sum(trial.recipe_index == DEFAULT_RECIPE for trial in by_cell.get(cell, ()))
        missing = max(budget.seeds - num_default, 0)
        spent += missing * seconds[cell] / slots
        begun += missing
        if spent > 60 * (budget.minutes or math.inf) or begun > (budget.trials or math.inf):
            break
        covered += 1
    most = max((num_recipes(config, cell) for cell in order), default=1)
    return Plan(seconds, order, covered, most, remaining(config, order, by_cell), num_begun, slots)


def num_slots(config: RunConfig) -> int:
    """Return how many trials run at a time on the CPUs of this machine."""
    return max(1, (config.cluster.cpus or num_cpus()) // config.cluster.cpus_per_trial)


def show_plan(
    config: RunConfig, console: Console, trials: Sequence[Trial] = (), factor: float | None = None
) -> None:
    """Print the plan of a run, or of what is left of one that has trials.

    Unless `factor` is given, train for a second to measure this machine.
    """
    heading = Text(f"{config.run}: {config.space.question}", style="bold")
    if config.space.objectives:
        if factor is None:
            # What an own function costs is not known, and its plan does not say it.
            factor = 1.0 if config.space.is_own else machine_factor()
        best = make_best_plan(config, factor, num_slots(config), len(trials))
        console.print(Group(heading, _axes_table(config.space), Text(best_summary(config, best))))
        return
    if config.space.is_own:
        summary = Text(_own_summary(config, make_plan(config, 1.0, trials)))
        console.print(Group(heading, _axes_table(config.space), summary))
        return
    plan = make_plan(config, machine_factor() if factor is None else factor, trials)
    tables = (_axes_table(config.space), *_cost_tables(config, plan))
    console.print(Group(heading, *tables, Text(_summary(config, plan))))


def _axes_table(space: Space) -> Table:
    if space.map is None:
        table = Table("axis", "values, the default first")
        for axis in space.axes:
            table.add_row(axis.path, _values(axis))
        return table
    table = Table("axis", "on the map", "values, the default first")
    roles: dict[str, Any] = {path: role for role, path in space.map_roles.items()}
    for axis in space.axes:
        table.add_row(axis.path, roles.get(axis.path, "recipe"), _values(axis))
    return table


def _values(axis: Axis) -> str:
    if axis.values is None:
        scale = ", logarithmic" * axis.log + ", whole numbers" * axis.integer
        text = f"{shown(axis.default)}, {shown(axis.low)} to {shown(axis.high)}{scale}"
    else:
        texts = (label_display(axis.path, value) if axis.is_joint else shown(value) for value in axis.grid())
        text = ("; " if axis.is_joint else ", ").join(texts)
    when = " and ".join(f"{path} is {shown(wanted)}" for path, wanted in axis.when.items())
    return f"{text} (when {when})" if when else text


def _cost_tables(config: RunConfig, plan: Plan) -> list[RenderableType]:
    """Return a table of seconds for each facet with cells of the run; a star marks what the budget covers."""
    x, y, *_ = config.space.map_axes
    x_labels, y_labels = in_order(x.labels), in_order(y.labels)
    rows = list(zip(y_labels, axis_labels(y.path, y_labels), strict=True))
    covered = set(plan.order[: plan.num_covered])
    elsewhere = f"; {ELSEWHERE}: in another shard" if config.shard else ""
    tables: list[RenderableType] = []
    # Cells are listed facet by facet, and their labels begin with x and y.
    for facet, group in groupby(plan.seconds, key=lambda cell: cell.labels[2:]):
        where = "".join(f", {path}={label_display(path, label)}" for path, label in facet)
        title = f"cost of one trial that does not learn{where}; *: the budget covers the cell{elsewhere}"
        cells = {tuple(label for _, label in cell.labels[:2]): cell for cell in group}
        if len(x.labels) > MAX_COLUMNS:
            costs = [plan.seconds[cell] for cell in cells.values()]
            tables.append(Text(f"{title}: {duration_display(min(costs))} to {duration_display(max(costs))}"))
            continue
        table = Table(f"{_short(y)} \\ {_short(x)}", *axis_labels(x.path, x_labels))
        for y_label, row in reversed(rows) if is_scale(y.labels) else rows:
            table.add_row(
                row,
                *(
                    duration_display(plan.seconds[cell]) + " *" * (cell in covered)
                    if (cell := cells.get((x_label, y_label)))
                    else ELSEWHERE
                    for x_label in x_labels
                ),
            )
        tables += [Text(title), table]
    return tables


def _short(axis: Axis) -> str:
    return axis.path.removesuffix(".name").rpartition(".")[2]


def _own_summary(config: RunConfig, plan: Plan) -> str:
    """Return the size of a run of an own training function, whose cost nobody knows beforehand."""
    budget, rest = config.budget, plan.remaining
    limit = "without a time limit" if budget.minutes is None else f"in {shown(budget.minutes)} minutes"
    return "\n".join(
        [
            f"{quantity(len(plan.seconds), 'cell')}, of which budget={budget.name} reaches "
            f"{len(plan.order)}; {quantity(rest.num_trials, 'trial')} left at most, {limit}, on "
            f"{plan.num_slots} slots.",
            "What a trial of your own function costs is learned from the first ones.",
            "Nothing was started. Leave plan=true out to begin.",
        ]
    )


def _summary(config: RunConfig, plan: Plan) -> str:
    budget = config.budget
    num_cells, num_reached = len(plan.seconds), len(plan.order)
    limit = "without a time limit" if budget.minutes is None else f"in {shown(budget.minutes)} minutes"
    left = duration_display(plan.max_seconds / plan.num_slots)
    whole = plan.total_seconds * budget.seeds
    shard = f"{Shard.parse(config.shard).text}: " if config.shard else ""
    return "\n".join(
        [
            f"{shard}{num_cells} cell{'s' * (num_cells != 1)}, of which budget={budget.name} reaches "
            f"{num_reached}; in each of them {plan.num_recipes} recipe{'s' * (plan.num_recipes > 1)} "
            f"x {budget.seeds} to {max(budget.seeds, budget.max_seeds)} seeds.",
            f"{quantity(plan.num_begun, 'trial')} begun, {plan.remaining.words}. If "
            f"nothing else learned, {quantity(plan.remaining.num_trials, 'trial')} would be left, {left} on "
            f"{plan.num_slots} slots."
            if plan.num_begun
            else "If nothing learned, the default recipe would take "
            f"{duration_display(whole / plan.num_slots)} on {plan.num_slots} slots, all recipes {left}; "
            "trials that learn end earlier.",
            f"The budget covers at least {plan.num_covered} of {num_reached} cells {limit}.",
            "Nothing was started. Leave plan=true out to begin.",
        ]
    )
