"""How long things take on this machine: the time left, and what the cells not reached would cost."""

import json
import statistics
from collections.abc import Sequence
from time import monotonic

from failmap.analysis.verdict import TrialResult, judge
from failmap.run_folder.paths import RunFolder
from failmap.run_folder.records import TrialRecord
from failmap.run_folder.storage import write_atomically
from failmap.search.allocation.map_allocation import cells_in_order
from failmap.search.config import RunConfig
from failmap.search.cost import relative_cost
from failmap.search.space import Cell
from failmap.search.study import Results
from failmap.search.trial.config import TrialConfig


class Eta:
    """Estimates when a session will end.

    Args:
        config: of the run.
        deadline: when it ends in any case, on the clock of time.monotonic; None for no limit.
    """

    def __init__(self, config: RunConfig, deadline: float | None) -> None:
        self.config = config
        self.deadline = deadline
        self.started = monotonic()
        self.costs = {cell: default_cost(config, cell) for cell in cells_in_order(config, relative_cost)}
        self._spent_before: float | None = None

    def seconds_left(self, results: Results) -> float | None:
        """Seconds until the seeds that cells still want are done, or time is up, whichever comes first."""
        until_deadline = None if self.deadline is None else max(self.deadline - monotonic(), 0.0)
        spent = self._spent(results)
        if self._spent_before is None:
            self._spent_before = spent
        done = spent - self._spent_before
        if not done:
            return until_deadline
        until_done = (monotonic() - self.started) * self._wanted(results) / done
        return until_done if until_deadline is None else min(until_done, until_deadline)

    def _spent(self, results: Results) -> float:
        """Relative cost of the trials that have ended."""
        return sum(
            self.costs.get(cell, 0.0) * sum(note.outcome is not None for note in notes)
            for cell, notes in results.cells.items()
        )

    def _wanted(self, results: Results) -> float:
        """Relative cost of the trials that cells which are not decided still want, at the least."""
        budget, wanted = self.config.budget, 0.0
        for cell, cost in self.costs.items():
            notes = results.cells.get(cell, ())
            ended = [note for note in notes if note.outcome is not None]
            verdict = judge(TrialResult(note.recipe_index, note.purpose, note.outcome) for note in ended)
            if verdict.state in ("unknown", "not_run"):
                seeds = budget.seeds if len(ended) < budget.seeds else budget.max_seeds
                wanted += cost * max(seeds * budget.recipes - len(ended), 0)
        return wanted


def default_cost(config: RunConfig, cell: Cell) -> float:
    """Relative cost of one trial of a cell's default recipe that uses up its update budget."""
    space = config.space
    return relative_cost(space.trial_config(cell, space.default_recipe(cell), config.seed))


def write_costs(config: RunConfig, folder: RunFolder, records: Sequence[TrialRecord]) -> None:
    """Writes costs.json: seconds of a trial in every cell, from what the run's own trials took here."""
    factor = seconds_per_cost(records)
    if factor is None:
        return
    rows = [
        {"cell": cell.as_dict(), "seconds_per_trial": default_cost(config, cell) * factor}
        for cell in config.space.cells()
    ]
    write_atomically(folder.costs, json.dumps(rows))


def seconds_per_cost(records: Sequence[TrialRecord]) -> float | None:
    """Seconds of training for each unit of relative cost, as the median trial had it; None without trials."""
    factors = []
    for record in records:
        if record.summary is not None and record.summary.updates and record.summary.outcome != "errored":
            config = TrialConfig.model_validate(record.config)
            share = record.summary.updates / config.train.max_updates
            factors.append(record.summary.seconds / (relative_cost(config) * share))
    return statistics.median(factors) if factors else None
