"""How many trials of each kind the cells of a map have, counted anew only where something has changed."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from failmap.analysis.verdict import DEFAULT_RECIPE
from failmap.search.allocation.known_trials import KnownTrial


class Counts(NamedTuple):
    """Numbers of trials, per cell; all but the last two are of the default recipe.

    Attributes:
        learned: Those that learned. One that was stopped as hopeless counts by its probability of learning.
        ended: Those that learned or failed.
        running: Those that have not ended.
        errored: Those that errored.
        begun: All of them.
        audits: Those that test an inferred cell.
        total: Those of all recipes.
    """

    learned: Float[np.ndarray, " cells"]
    ended: Float[np.ndarray, " cells"]
    running: Float[np.ndarray, " cells"]
    errored: Float[np.ndarray, " cells"]
    begun: Float[np.ndarray, " cells"]
    audits: Float[np.ndarray, " cells"]
    total: Float[np.ndarray, " cells"]


class CellCounts:
    """The trials of cells, by index, and their counts."""

    def __init__(self, num_cells: int) -> None:
        self._trials: list[list[KnownTrial]] = [[] for _ in range(num_cells)]
        self._table = np.zeros((len(Counts._fields), num_cells))
        self._changed: set[int] = set()

    def __getitem__(self, cell: int) -> Sequence[KnownTrial]:
        return self._trials[cell]

    def add(self, cell: int, trial: KnownTrial) -> None:
        """Add a trial that has begun."""
        self._trials[cell].append(trial)
        self._changed.add(cell)

    def change(self, cell: int) -> None:
        """Count a cell's trials anew: one of them has ended."""
        self._changed.add(cell)

    def counts(self) -> Counts:
        """Return the counts of all cells."""
        for cell in self._changed:
            self._table[:, cell] = _count(self._trials[cell])
        self._changed.clear()
        return Counts(*self._table.copy())


def _count(trials: Sequence[KnownTrial]) -> tuple[float, ...]:
    """Return a cell's counts, in the order of `Counts`."""
    mine = [trial for trial in trials if trial.recipe_index == DEFAULT_RECIPE]
    outcomes = Counter(trial.outcome for trial in mine)
    return (
        outcomes["learned"] + sum(trial.p_learn for trial in mine),
        outcomes["learned"] + outcomes["failed"],
        outcomes[None],
        outcomes["errored"],
        len(mine),
        sum(trial.purpose == "audit" for trial in trials),
        len(trials),
    )
