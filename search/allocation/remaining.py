"""What remains of a run, and how long it will take.

Status, plan and live view share this answer, and it agrees with the allocation.
"""

import json
import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from time import monotonic

from failmap.analysis.map.verdicts import judge_map
from failmap.analysis.next_steps import TrialsLeft
from failmap.analysis.sequential import FIRST_LOOK
from failmap.analysis.verdict import CellVerdict, JudgedTrial
from failmap.run_folder.paths import RunFolder
from failmap.run_folder.records import NO_EVIDENCE, TrialRecord
from failmap.run_folder.storage import write_atomically
from failmap.run_folder.wording import quantity
from failmap.search.allocation.goals import is_of_edge
from failmap.search.allocation.map_allocation import cells_in_order, default_cost
from failmap.search.allocation.needs import num_trials_left
from failmap.search.allocation.recipes import num_different_recipes
from failmap.search.config import RunConfig
from failmap.search.cost import relative_cost
from failmap.search.own.config import parse_trial_config
from failmap.search.space import Cell
from failmap.search.trial.config import TrialConfig


@dataclass(frozen=True)
class Remaining:
    """What a run has decided, and what it will still do under its budget if no further trial learns.

    Attributes:
        verdicts: On each cell that the budget reaches, then on each other cell that has trials.
        by_cell: Trials that run or are still to come, for each cell that the budget reaches.
        num_trials: Their number in the whole run, within the budget's limit of trials.
    """

    verdicts: Mapping[Cell, CellVerdict]
    by_cell: Mapping[Cell, int]
    num_trials: int

    @property
    def num_decided(self) -> int:
        """Cells that the budget reaches and that learn or fail by their own seeds."""
        return sum(self.verdicts[cell].is_measured for cell in self.by_cell)

    @property
    def num_inferred(self) -> int:
        """Cells that the budget reaches and that learn or fail by the surface alone."""
        return sum(self.verdicts[cell].is_inferred for cell in self.by_cell)

    @property
    def num_edge(self) -> int:
        """Cells that the budget reaches and that lie at the edge."""
        return sum(self.verdicts[cell].state == "edge" for cell in self.by_cell)

    @property
    def words(self) -> str:
        """Return '27 of 30 cells: 18 measured, 4 inferred, 5 at the edge'."""
        return decided_words(self.num_decided, len(self.by_cell), self.num_inferred, self.num_edge)

    def cost(self, costs: Mapping[Cell, float]) -> float:
        """Return the cost of what remains, given the cost of one trial of each cell."""
        total = sum(self.by_cell.values())
        share = self.num_trials / total if total else 0.0
        return share * sum(costs[cell] * num for cell, num in self.by_cell.items())


def decided_words(num_decided: int, num_cells: int, num_inferred: int, num_edge: int) -> str:
    """Return '27 of 30 cells: 18 measured, 4 inferred, 5 at the edge', or '4 of 4 cells decided'."""
    cells = quantity(num_cells, "cell")
    if num_inferred + num_edge == 0:
        return f"{num_decided} of {cells} decided"
    counts = f"{num_decided} measured, {num_inferred} inferred, {num_edge} at the edge"
    return f"{num_decided + num_inferred + num_edge} of {cells}: {counts}"


def judge_cells(
    config: RunConfig, reached: Iterable[Cell], trials: Mapping[Cell, Sequence[JudgedTrial]]
) -> dict[Cell, CellVerdict]:
    """Return the verdict on each cell that the budget reaches, then on each other cell that has trials."""
    space = config.space
    judged = judge_map(
        space.map_paths,
        [axis.labels for axis in space.map_axes],
        {cell.values: mine for cell, mine in trials.items()},
        space.fail_after_recipes,
    )
    return {cell: judged[cell.values] for cell in dict.fromkeys([*reached, *trials])}


def judged_anew(stored: RunConfig, trials: Mapping[Cell, Sequence[JudgedTrial]]) -> str | None:
    """Return a line about cells that an earlier version decided by four seeds, and this one does not.

    Args:
        stored: As the run's config.yaml has it, before a session writes it again.
        trials: Every trial of each cell that has any, interventions left out.
    """
    # The sequential rule and this setting came together, and every session writes all settings.
    if stored.space.goal == "best" or "explore_seeds" in stored.budget.model_fields_set:
        return None
    intervals = (
        [recipe.all_trials.interval for recipe in verdict.recipes]
        for verdict in judge_cells(stored, (), trials).values()
        if not verdict.is_measured
    )
    num = sum(any(one.is_above_half or one.is_below_half for one in several) for several in intervals)
    are = "is" if num == 1 else "are"
    return (
        f"{FIRST_LOOK} seeds decide now, where 4 did: {quantity(num, 'cell')} {are} judged anew"
        if num
        else None
    )


def remaining(
    config: RunConfig, reached: Sequence[Cell], trials: Mapping[Cell, Sequence[JudgedTrial]]
) -> Remaining:
    """Return what remains of a run.

    Args:
        config: The run's.
        reached: The cells that the budget reaches.
        trials: Every trial of each cell that has any, interventions left out.
    """
    budget, verdicts = config.budget, judge_cells(config, reached, trials)
    by_cell = {
        cell: num_trials_left(
            trials.get(cell, ()),
            budget.model_copy(update={"recipes": num_recipes(config, cell)}),
            config.space.fail_after_recipes,
        )
        for cell in reached
    }
    if is_of_edge(config) and budget.recipes == 1:
        # Nothing more is needed there, although an inferred cell may get seeds until it is settled.
        by_cell |= {
            cell: sum(trial.outcome is None for trial in trials.get(cell, ()))
            for cell in reached
            if verdicts[cell].is_decided
        }
    num_trials = sum(by_cell.values())
    if budget.trials is not None:
        num_unfinished = sum(trial.outcome is None for cell in reached for trial in trials.get(cell, ()))
        num_begun = sum(map(len, trials.values()))
        num_trials = min(num_trials, num_unfinished + max(budget.trials - num_begun, 0))
    return Remaining(verdicts, by_cell, num_trials)


def num_recipes(config: RunConfig, cell: Cell) -> int:
    """Return how many recipes a cell gets: as many as the space has for it, and the budget allows."""
    space, allowed = config.space, config.budget.recipes
    if config.sampler != "grid" and any(axis.values is None for axis in space.recipe_axes):
        return allowed
    return num_different_recipes(space, cell, allowed)


def trials_left_of(config: RunConfig) -> TrialsLeft:
    """Return a function that counts the trials which a run would still begin or continue if none learned."""

    def trials_left(records: Sequence[TrialRecord], limits: Mapping[str, int | None]) -> int:
        trials: dict[Cell, list[TrialRecord]] = defaultdict(list)
        for record in records:
            if record.purpose not in NO_EVIDENCE:
                trials[config.space.cell(record.cell)].append(record)
        changed = config.model_copy(update={"budget": config.budget.model_copy(update=dict(limits))})
        return remaining(changed, cells_in_order(changed), trials).num_trials

    return trials_left


class Eta:
    """Estimate when a session will end, from the cost of the work done since it began.

    Args:
        spent: Cost of the work that had been done before.
        deadline: Latest end, on the clock of time.monotonic; None for no limit.
    """

    def __init__(self, spent: float, deadline: float | None) -> None:
        self.deadline = deadline
        self.started = monotonic()
        self._spent_before = spent

    def seconds_left(self, spent: float, remaining: float) -> float | None:
        """Return the seconds until the remaining work is done or time is up, or None if unknown.

        Args:
            spent: Cost of the work done so far.
            remaining: Cost of the work that remains.
        """
        limits = [] if self.deadline is None else [max(self.deadline - monotonic(), 0.0)]
        if done := spent - self._spent_before:
            limits.append((monotonic() - self.started) * remaining / done)
        return min(limits, default=None)


def write_costs(config: RunConfig, folder: RunFolder, records: Sequence[TrialRecord]) -> None:
    """Write costs.json: seconds of a trial in every cell, from what the run's own trials took here."""
    factor = seconds_per_cost(records)
    if factor is None:
        return
    measured = _seconds_by_cell(config, records) if config.space.is_own else {}
    rows = [
        {
            "cell": cell.as_dict(),
            "seconds_per_trial": measured.get(cell, default_cost(config, cell) * factor),
        }
        for cell in config.space.cells()
    ]
    write_atomically(folder.costs, json.dumps(rows))


def _seconds_by_cell(config: RunConfig, records: Sequence[TrialRecord]) -> dict[Cell, float]:
    """Return the median seconds of the trials of each cell that has ended ones without an error."""
    seconds: dict[Cell, list[float]] = defaultdict(list)
    for record in records:
        if record.summary is not None and record.outcome not in (None, "errored"):
            seconds[config.space.cell(record.cell)].append(record.summary.seconds)
    return {cell: statistics.median(several) for cell, several in seconds.items()}


def seconds_per_cost(records: Sequence[TrialRecord]) -> float | None:
    """Return the median trial's seconds of training per unit of relative cost, or None without trials."""
    factors = []
    for record in records:
        if record.summary is not None and record.summary.updates and record.summary.outcome != "errored":
            config = parse_trial_config(record.config)
            share = 1.0
            if isinstance(config, TrialConfig):
                share = record.summary.updates / config.train.max_updates
            factors.append(record.summary.seconds / (relative_cost(config) * share))
    return statistics.median(factors) if factors else None
