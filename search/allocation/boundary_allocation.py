"""Which trial is next where the edge of learning is wanted: the one that tells most of it per second."""

from collections.abc import Sequence
from itertools import groupby

import numpy as np

from failmap.analysis.surface.map_surface import MapSurface
from failmap.run_folder.records import Outcome, Purpose
from failmap.search.allocation.information import information_gain
from failmap.search.allocation.known_trials import KnownTrial
from failmap.search.allocation.map_allocation import (
    MapAllocation,
    NextTrial,
    cells_in_order,
    default_cost,
)
from failmap.search.config import RunConfig

#: Share of the trials that go to a random cell, whatever the surface believes.
_EXPLORED = 0.05
#: Largest share of the cost of all trials that goes to cells of which the surface is sure, to test it.
_AUDITED = 0.05
#: A trial that learns costs about this share of one that does not.
_SHARE_OF_LEARNED = 0.5


class BoundaryAllocation:
    """Allocate trials to the edge of learning.

    Trials of the default recipe are placed by a surface of P(learn) over the map's numeric axes, facet by
    facet, until each cell is on one side of the edge, by its own seeds or for sure by the surface, or has had
    all seeds that the budget allows.
    """

    def __init__(self, config: RunConfig) -> None:
        self._config = config
        self._grid = MapAllocation(config)
        order = cells_in_order(config)
        self._cells = sorted(order, key=list(config.space.cells()).index)
        self._index = {cell: index for index, cell in enumerate(self._cells)}
        self._trials: list[list[KnownTrial]] = [[] for _ in self._cells]
        self._cost = np.array([default_cost(config, cell) for cell in self._cells])
        facets = groupby(self._cells, key=lambda cell: cell.labels[2:])
        self._facets = [np.array([self._index[cell] for cell in cells]) for _, cells in facets]
        self._num_begun = 0
        self._next_number = 0

    def begin(self, trial: KnownTrial) -> None:
        """Add a trial that has begun."""
        self._grid.begin(trial)
        self._next_number = max(self._next_number, trial.number + 1)
        if trial.intervention is not None:
            return
        self._num_begun += 1
        if trial.cell in self._index:
            self._trials[self._index[trial.cell]].append(trial)

    def end(self, trial: KnownTrial, outcome: Outcome, score: float) -> None:
        """Record the end of a trial, in the trial itself."""
        self._grid.end(trial, outcome, score)

    def next(self) -> NextTrial | None:
        """Return the next trial, or None if there is none until a trial ends."""
        limit = self._config.budget.trials
        if limit is not None and self._num_begun >= limit:
            return None
        for facet in self._facets:
            if (found := self._of_edge(facet)) is not None:
                return found
        return None

    def _of_edge(self, facet: Sequence[int]) -> NextTrial | None:
        counts = np.array([self._counts(trials) for trials in self._trials])
        learned, ended, running = counts.T
        cells = [tuple(label for _, label in cell.labels) for cell in self._cells]
        paths = self._config.space.map.paths
        surface = MapSurface.fit(paths, cells, learned, ended)
        assert surface is not None, "goal=map needs a numeric axis"
        is_full = ended + running >= self._config.budget.max_seeds
        is_open = np.array([surface.side(cell) is None for cell in range(len(cells))]) & ~is_full
        if not is_open[facet].any():
            return None
        if running.any():
            # Results that are awaited count as what is expected of them.
            surface = MapSurface.fit(paths, cells, learned + running * surface.beliefs.p, ended + running)
            assert surface is not None
        candidates = facet[~is_full[facet]]
        random = np.random.default_rng((self._config.seed, self._next_number))
        cost = self._cost * (1 - (1 - _SHARE_OF_LEARNED) * surface.beliefs.p)
        if random.random() < _EXPLORED:
            chances = 1 / cost[candidates]
            return self._trial(int(random.choice(candidates, p=chances / chances.sum())), "default")
        mine, joint = surface.joint(int(candidates[0]))
        place = {int(cell): position for position, cell in enumerate(mine)}
        gain = information_gain(joint, np.array([place[int(cell)] for cell in candidates]))
        worth = gain / cost[candidates]
        # Sums in another order, on another machine, must not decide between equal cells.
        return self._trial(int(candidates[np.argmax([float(f"{one:.6g}") for one in worth])]), "default")

    def _trial(self, cell: int, purpose: Purpose) -> NextTrial:
        space, where = self._config.space, self._cells[cell]
        recipe = space.default_recipe(where)
        before = sum(trial.recipe_index == 0 for trial in self._trials[cell])
        config = space.trial_config(where, recipe, self._config.seed + before)
        return NextTrial(where, 0, recipe, purpose, config)

    @staticmethod
    def _counts(trials: Sequence[KnownTrial]) -> tuple[float, float, float]:
        """Return how many trials of the default recipe learned, have ended, and run."""
        outcomes = [trial.outcome for trial in trials if trial.recipe_index == 0]
        learned = outcomes.count("learned")
        return learned, learned + outcomes.count("failed"), outcomes.count(None)
