"""Which cell, recipe and seed is next: a function of the run's configuration and its trials so far."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from failmap.run_folder.records import Intervention, Outcome, Purpose
from failmap.search.allocation.needs import KnownTrial, Need, Priority, cell_need
from failmap.search.config import RunConfig
from failmap.search.samplers import Sampler, Tried
from failmap.search.shards import Shard
from failmap.search.space import Cell, Space
from failmap.search.trial.config import TrialConfig

Cost = Callable[[TrialConfig], float]


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
    """

    cell: Cell
    recipe_index: int
    recipe: dict[str, Any]
    purpose: Purpose
    config: TrialConfig
    intervention: Intervention | None = None

    @property
    def seed(self) -> int:
        """The trial's seed."""
        return self.config.seed


class Allocation(Protocol):
    """Decide which trial is next, from every trial of the run.

    What is kept between two calls follows from the trials alone: an allocation that is rebuilt from them
    decides the same.
    """

    def begin(self, trial: KnownTrial, recipe: Mapping[str, Any]) -> None:
        """Add a trial that has begun, now or in an earlier session. `recipe` holds labels by path."""

    def end(self, trial: KnownTrial, outcome: Outcome, score: float) -> None:
        """Record the end of a trial, also in the trial itself."""

    def next(self) -> NextTrial | None:
        """Return the next trial, or None if there is none until a trial ends."""


@dataclass
class _CellState:
    """A cell's trials by number, and its recipes as labels by index."""

    trials: list[KnownTrial] = field(default_factory=list)
    recipes: dict[int, Mapping[str, Any]] = field(default_factory=dict)
    #: Both follow from the above, once `is_current`.
    need: Need | None = None
    next_trial: NextTrial | None = None
    is_current: bool = False


class MapAllocation:
    """Allocate trials to the cells of a map.

    Every cell's default recipe comes first, facet by facet, cheap cells first, with the seeds that decide it;
    then other recipes for the cells that do not learn yet, in the same order; and if there is nothing else to
    do until trials end, the recipe after the one whose result is awaited. Interventions are no evidence of
    their cells, and are ignored.
    """

    def __init__(self, config: RunConfig, sampler: Sampler, cost: Cost) -> None:
        self._config = config
        self._sampler = sampler
        self._cells = {cell: _CellState() for cell in cells_in_order(config, cost)}
        self._elsewhere: dict[Cell, _CellState] = {}
        self._num_begun = 0

    def begin(self, trial: KnownTrial, recipe: Mapping[str, Any]) -> None:
        """Add a trial that has begun. `recipe` holds labels by path."""
        if trial.intervention is not None:
            return
        state = self._state(trial.cell)
        state.trials.append(trial)
        state.recipes.setdefault(trial.recipe_index, recipe)
        state.is_current = False
        self._num_begun += 1

    def end(self, trial: KnownTrial, outcome: Outcome, score: float) -> None:
        """Record the end of a trial."""
        trial.outcome, trial.score = outcome, score
        if trial.intervention is None:
            self._state(trial.cell).is_current = False

    def next(self) -> NextTrial | None:
        """Return the next trial, or None if there is none until a trial ends."""
        limit = self._config.budget.trials
        if limit is not None and self._num_begun >= limit:
            return None
        for priority in Priority:
            for cell, state in self._cells.items():
                if not state.is_current:
                    state.need = cell_need(state.trials, self._config.budget)
                    state.next_trial, state.is_current = None, True
                if state.need is not None and state.need.priority is priority:
                    if state.next_trial is None:
                        state.next_trial = self._next_trial(cell, state, state.need)
                    if state.next_trial is not None:
                        return state.next_trial
                    state.need = None  # The sampler has no further recipe.
        return None

    def _state(self, cell: Cell) -> _CellState:
        """Return a cell's state. A resumed run may have trials in facets that its budget does not reach."""
        return self._cells[cell] if cell in self._cells else self._elsewhere.setdefault(cell, _CellState())

    def _next_trial(self, cell: Cell, state: _CellState, need: Need) -> NextTrial | None:
        if need.recipe_index in state.recipes:
            recipe = self._config.space.recipe_values(state.recipes[need.recipe_index])
        else:
            proposal = self._sampler.propose(cell, self._tried(state))
            if proposal is None:
                return None
            recipe = proposal
        # Every recipe gets the same seeds in the same order, so that recipes can be compared in pairs.
        num_before = sum(trial.recipe_index == need.recipe_index for trial in state.trials)
        config = self._config.space.trial_config(cell, recipe, self._config.seed + num_before)
        return NextTrial(cell, need.recipe_index, recipe, need.purpose, config)

    def _tried(self, state: _CellState) -> list[Tried]:
        return [
            Tried(
                recipe=state.recipes[trial.recipe_index],
                score=None if trial.outcome in (None, "errored") else trial.score,
                is_stopped=trial.outcome == "censored",
            )
            for trial in state.trials
        ]


def cells_in_order(config: RunConfig, cost: Cost) -> list[Cell]:
    """Return the cells that the budget reaches: facet by facet, cheap ones first; of a shard, its share."""
    facets: dict[Any, list[Cell]] = {}
    for cell in config.space.cells():
        facets.setdefault(_facet(config.space, cell), []).append(cell)

    def cost_of(cell: Cell) -> float:
        relative = cost(config.space.trial_config(cell, config.space.default_recipe(cell), config.seed))
        assert math.isfinite(relative)
        # Python 3.12 adds floats more exactly than 3.11: equal costs must tie on every shard's machine.
        return float(f"{relative:.9g}")

    reached = list(facets.values())[: config.budget.facets]
    cells = [cell for facet in reached for cell in sorted(facet, key=cost_of)]
    return cells if config.shard is None else Shard.parse(config.shard).take(cells)


def shard_cells(config: RunConfig, cost: Cost) -> list[Cell]:
    """Return all cells of a run, also those that its budget does not reach; of a shard, its share."""
    budget = config.budget.model_copy(update={"facets": None})
    return cells_in_order(config.model_copy(update={"budget": budget}), cost)


def _facet(space: Space, cell: Cell) -> Any:
    return cell.as_dict()[space.map.facet] if space.map.facet is not None else None
