"""What a truth table says within the map's budget of updates: shares, costs, and trainings to draw."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.edge.tables import NUM_SEEDS, Curve, Table
from failmap.search.allocation.map_allocation import default_cost
from failmap.search.space import Cell

#: P(learn) up to the first, or from the second on, makes a cell clear.
CLEAR = (0.2, 0.8)


@dataclass(frozen=True)
class Training:
    """A training as a search sees it, which ends when it has learned or at the map's budget of updates.

    Attributes:
        has_learned: Whether it learned within the budget.
        updates: Updates until its end.
        cost: Nominal core-seconds until its end.
        score: Score at its end.
        seed: The seed of the table's training.
    """

    has_learned: bool
    updates: int
    cost: float
    score: float
    seed: int

    def stopped_at(self, updates: int) -> "Training":
        """Return the same training, stopped after fewer updates."""
        return replace(self, has_learned=False, updates=updates, cost=self.cost * updates / self.updates)


class Truth:
    """A table within the map's budget.

    Costs are those of the cost model, on a nominal core: noise of the machine that trained plays no part.

    Attributes:
        trainings: The trainings of each cell by seed.
        share: Share of them that learned.
        clear: Whether each clear cell learns.
        grid_cost: Nominal core-seconds of the full grid of NUM_SEEDS seeds, at the mean cost of each cell.
        grid_trials: Number of its trials.
    """

    def __init__(self, table: Table) -> None:
        assert not table.num_missing, f"{table.name} lacks {table.num_missing} trainings"
        self.table = table
        curves: dict[tuple[object, ...], list[Curve]] = defaultdict(list)
        for curve in sorted(table.curves(), key=lambda curve: curve.seed):
            curves[curve.labels].append(curve)
        self.trainings = {
            cell: [_within(curve, table, default_cost(table.config, cell)) for curve in curves[cell.values]]
            for cell in table.cells()
        }
        self.share = {
            cell: float(np.mean([one.has_learned for one in mine])) for cell, mine in self.trainings.items()
        }
        low, high = CLEAR
        self.clear = {cell: share >= high for cell, share in self.share.items() if not low < share < high}
        assert self.clear, f"{table.name} has no clear cell"
        self.grid_trials = NUM_SEEDS * len(self.trainings)
        self.grid_cost = sum(
            NUM_SEEDS * float(np.mean([one.cost for one in mine])) for mine in self.trainings.values()
        )

    def streams(self, seed: int) -> dict[Cell, Iterator[Training]]:
        """Return for each cell its trainings in random order, the same for every search of this seed."""
        return {
            cell: _drawn(mine, np.random.default_rng((seed, index)))
            for index, (cell, mine) in enumerate(self.trainings.items())
        }


def _within(curve: Curve, table: Table, full_cost: float) -> Training:
    """Return what a search sees of a training, whose curve goes on beyond the budget."""
    updates = min(curve.updates, table.max_updates)
    last = round(len(curve.scores) * updates / curve.updates)
    return Training(
        curve.has_learned_within(table.max_updates),
        updates,
        full_cost * updates / table.max_updates,
        curve.scores[last - 1] / 1000,
        curve.seed,
    )


def _drawn(trainings: list[Training], random: np.random.Generator) -> Iterator[Training]:
    """Yield every training once, then drawn again for the seeds that the table lacks."""
    for index in random.permutation(len(trainings)):
        yield trainings[index]
    while True:
        yield trainings[random.integers(len(trainings))]
