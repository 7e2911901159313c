"""The orders of trials that are compared, all behind the study's protocol of an allocation."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import cached_property, partial
from typing import NamedTuple

import numpy as np
import optuna
from jaxtyping import Float
from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution
from optuna.samplers import BaseSampler, GPSampler, TPESampler
from scipy.stats import qmc

from failmap.run_folder.records import Outcome
from failmap.run_folder.wording import is_scale
from failmap.search.allocation.boundary_allocation import BoundaryAllocation
from failmap.search.allocation.known_trials import KnownTrial
from failmap.search.allocation.map_allocation import Allocation, MapAllocation, NextTrial, cells_in_order
from failmap.search.allocation.remaining import judge_cells
from failmap.search.config import RunConfig
from failmap.search.space import Cell

#: Points of a Sobol' sequence, after which it begins anew; a power of two.
_NUM_POINTS = 1024


class Method(NamedTuple):
    """A way to search.

    Attributes:
        allocate: Returns what decides which trial is next.
        infers: Whether a cell's neighbours may decide it, or its own seeds alone.
        stops: Whether hopeless trials are stopped.
    """

    allocate: Callable[[RunConfig], Allocation]
    infers: bool = True
    stops: bool = False


class OpenCells(ABC):
    """One more seed of the default recipe, in a cell that is neither decided nor has all seeds of the budget.

    So all of these stop alike, and only the order in which open cells get their seeds differs.
    """

    def __init__(self, config: RunConfig) -> None:
        self.config = config
        self.trials: dict[Cell, list[KnownTrial]] = {cell: [] for cell in cells_in_order(config)}
        self.num_begun = 0
        self._undecided: list[Cell] | None = None

    @abstractmethod
    def choose(self, cells: Sequence[Cell], random: np.random.Generator) -> Cell:
        """Return one of the open cells, which are in the grid's order, the cheapest first."""

    def begin(self, trial: KnownTrial) -> None:
        """Add a trial that has begun."""
        self.trials[trial.cell].append(trial)
        self.num_begun += 1

    def end(self, trial: KnownTrial, outcome: Outcome, score: float) -> None:
        """Record the end of a trial."""
        trial.outcome, trial.score = outcome, score
        self._undecided = None

    def next(self) -> NextTrial | None:
        """Return the next trial, or None if no cell is open."""
        if self._undecided is None:
            begun = {cell: trials for cell, trials in self.trials.items() if trials}
            verdicts = judge_cells(self.config, self.trials, begun)
            self._undecided = [cell for cell in self.trials if not verdicts[cell].is_decided]
        most = self.config.budget.most_seeds
        cells = [cell for cell in self._undecided if len(self.trials[cell]) < most]
        if not cells:
            return None
        cell = self.choose(cells, np.random.default_rng((self.config.seed, self.num_begun)))
        recipe = self.config.space.default_recipe(cell)
        config = self.config.space.trial_config(cell, recipe, self.config.seed + len(self.trials[cell]))
        return NextTrial(cell, 0, recipe, "default", config)

    def nearest(self, cells: Sequence[Cell], indices: Sequence[int]) -> Cell:
        """Return the open cell the fewest steps along the axes away; the cheapest of several."""

        def steps(cell: Cell) -> int:
            return sum(abs(mine - other) for mine, other in zip(self.indices(cell), indices, strict=True))

        return min(cells, key=steps)

    def indices(self, cell: Cell) -> list[int]:
        """Return the place of a cell on each of the map's axes."""
        return [labels.index(label) for labels, label in zip(self.labels, cell.values, strict=True)]

    @cached_property
    def labels(self) -> list[list[object]]:
        """The labels of the map's axes, in the order of its paths."""
        return [axis.labels for axis in self.config.space.map_axes]


class GridOrder(OpenCells):
    """The first open cell, so that each gets all its seeds before the next one."""

    def choose(self, cells: Sequence[Cell], random: np.random.Generator) -> Cell:
        """Return the cheapest cell."""
        return cells[0]


class RandomOrder(OpenCells):
    """Any open cell."""

    def choose(self, cells: Sequence[Cell], random: np.random.Generator) -> Cell:
        """Return each cell with the same probability."""
        return cells[random.integers(len(cells))]


class SobolOrder(OpenCells):
    """The open cell nearest to the next point of a scrambled Sobol' sequence over the map."""

    def choose(self, cells: Sequence[Cell], random: np.random.Generator) -> Cell:
        """Return the cell nearest to the point that belongs to this number of trials."""
        point = self._points[self.num_begun % _NUM_POINTS]
        indices = [int(u * len(labels)) for u, labels in zip(point, self.labels, strict=True)]
        return self.nearest(cells, indices)

    @cached_property
    def _points(self) -> Float[np.ndarray, "points axes"]:
        engine = qmc.Sobol(len(self.labels), seed=self.config.seed)
        points: Float[np.ndarray, "points axes"] = engine.random(_NUM_POINTS)
        return points


class OptunaAtEdge(OpenCells):
    """The open cell nearest to the proposal of a sampler of Optuna that minimises |p - 1/2|.

    The sampler is asked anew for each trial. It is told one finished trial for every cell that has results:
    with the cell's indices as parameters (integers; the label where an axis has categories), and |p - 1/2|
    as value, where p = (k + 1/2) / (n + 1) after k of n seeds learned. Its own random start lasts for as many
    cells as its default says (10). Decided cells remain among its trials, with the value that they have.
    """

    def __init__(self, config: RunConfig, make_sampler: Callable[[int], BaseSampler]) -> None:
        super().__init__(config)
        self._make_sampler = make_sampler
        self._distributions: dict[str, BaseDistribution] = {
            path: IntDistribution(0, len(labels) - 1) if is_scale(labels) else CategoricalDistribution(labels)
            for path, labels in zip(config.space.map_paths, self.labels, strict=True)
        }

    def choose(self, cells: Sequence[Cell], random: np.random.Generator) -> Cell:
        """Return the cell nearest to the proposal."""
        study = optuna.create_study(sampler=self._make_sampler(int(random.integers(2**31))))
        study.add_trials([trial for cell in self.trials if (trial := self._observed(cell)) is not None])
        proposed = study.ask(self._distributions).params
        return self.nearest(
            cells,
            [
                value if isinstance(self._distributions[path], IntDistribution) else labels.index(value)
                for (path, value), labels in zip(proposed.items(), self.labels, strict=True)
            ],
        )

    def _observed(self, cell: Cell) -> optuna.trial.FrozenTrial | None:
        outcomes = [trial.outcome for trial in self.trials[cell] if trial.outcome is not None]
        if not outcomes:
            return None
        params = {
            path: index if isinstance(distribution, IntDistribution) else label
            for (path, distribution), index, label in zip(
                self._distributions.items(), self.indices(cell), cell.values, strict=True
            )
        }
        p = (outcomes.count("learned") + 0.5) / (len(outcomes) + 1)
        return optuna.trial.create_trial(value=abs(p - 0.5), params=params, distributions=self._distributions)


def _gp(seed: int) -> BaseSampler:
    return GPSampler(seed=seed, deterministic_objective=False)


def _tpe(seed: int) -> BaseSampler:
    return TPESampler(seed=seed)


#: All methods by name. `today` is the order and the verdicts of `goal=grid`, `ours` those of `goal=map`; with
#: `+ stops` hopeless trials are stopped.
METHODS: dict[str, Method] = {
    "today": Method(MapAllocation, infers=False),
    "grid": Method(GridOrder),
    "random": Method(RandomOrder),
    "sobol": Method(SobolOrder),
    "gp": Method(partial(OptunaAtEdge, make_sampler=_gp)),
    "tpe": Method(partial(OptunaAtEdge, make_sampler=_tpe)),
    "ours": Method(BoundaryAllocation),
    "today + stops": Method(MapAllocation, infers=False, stops=True),
    "ours + stops": Method(BoundaryAllocation, stops=True),
}
