"""How long a session will take, and what trials cost on this machine."""

import json
import statistics
from collections.abc import Mapping, Sequence
from time import monotonic

from failmap.run_folder.paths import RunFolder
from failmap.run_folder.records import TrialRecord
from failmap.run_folder.storage import write_atomically
from failmap.search.allocation.map_allocation import cells_in_order
from failmap.search.allocation.needs import KnownTrial
from failmap.search.allocation.remaining import Remaining
from failmap.search.config import RunConfig
from failmap.search.cost import relative_cost
from failmap.search.space import Cell
from failmap.search.trial.config import TrialConfig


class Eta:
    """Estimate when a session will end, from the cost of the work done since it began.

    Args:
        spent: Cost of the work that had been done before.
        deadline: Latest end, on the clock of time.monotonic; None for no limit.
    """

    def __init__(self, spent: float, deadline: float | None) -> None:
        self.deadline = deadline
        self.started = monotonic()
        self._spent_before = spent

    def seconds_left(self, spent: float, remaining: float) -> float | None:
        """Return the seconds until the remaining work is done or time is up, or None if unknown.

        Args:
            spent: Cost of the work done so far.
            remaining: Cost of the work that remains.
        """
        until_deadline = None if self.deadline is None else max(self.deadline - monotonic(), 0.0)
        done = spent - self._spent_before
        if not done:
            return until_deadline
        until_done = (monotonic() - self.started) * remaining / done
        return until_done if until_deadline is None else min(until_done, until_deadline)


class MapEta:
    """Estimate when a map's session will end.

    Args:
        config: The run's.
        trials: Those that the session begins with, by cell.
        deadline: As for `Eta`.
    """

    def __init__(
        self, config: RunConfig, trials: Mapping[Cell, Sequence[KnownTrial]], deadline: float | None
    ) -> None:
        self.costs = {cell: default_cost(config, cell) for cell in cells_in_order(config, relative_cost)}
        self._eta = Eta(self._spent(trials), deadline)

    def seconds_left(self, trials: Mapping[Cell, Sequence[KnownTrial]], remaining: Remaining) -> float | None:
        """Return the seconds left, or None if unknown."""
        return self._eta.seconds_left(self._spent(trials), remaining.cost(self.costs))

    def _spent(self, trials: Mapping[Cell, Sequence[KnownTrial]]) -> float:
        """Return the relative cost of the trials that have ended."""
        return sum(
            self.costs.get(cell, 0.0) * sum(trial.outcome is not None for trial in mine)
            for cell, mine in trials.items()
        )


def default_cost(config: RunConfig, cell: Cell) -> float:
    """Return the relative cost of a trial of a cell's default recipe that uses up its update budget."""
    space = config.space
    return relative_cost(space.trial_config(cell, space.default_recipe(cell), config.seed))


def write_costs(config: RunConfig, folder: RunFolder, records: Sequence[TrialRecord]) -> None:
    """Write costs.json: seconds of a trial in every cell, from what the run's own trials took here."""
    factor = seconds_per_cost(records)
    if factor is None:
        return
    rows = [
        {"cell": cell.as_dict(), "seconds_per_trial": default_cost(config, cell) * factor}
        for cell in config.space.cells()
    ]
    write_atomically(folder.costs, json.dumps(rows))


def seconds_per_cost(records: Sequence[TrialRecord]) -> float | None:
    """Return the median trial's seconds of training per unit of relative cost, or None without trials."""
    factors = []
    for record in records:
        if record.summary is not None and record.summary.updates and record.summary.outcome != "errored":
            config = TrialConfig.model_validate(record.config)
            share = record.summary.updates / config.train.max_updates
            factors.append(record.summary.seconds / (relative_cost(config) * share))
    return statistics.median(factors) if factors else None
