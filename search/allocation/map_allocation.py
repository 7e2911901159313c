"""Which cell, recipe and seed comes next: a function of the run's configuration and its trials so far."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from failmap.run_folder.records import Intervention, Outcome, Purpose
from failmap.search.allocation.cell_needs import Priority, TrialNote, Want, cell_need
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
        cell: where it lies on the map.
        recipe_index: 0 for the default recipe.
        recipe: values by path.
        purpose: why it is begun.
        config: what is trained, the seed included.
        intervention: what `config` has otherwise than cell and recipe say; None where nothing.
    """

    cell: Cell
    recipe_index: int
    recipe: dict[str, Any]
    purpose: Purpose
    config: TrialConfig
    intervention: Intervention | None = None

    @property
    def seed(self) -> int:
        """The trial's."""
        return self.config.seed


class Allocation(Protocol):
    """Says what to begin next, from what it was told of every trial of the run.

    What is kept between two calls follows from the trials alone: an agenda that is rebuilt from them says
    the same.
    """

    def begin(self, note: TrialNote, recipe: Mapping[str, Any]) -> None:
        """A trial has begun, now or in an earlier session. `recipe` holds labels by path."""

    def end(self, note: TrialNote, outcome: Outcome, score: float) -> None:
        """A trial has ended: its note is to say so, too."""

    def next(self) -> NextTrial | None:
        """What to begin now; None: nothing, until a trial ends."""


@dataclass
class _CellState:
    """A cell's trials by number, and the recipes they have, as labels by index."""

    notes: list[TrialNote] = field(default_factory=list)
    recipes: dict[int, Mapping[str, Any]] = field(default_factory=dict)
    #: What follows from the above; None stands for: to be worked out.
    want: Want | None = None
    job: NextTrial | None = None
    is_worked_out: bool = False


class MapAllocation:
    """What a map asks for.

    Every cell's default recipe comes first, facet by facet, cheap cells first, with the seeds that decide
    it; then other recipes for the cells that do not learn yet, in the same order; and where nothing is left
    to begin but to wait for results, the recipe after the one that is waited for. Interventions are no
    evidence of their cells, and count for nothing here.
    """

    def __init__(self, config: RunConfig, sampler: Sampler, cost: Cost) -> None:
        self._config = config
        self._sampler = sampler
        self._cells = {cell: _CellState() for cell in cells_in_order(config, cost)}
        self._elsewhere: dict[Cell, _CellState] = {}
        self._num_begun = 0

    def begin(self, note: TrialNote, recipe: Mapping[str, Any]) -> None:
        """A trial has begun. `recipe` holds labels by path."""
        if note.intervention is not None:
            return
        state = self._state(note.cell)
        state.notes.append(note)
        state.recipes.setdefault(note.recipe_index, recipe)
        state.is_worked_out = False
        self._num_begun += 1

    def end(self, note: TrialNote, outcome: Outcome, score: float) -> None:
        """A trial has ended."""
        note.outcome, note.score = outcome, score
        if note.intervention is None:
            self._state(note.cell).is_worked_out = False

    def next(self) -> NextTrial | None:
        """What to begin now; None: nothing, until a trial ends."""
        cap = self._config.budget.trials
        if cap is not None and self._num_begun >= cap:
            return None
        for urgency in Priority:
            for cell, state in self._cells.items():
                if not state.is_worked_out:
                    self._work_out(state)
                if state.want is not None and state.want.urgency is urgency:
                    if state.job is None:
                        state.job = self._job(cell, state, state.want)
                    if state.job is not None:
                        return state.job
                    state.want = None  # its recipes are exhausted
        return None

    def _state(self, cell: Cell) -> _CellState:
        """A cell's state; a resumed run may have trials in facets that it goes no further in."""
        return self._cells[cell] if cell in self._cells else self._elsewhere.setdefault(cell, _CellState())

    def _work_out(self, state: _CellState) -> None:
        state.want = cell_need(state.notes, self._config.budget)
        state.job = None
        state.is_worked_out = True

    def _job(self, cell: Cell, state: _CellState, want: Want) -> NextTrial | None:
        if want.recipe_index in state.recipes:
            recipe = self._config.space.recipe_values(state.recipes[want.recipe_index])
        else:
            proposal = self._sampler.propose(cell, self._tried(state))
            if proposal is None:
                return None
            recipe = proposal
        # Every recipe takes the same seeds in the same order, so that recipes can be compared in pairs.
        num_before = sum(note.recipe_index == want.recipe_index for note in state.notes)
        trial = self._config.space.trial_config(cell, recipe, self._config.seed + num_before)
        return NextTrial(cell, want.recipe_index, recipe, want.purpose, trial)

    def _tried(self, state: _CellState) -> list[Tried]:
        return [
            Tried(
                recipe=state.recipes[note.recipe_index],
                score=None if note.outcome in (None, "errored") else note.score,
                is_stopped=note.outcome == "censored",
            )
            for note in state.notes
        ]


def cells_in_order(config: RunConfig, cost: Cost) -> list[Cell]:
    """The cells that the budget reaches: facet by facet, in each of them the cheap ones first.

    A shard takes its share of them.
    """
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
    """The cells of a run, those that its budget does not reach included: a shard's share, or all."""
    budget = config.budget.model_copy(update={"facets": None})
    return cells_in_order(config.model_copy(update={"budget": budget}), cost)


def _facet(space: Space, cell: Cell) -> Any:
    return cell.as_dict()[space.map.facet] if space.map.facet is not None else None
