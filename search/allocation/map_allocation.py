"""Which cell, recipe and seed is next: a function of the run's configuration and its trials so far."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, Protocol

from failmap.run_folder.records import Intervention, Outcome, Purpose
from failmap.search.allocation.known_trials import KnownTrial
from failmap.search.allocation.needs import Need, Priority, cell_need
from failmap.search.config import RunConfig
from failmap.search.cost import relative_cost
from failmap.search.own.config import AnyTrialConfig
from failmap.search.samplers import SAMPLERS
from failmap.search.shards import Shard
from failmap.search.space import Cell


@dataclass(frozen=True)
class NextTrial:
    """A trial to begin.

    Attributes:
        cell: The trial's cell of the map.
        recipe_index: 0 for the default recipe.
        recipe: Values by path.
        purpose: Why the trial is begun.
        config: The complete configuration, the seed included.
        intervention: The difference of `config` from cell and recipe, if any.
        continues: The trial from whose end it begins, if any.
    """

    cell: Cell
    recipe_index: int
    recipe: dict[str, Any]
    purpose: Purpose
    config: AnyTrialConfig
    intervention: Intervention | None = None
    continues: int | None = None

    @property
    def seed(self) -> int:
        """The trial's seed."""
        return self.config.seed


class Allocation(Protocol):
    """Decide which trial is next, from every trial of the run.

    What is kept between two calls follows from the trials alone: an allocation that is rebuilt from them
    decides the same.
    """

    def begin(self, trial: KnownTrial) -> None:
        """Add a trial that has begun, now or in an earlier session."""

    def end(self, trial: KnownTrial, outcome: Outcome, score: float) -> None:
        """Record the end of a trial, also in the trial itself."""

    def next(self) -> NextTrial | None:
        """Return the next trial, or None if there is none until a trial ends."""


@dataclass
class _CellState:
    """A cell's trials by number, and its next trial, which follows from them once `is_current`."""

    trials: list[KnownTrial] = field(default_factory=list)
    need: Need | None = None
    next_trial: NextTrial | None = None
    is_current: bool = False


class MapAllocation:
    """Allocate trials to the cells of a map.

    Every cell's default recipe comes first, facet by facet, cheap cells first, with the seeds that decide it;
    then other recipes for the cells that do not learn yet, in the same order; and if there is nothing else to
    do until trials end, the recipe after the one whose result is awaited. Trials that are no evidence of
    their cells are ignored.
    """

    def __init__(self, config: RunConfig) -> None:
        self._config = config
        self._sampler = SAMPLERS[config.sampler](config.space, config.seed)
        self._cells = {cell: _CellState() for cell in cells_in_order(config)}
        self._num_begun = 0

    def begin(self, trial: KnownTrial) -> None:
        """Add a trial that has begun."""
        if not trial.is_evidence:
            return
        self._num_begun += 1
        # A resumed run may have trials in facets that its budget does not reach.
        if state := self._cells.get(trial.cell):
            state.trials.append(trial)
            state.is_current = False

    def end(self, trial: KnownTrial, outcome: Outcome, score: float) -> None:
        """Record the end of a trial."""
        trial.outcome, trial.score = outcome, score
        if trial.is_evidence and trial.cell in self._cells:
            self._cells[trial.cell].is_current = False

    def next(self) -> NextTrial | None:
        """Return the next trial, or None if there is none until a trial ends."""
        limit = self._config.budget.trials
        if limit is not None and self._num_begun >= limit:
            return None
        for priority in Priority:
            for cell, state in self._cells.items():
                if not state.is_current:
                    state.need = cell_need(
                        state.trials, self._config.budget, self._config.space.fail_after_recipes
                    )
                    state.next_trial, state.is_current = None, True
                if state.need is not None and state.need.priority is priority:
                    if state.next_trial is None:
                        state.next_trial = self.trial_for(cell, state.trials, state.need)
                    if state.next_trial is not None:
                        return state.next_trial
                    state.need = None  # The sampler has no further recipe.
        return None

    def trial_for(self, cell: Cell, trials: Sequence[KnownTrial], need: Need) -> NextTrial | None:
        """Return the trial that meets a need of a cell, or None if the sampler has no further recipe.

        Args:
            cell: The cell.
            trials: All its trials by number.
            need: What it needs.
        """
        space = self._config.space
        # Every recipe gets the same seeds in the same order, so that recipes can be compared in pairs.
        before = [trial for trial in trials if trial.recipe_index == need.recipe_index]
        if before:
            recipe = space.recipe_values(before[0].recipe)
        elif (proposal := self._sampler.propose(cell, trials)) is not None:
            recipe = proposal
        else:
            return None
        config = space.trial_config(cell, recipe, self._config.seed + len(before))
        return NextTrial(cell, need.recipe_index, recipe, need.purpose, config)


def cells_in_order(config: RunConfig) -> list[Cell]:
    """Return the cells that the budget reaches: facet by facet, cheap ones first; of a shard, its share."""

    def cost(cell: Cell) -> float:
        relative = default_cost(config, cell)
        assert math.isfinite(relative)
        # Python 3.12 adds floats more exactly than 3.11: equal costs must tie on every shard's machine.
        return float(f"{relative:.9g}")

    # Cells are listed facet by facet; their labels begin with x and y.
    facets = [list(cells) for _, cells in groupby(config.space.cells(), key=lambda cell: cell.labels[2:])]
    cells = [cell for facet in facets[: config.budget.facets] for cell in sorted(facet, key=cost)]
    return cells if config.shard is None else Shard.parse(config.shard).take(cells)


def shard_cells(config: RunConfig) -> list[Cell]:
    """Return all cells of a run, also those that its budget does not reach; of a shard, its share."""
    budget = config.budget.model_copy(update={"facets": None})
    return cells_in_order(config.model_copy(update={"budget": budget}))


def default_cost(config: RunConfig, cell: Cell) -> float:
    """Return the relative cost of a trial of a cell's default recipe that uses up its update budget."""
    space = config.space
    if config.watched:
        return 1.0  # One loop of the user's own, in one cell.
    return relative_cost(space.trial_config(cell, space.default_recipe(cell), config.seed))
