"""Which trial is next where the edge of learning is wanted: the one that tells most of it per second."""

import os
from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int64

from failmap.analysis.surface.beliefs import SURE, MapSurface
from failmap.run_folder.records import Outcome, Purpose
from failmap.search.allocation.information import information_gain
from failmap.search.allocation.known_trials import KnownTrial
from failmap.search.allocation.map_allocation import MapAllocation, NextTrial, cells_in_order, default_cost
from failmap.search.config import RunConfig

#: Share of the trials that go to a random cell, whatever the surface believes.
_EXPLORED = 0.05
#: Largest share of the cost of all trials that goes to cells of which the surface is sure, to test it.
_AUDITED = 0.05
#: What a trial that learns costs of one that does not, about.
_COST_OF_LEARNED = 0.5
#: Power of a trial's cost by which what it tells is divided.
_ALPHA = float(os.environ.get("ALPHA", "0.7"))


class _Outlook(NamedTuple):
    """What is believed of all cells.

    Attributes:
        p: Mean of P(learn).
        is_sure: Whether the side of one half is sure.
        gain: What one more trial of each cell would tell.
    """

    p: Float[np.ndarray, " cells"]
    is_sure: Bool[np.ndarray, " cells"]
    gain: Float[np.ndarray, " cells"]


class BoundaryAllocation:
    """Allocate trials to the edge of learning.

    Trials of the default recipe are placed by a surface of P(learn) over the map's numeric axes, facet by
    facet, until each cell is surely on one side of the edge or has had all the seeds that the budget allows.
    Then come other recipes, for the cells that do not learn, as `MapAllocation` allocates them.
    """

    def __init__(self, config: RunConfig) -> None:
        self._config = config
        self._grid = MapAllocation(config)
        reached = set(cells_in_order(config))
        self._cells = [cell for cell in config.space.cells() if cell in reached]
        self._index = {cell: index for index, cell in enumerate(self._cells)}
        self._by_labels = {cell.values: index for cell, index in self._index.items()}
        self._trials: list[list[KnownTrial]] = [[] for _ in self._cells]
        self._cost = np.array([default_cost(config, cell) for cell in self._cells])
        facets = groupby(self._cells, key=lambda cell: cell.labels[2:])
        self._facets = [np.array([self._index[cell] for cell in cells]) for _, cells in facets]
        self._num_begun = self._next_number = 0

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
        learned, ended, running = np.array([_counts(trials) for trials in self._trials]).T
        is_full = ended + running >= self._config.budget.max_seeds
        outlook = self._outlook(learned, ended)
        for facet in self._facets:
            candidates = facet[~(outlook.is_sure | is_full)[facet]]
            if not len(candidates):
                continue
            if running.any():
                # Results that are awaited count as what is expected of them.
                outlook = self._outlook(learned + running * outlook.p, ended + running)
            return self._of_edge(facet, candidates, outlook)
        return None

    def _of_edge(
        self, facet: Int64[np.ndarray, " facet"], candidates: Int64[np.ndarray, " open"], outlook: _Outlook
    ) -> NextTrial:
        random = np.random.default_rng((self._config.seed, self._next_number))
        cost = self._cost * (1 - (1 - _COST_OF_LEARNED) * outlook.p)
        if random.random() < _EXPLORED:
            chances = 1 / cost[candidates]
            return self._trial(int(random.choice(candidates, p=chances / chances.sum())), "default")
        worth = outlook.gain[candidates] / cost[candidates] ** _ALPHA
        # Sums in another order, on another machine, must not decide between equal cells.
        return self._trial(int(candidates[np.argmax([float(f"{one:.6g}") for one in worth])]), "default")

    def _outlook(self, learned: Float[np.ndarray, " cells"], ended: Float[np.ndarray, " cells"]) -> _Outlook:
        """Return what is believed after these trials of the default recipe."""
        counts = {
            labels: (float(learned[index]), float(ended[index])) for labels, index in self._by_labels.items()
        }
        columns = zip(*self._by_labels, strict=True)
        values = [list(dict.fromkeys(column)) for column in columns]
        surface = MapSurface.fit(self._config.space.map.paths, values, counts)
        assert surface is not None, "a space with goal=map has a numeric axis"
        p, gain = np.zeros(len(self._cells)), np.zeros(len(self._cells))
        is_sure = np.ones(len(self._cells), dtype=bool)
        for cells, outlook in surface.outlooks():
            # Of a shard, the surface also has cells of others.
            mine = [place for place, cell in enumerate(cells) if cell in self._by_labels]
            indices = np.array([self._by_labels[cells[place]] for place in mine], dtype=int)
            above = outlook.prob_above[mine]
            p[indices], is_sure[indices] = outlook.p[mine], (above >= SURE) | (above <= 1 - SURE)
            if not is_sure[indices].all():
                gain[indices] = information_gain(outlook.joint, np.array(mine))
        return _Outlook(p, is_sure, gain)

    def _trial(self, cell: int, purpose: Purpose) -> NextTrial:
        space, where = self._config.space, self._cells[cell]
        recipe = space.default_recipe(where)
        num_before = sum(trial.recipe_index == 0 for trial in self._trials[cell])
        config = space.trial_config(where, recipe, self._config.seed + num_before)
        return NextTrial(where, 0, recipe, purpose, config)


def _counts(trials: Sequence[KnownTrial]) -> tuple[float, float, float]:
    """Return how many trials of the default recipe learned, have ended, and run."""
    outcomes = [trial.outcome for trial in trials if trial.recipe_index == 0]
    num_learned = outcomes.count("learned")
    return num_learned, num_learned + outcomes.count("failed"), outcomes.count(None)
