"""The allocation of goal=map: the next trial is the most informative one about the edge, for its cost."""

from itertools import groupby
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int64

from failmap.analysis.surface import SURE, MapSurface
from failmap.analysis.surface.beliefs import CellValues
from failmap.analysis.surface.threads import one_thread
from failmap.analysis.verdict import DEFAULT_RECIPE, tally_recipes
from failmap.run_folder.records import Outcome, Purpose
from failmap.search.allocation.cell_counts import CellCounts, Counts
from failmap.search.allocation.information import SETTLED, information_gain
from failmap.search.allocation.known_trials import KnownTrial
from failmap.search.allocation.map_allocation import MapAllocation, NextTrial, cells_in_order, default_cost
from failmap.search.allocation.needs import Need, Priority, recipe_need
from failmap.search.config import RunConfig

#: Share of the trials that go to a random open cell.
_EXPLORED = 0.05
#: Largest share of the cost of all trials that goes to cells that are inferred, to test the surface.
_AUDITED = 0.05
#: What a trial that learns costs of one that does not, about.
_COST_OF_LEARNED = 0.5
#: Information is divided by this power of a trial's cost. With 1, expensive cells come too late, although
#: they inform about the cheap ones around them.
_COST_POWER = 0.7


class _Outlook(NamedTuple):
    """What is believed of all cells, by index.

    Attributes:
        surface: P(learn) of the default recipe, by the trials that have ended.
        p: Mean of P(learn).
        prob_above: Probability that P(learn) is above one half.
    """

    surface: MapSurface
    p: Float[np.ndarray, " cells"]
    prob_above: Float[np.ndarray, " cells"]

    def is_sure(self, enough: float) -> Bool[np.ndarray, " cells"]:
        """Return whether a side of one half has enough probability."""
        sure: Bool[np.ndarray, " cells"] = np.maximum(self.prob_above, 1 - self.prob_above) >= enough
        return sure


class BoundaryAllocation:
    """Allocate trials to the edge of learning.

    Trials of the default recipe are placed by a surface of P(learn) over the map's numeric axes, facet by
    facet, until the side of each cell is settled or it has had all the seeds that the budget allows.
    Some go to random cells, and some to cells that are inferred, to test that (`audit`). Then come other
    recipes, for the cells that do not learn. Trials that are no evidence of their cells are ignored.
    """

    def __init__(self, config: RunConfig) -> None:
        self._config = config
        self._order = cells_in_order(config)
        reached = set(self._order)
        self._cells = [cell for cell in config.space.cells() if cell in reached]
        self._by_values = {cell.values: index for index, cell in enumerate(self._cells)}
        self._trials = CellCounts(len(self._cells))
        self._cost = np.array([default_cost(config, cell) for cell in self._cells])
        facets = groupby(range(len(self._cells)), key=lambda index: self._cells[index].values[2:])
        self._facets = [np.array(list(indices)) for _, indices in facets]
        self._trial_for = MapAllocation(config).trial_for
        self._num_begun = self._next_number = 0

    def begin(self, trial: KnownTrial) -> None:
        """Add a trial that has begun."""
        self._next_number = max(self._next_number, trial.number + 1)
        if not trial.is_evidence:
            return
        self._num_begun += 1
        # A resumed run may have trials in facets that its budget does not reach.
        if (index := self._by_values.get(trial.cell.values)) is not None:
            self._trials.add(index, trial)

    def end(self, trial: KnownTrial, outcome: Outcome, score: float) -> None:
        """Record the end of a trial, in the trial itself."""
        trial.outcome, trial.score = outcome, score
        if trial.is_evidence and (index := self._by_values.get(trial.cell.values)) is not None:
            self._trials.change(index)

    def next(self) -> NextTrial | None:
        """Return the next trial, or None if there is none until a trial ends."""
        limit = self._config.budget.trials
        if limit is not None and self._num_begun >= limit:
            return None
        counts = self._trials.counts()
        is_full = self._is_full(counts)
        outlook = self._outlook(counts)
        random = np.random.default_rng((self._config.seed, self._next_number))
        for facet in self._facets:
            unsettled = facet[~outlook.is_sure(SETTLED)[facet]]
            if not is_full[unsettled].all():
                if (audited := self._audited(outlook, counts)) is not None:
                    return self._seed(audited, "audit")
                surface = outlook.surface
                if counts.running.any():
                    # Results that are awaited count as what is expected of them.
                    learned = counts.learned + counts.running * outlook.p
                    with one_thread():
                        surface = surface.refit(self._by_cell(learned, counts.ended + counts.running))
                candidates = unsettled[~is_full[unsettled]]
                worth = self._gain(surface, unsettled) / self._expected_cost(outlook) ** _COST_POWER
                chosen = self._choose(candidates, worth, outlook, random)
                return self._seed(chosen, "default")
        return None if counts.running.any() else self._next_recipe(outlook)

    def _choose(
        self,
        candidates: Int64[np.ndarray, " open"],
        worth: Float[np.ndarray, " cells"],
        outlook: _Outlook,
        random: np.random.Generator,
    ) -> int:
        """Return the candidate that is worth most, and sometimes a random one."""
        if random.random() < _EXPLORED:
            cheapness = 1 / self._expected_cost(outlook)[candidates]
            return int(random.choice(candidates, p=cheapness / cheapness.sum()))
        # Sums in another order, on another machine, must not decide between equal cells.
        return int(candidates[np.argmax([float(f"{one:.6g}") for one in worth[candidates]])])

    def _gain(self, surface: MapSurface, cells: Int64[np.ndarray, " some"]) -> Float[np.ndarray, " cells"]:
        """Return the information about the sides of some cells that a trial of each of them gives.

        The others give none here, and none about them is expected.
        """
        gain: Float[np.ndarray, " cells"] = np.zeros(len(self._cells))
        with one_thread():
            for part, joint in surface.joints([self._cells[index].values for index in cells]):
                gain[cells[part]] = information_gain(joint)
        return gain

    def _audited(self, outlook: _Outlook, counts: Counts) -> int | None:
        """Return an inferred cell to test the surface by, or None while that would cost too much.

        The cell is drawn before its cost is looked at, so that not only cheap ones are tested.
        """
        inferred = np.flatnonzero(outlook.is_sure(SURE) & (counts.total == 0))
        if not len(inferred):
            return None
        cost = self._expected_cost(outlook)
        draw = np.random.default_rng((self._config.seed, int(counts.audits.sum())))
        # Cells leave the list as the search goes on: ranks that are drawn for all keep the choice.
        chosen = inferred[np.argmin(draw.random(len(self._cells))[inferred])]
        spent = counts.audits @ cost + cost[chosen]
        return int(chosen) if spent <= _AUDITED * (counts.total @ cost) else None

    def _next_recipe(self, outlook: _Outlook) -> NextTrial | None:
        """Return a trial of another recipe for a cell that does not learn, cheap cells first.

        A cell that was only inferred to fail is tried by the default recipe first.
        """
        budget, space = self._config.budget, self._config.space
        if budget.recipes == 1:
            return None
        for cell in self._order:
            index = self._by_values[cell.values]
            trials = self._trials[index]
            default = next((one for one in tally_recipes(trials) if one.recipe_index == DEFAULT_RECIPE), None)
            if outlook.prob_above[index] >= SURE or (default is not None and default.side == "above"):
                continue
            if default is None:
                return self._seed(index, "default")
            need = recipe_need(trials, budget, space.fail_after_recipes)
            if need is not None and (found := self._trial_for(cell, trials, need)) is not None:
                return found
        return None

    def _outlook(self, counts: Counts) -> _Outlook:
        """Return what is believed after the trials of the default recipe."""
        values = [list(dict.fromkeys(column)) for column in zip(*self._by_values, strict=True)]
        known = self._by_cell(counts.learned, counts.ended)
        with one_thread():
            surface = MapSurface.fit(self._config.space.map_paths, values, known)
            assert surface is not None, "a space with goal=map has a numeric axis"
            p, prob_above = surface.sides(list(self._by_values))
        return _Outlook(surface, p, prob_above)

    def _by_cell(
        self, learned: Float[np.ndarray, " cells"], trials: Float[np.ndarray, " cells"]
    ) -> dict[CellValues, tuple[float, float]]:
        return dict(zip(self._by_values, zip(learned, trials, strict=True), strict=True))

    def _expected_cost(self, outlook: _Outlook) -> Float[np.ndarray, " cells"]:
        cost: Float[np.ndarray, " cells"] = self._cost * (1 - (1 - _COST_OF_LEARNED) * outlook.p)
        return cost

    def _is_full(self, counts: Counts) -> Bool[np.ndarray, " cells"]:
        """Return whether cells have all seeds of the default recipe; a few that errored are replaced."""
        limit = max(self._config.budget.seeds, self._config.budget.max_seeds)
        is_full: Bool[np.ndarray, " cells"] = counts.begun - np.minimum(counts.errored, limit) >= limit
        return is_full

    def _seed(self, cell: int, purpose: Purpose) -> NextTrial:
        """Return the next seed of a cell's default recipe."""
        need = Need(DEFAULT_RECIPE, purpose, Priority.DEFAULT)
        found = self._trial_for(self._cells[cell], self._trials[cell], need)
        assert found is not None, "the default recipe is always there"
        return found
