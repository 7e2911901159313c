"""What remains of a run: the one answer that status, plan and live view share with the allocation."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from failmap.analysis.verdict import CellVerdict, JudgedTrial, judge
from failmap.search.allocation.needs import num_trials_left
from failmap.search.config import RunConfig
from failmap.search.space import Cell


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
        """Cells that the budget reaches and that learn or fail."""
        return sum(self.verdicts[cell].is_decided for cell in self.by_cell)

    def cost(self, costs: Mapping[Cell, float]) -> float:
        """Return the cost of what remains, given the cost of one trial of each cell."""
        total = sum(self.by_cell.values())
        share = self.num_trials / total if total else 0.0
        return share * sum(costs[cell] * num for cell, num in self.by_cell.items())


def judge_cells(
    config: RunConfig, reached: Iterable[Cell], trials: Mapping[Cell, Sequence[JudgedTrial]]
) -> dict[Cell, CellVerdict]:
    """Return the verdict on each cell that the budget reaches, then on each other cell that has trials."""
    cells = dict.fromkeys([*reached, *trials])
    return {cell: judge(trials.get(cell, ()), config.space.fail_after_recipes) for cell in cells}


def remaining(
    config: RunConfig, reached: Sequence[Cell], trials: Mapping[Cell, Sequence[JudgedTrial]]
) -> Remaining:
    """Return what remains of a run.

    Args:
        config: The run's.
        reached: The cells that the budget reaches.
        trials: Every trial of each cell that has any, interventions left out.
    """
    budget = config.budget.model_copy(update={"recipes": num_recipes(config)})
    by_cell = {cell: num_trials_left(trials.get(cell, ()), budget) for cell in reached}
    num_trials = sum(by_cell.values())
    if budget.trials is not None:
        num_unfinished = sum(trial.outcome is None for cell in reached for trial in trials.get(cell, ()))
        num_begun = sum(map(len, trials.values()))
        num_trials = min(num_trials, num_unfinished + max(budget.trials - num_begun, 0))
    return Remaining(judge_cells(config, reached, trials), by_cell, num_trials)


def num_recipes(config: RunConfig) -> int:
    """Return how many recipes each cell gets: as many as the space has, and the budget allows."""
    space, allowed = config.space, config.budget.recipes
    if config.sampler != "grid" and any(axis.is_range for axis in space.recipe_axes):
        return allowed
    return min(allowed, math.prod(len(axis.grid()) for axis in space.recipe_axes))
