"""Replay of a search on a truth table: the study's own decisions on a clock that nobody waits for."""

import heapq
import tempfile
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.edge.tables import Curve, Table
from failmap.run_folder.paths import RunFolder
from failmap.run_folder.records import Summary
from failmap.search.allocation.known_trials import KnownTrial
from failmap.search.allocation.map_allocation import Allocation
from failmap.search.config import RunConfig
from failmap.search.cost import relative_cost
from failmap.search.space import Cell
from failmap.search.study import Study

#: Learning at P(learn) up to the first, or from the second on, makes a cell clear.
CLEAR = (0.2, 0.8)

#: What a search believes of cells: whether they learn, where it is sure.
Beliefs = Mapping[Cell, bool]
Judge = Callable[[RunConfig, Mapping[Cell, Sequence[KnownTrial]]], Beliefs]


class Truth:
    """What a table says within the map's budget of updates.

    Attributes:
        share: Share of seeds that learned, by cell.
        grid_cost: Nominal core-seconds of the full grid of eight seeds.
    """

    def __init__(self, table: Table) -> None:
        self.table = table
        self._curves: dict[Cell, list[Curve]] = defaultdict(list)
        by_labels = {tuple(label for _, label in cell.labels): cell for cell in table.cells()}
        for curve in sorted(table.curves(), key=lambda curve: curve.seed):
            self._curves[by_labels[curve.labels]].append(curve)
        self._full = {cell: _full_cost(table.config, cell) for cell in self._curves}
        self.share = {
            cell: float(np.mean([self.learned(curve) for curve in curves]))
            for cell, curves in self._curves.items()
        }
        self.grid_cost = sum(
            8 * float(np.mean([self.cost(cell, curve) for curve in curves]))
            for cell, curves in self._curves.items()
        )

    def learned(self, curve: Curve) -> bool:
        """Return whether a training learned within the map's budget."""
        return curve.learned_at is not None and curve.learned_at <= self.table.max_updates

    def cost(self, cell: Cell, curve: Curve) -> float:
        """Return the nominal core-seconds of a trial that ends when it has learned or at the budget."""
        updates = curve.learned_at if self.learned(curve) and curve.learned_at else self.table.max_updates
        return self._full[cell] * updates / self.table.max_updates

    def draw(self, cell: Cell, seed: int, order: np.random.Generator) -> Curve:
        """Return a training of a cell: the table's seeds in random order, then drawn again from them."""
        curves = self._curves[cell]
        return curves[int(order.integers(len(curves)))] if seed >= len(curves) else curves[seed]

    @property
    def clear(self) -> dict[Cell, bool]:
        """Return whether each clear cell learns."""
        low, high = CLEAR
        return {cell: share >= high for cell, share in self.share.items() if not low < share < high}


@dataclass
class Replay:
    """What a replayed search spent and believed.

    Attributes:
        costs: Nominal core-seconds of the trials that had ended, after each one.
        right: Share of clear cells on the right side, sure, after each one.
        wrong: Number of clear cells that are surely on the wrong side, after each one.
    """

    costs: list[float] = field(default_factory=list)
    right: list[float] = field(default_factory=list)
    wrong: list[int] = field(default_factory=list)

    def cost_until(self, share: float) -> float | None:
        """Return what was spent until that share of clear cells was right and stayed so; None if never."""
        last_below = max((i for i, right in enumerate(self.right) if right < share), default=-1)
        return None if last_below + 1 >= len(self.right) else self.costs[last_below + 1]

    def trials_until(self, share: float) -> int | None:
        """Return the number of trials until then."""
        cost = self.cost_until(share)
        return None if cost is None else self.costs.index(cost) + 1


def replay(
    truth: Truth,
    config: RunConfig,
    make_allocation: Callable[[RunConfig], Allocation],
    judge: Judge,
    *,
    seed: int,
    workers: int = 2,
    until: float = 0.0,
    max_cost: float = float("inf"),
) -> Replay:
    """Run a search on a table.

    Args:
        truth: The table.
        config: The run's configuration; its seed is replaced.
        make_allocation: Returns what decides which trial is next.
        judge: Says which cells surely learn or fail.
        seed: Of the run, and of the order of the table's seeds.
        workers: Trials at a time.
        until: Ends the replay this many trials' worth of evidence after all clear cells are right: 0 never.
        max_cost: Ends the replay when this much was spent.
    """
    config = config.model_copy(update={"seed": seed})
    order = {cell: np.random.default_rng((seed, index)) for index, cell in enumerate(truth.share)}
    shuffled = {cell: order[cell].permutation(64) for cell in truth.share}
    clear, result = truth.clear, Replay()
    with tempfile.TemporaryDirectory(dir=_memory()) as path:
        folder = RunFolder(Path(path) / "runs" / "replay")
        study = Study.open(config, folder, lambda line: None, make_allocation(config))
        running: list[tuple[float, int, Cell, Curve]] = []
        now, spent, is_over = 0.0, 0.0, False
        while True:
            while len(running) < workers and not is_over and (start := study.ask()) is not None:
                known = study.known[start.number]
                used = start.config.seed - config.seed
                curve = _drawn(truth, known.cell, used, shuffled[known.cell], order[known.cell])
                cost = truth.cost(known.cell, curve)
                heapq.heappush(running, (now + cost, start.number, known.cell, curve))
            if not running:
                break
            now, number, cell, curve = heapq.heappop(running)
            spent += truth.cost(cell, curve)
            study.tell(number, _summary(truth, curve))
            beliefs = judge(config, study.known.by_cell)
            result.costs.append(spent)
            result.right.append(
                float(np.mean([beliefs.get(cell) is learns for cell, learns in clear.items()]))
            )
            result.wrong.append(sum(beliefs.get(cell) is (not learns) for cell, learns in clear.items()))
            is_over = spent >= max_cost
        study.close()
    return result


def _drawn(truth: Truth, cell: Cell, used: int, shuffled: Any, order: np.random.Generator) -> Curve:
    curves = truth._curves[cell]
    ranks = [int(rank) for rank in shuffled if rank < len(curves)]
    return curves[ranks[used]] if used < len(ranks) else curves[int(order.integers(len(curves)))]


def _full_cost(config: RunConfig, cell: Cell) -> float:
    return relative_cost(config.space.trial_config(cell, config.space.default_recipe(cell), 0))


def _summary(truth: Truth, curve: Curve) -> Summary:
    learned = truth.learned(curve)
    score = curve.scores[-1] / 1000 if learned else max(curve.scores) / 1000
    return Summary("learned" if learned else "failed", "replayed", updates=curve.updates, score=score)


def _memory() -> str | None:
    return "/dev/shm" if Path("/dev/shm").is_dir() else None
