"""What a map says of fewer updates: P(learn within u), from the updates at which trials learned.

Learning is seen at evaluations only, and counts from the one at which the criterion was met. A trial whose
settings depend on its budget, as a learning rate that falls towards its end, would have trained otherwise
within a smaller one.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

from failmap.analysis.load import Run
from failmap.run_folder.records import Outcome, TrialRecord

#: Maximum number of budgets that a page offers.
MAX_STEPS = 20
#: Maximum number of cells, and of trials, times budgets: a report would take seconds longer.
_MAX_VERDICTS, _MAX_RECORDS = 2_000, 100_000
_BUDGET, _EVERY = "train.max_updates", "train.evaluate_every"


def outcome_within(record: TrialRecord, updates: int) -> Outcome | None:
    """Return how a trial would have ended within fewer updates; None if that is not known yet."""
    summary = record.summary
    if summary is None or record.outcome == "errored":
        return record.outcome
    if record.outcome == "learned":
        return "learned" if summary.updates <= updates else "failed"
    # Whatever became of it later, it had not learned by then.
    return "failed" if summary.updates >= updates else record.outcome


def run_within(run: Run, updates: int) -> Run:
    """Return a run as if each trial had been given fewer updates."""
    records = tuple(_record_within(record, updates) for record in run.records)
    return replace(run, records=records, updates=updates)


def _record_within(record: TrialRecord, updates: int) -> TrialRecord:
    if record.summary is None:
        return record
    # Where a trial was stopped it is known that it had not learned; what might come after is not of interest.
    p_learn = record.summary.p_learn if record.summary.updates < updates else 0.0
    summary = replace(record.summary, outcome=outcome_within(record, updates), p_learn=p_learn)
    return replace(record, summary=summary)


def update_steps(run: Run) -> list[int]:
    """Return budgets of updates, ascending up to the run's own: updates at which its trials were evaluated.

    Nothing if trials differ in their budget or in the updates between evaluations, or have no budget.
    """
    settings = [record.settings for record in run.cell_records]
    budgets, intervals = ({one.get(path) for one in settings} for path in (_BUDGET, _EVERY))
    if len(budgets) != 1 or len(intervals) != 1:
        return []
    budget, every = budgets.pop(), intervals.pop()
    if type(budget) is not int or type(every) is not int or every < 1:
        return []
    num_cells = math.prod(len(run.config.map_values[path]) for path in run.config.map_paths)
    num_steps = max(1, min(MAX_STEPS, _MAX_VERDICTS // num_cells, _MAX_RECORDS // len(settings)))
    stride = every * math.ceil(budget / every / num_steps)
    return [*range(stride, budget, stride), budget]


def updates_to_learn(records: Iterable[TrialRecord]) -> int | None:
    """Return the fewest updates within which half of the trials have learned; None if fewer than half did.

    Trials that are censored count as not learned, and errored ones not at all.
    """
    counted: Sequence[TrialRecord] = [
        record for record in records if record.summary is not None and record.outcome not in (None, "errored")
    ]
    learned = sorted(
        record.summary.updates for record in counted if record.summary and record.outcome == "learned"
    )
    needed = math.ceil(len(counted) / 2)
    return learned[needed - 1] if counted and len(learned) >= needed else None
