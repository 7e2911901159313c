"""What a map says of fewer updates, or more: P(learn within u), from the updates at which trials learned.

Learning is seen at evaluations only, and counts from the one at which the criterion was met. A trial whose
settings depend on its budget, as a learning rate that falls towards its end, would have trained otherwise
within a smaller one.

Of more updates than the run's something is known of a cell once all its failed trials were trained on: those
that were not might have learned as well, whether they were on their way or not.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

from failmap.analysis.load import Run
from failmap.analysis.map.continued import trained_on
from failmap.run_folder.records import SPENT, Outcome, TrialRecord

#: Maximum number of budgets that a page offers up to the run's own, and again beyond it.
MAX_STEPS = 20
#: Maximum number of cells, and of trials, times budgets: a report would take seconds longer.
_MAX_VERDICTS, _MAX_RECORDS = 2_000, 100_000
_BUDGET, _EVERY = "train.max_updates", "train.evaluate_every"


def outcome_within(record: TrialRecord, updates: int) -> Outcome | None:
    """Return how a trial would have ended within other updates than its own; None if that is not known.

    Args:
        record: The trial, as it ended in the last of its continuations.
        updates: Number of updates.
    """
    summary = record.summary
    if summary is None or record.outcome == "errored":
        return record.outcome
    if record.outcome == "learned":
        return "learned" if summary.updates <= updates else "failed"
    # Whatever became of it later, it had not learned by then.
    if summary.updates >= updates:
        return "failed"
    return None if record.outcome == "failed" and summary.reason == SPENT else record.outcome


def run_within(run: Run, updates: int) -> Run:
    """Return a run as if each trial had been given other updates, without its continuations."""
    ends = {record.number: record for record in trained_on(run.records)}
    budget = own_budget(run)
    is_beyond = budget is not None and updates > budget
    open_cells = {
        (run.cell_key(end.cell), end.recipe_index)
        for end in ends.values()
        if is_beyond and end.summary and (outcome_within(end, updates) is None or end.p_learn)
    }
    records = []
    for record in run.records:
        if record.purpose == "continue":
            continue
        end = ends.get(record.number, record)
        if (run.cell_key(end.cell), end.recipe_index) in open_cells:
            records.append(replace(record, summary=None, ended=None))
        else:
            records.append(_record_within(end, updates))
    return replace(run, records=tuple(records), updates=updates)


def _record_within(record: TrialRecord, updates: int) -> TrialRecord:
    if record.summary is None:
        return record
    # Where a trial was stopped it is known that it had not learned; what might come after is not of interest.
    p_learn = record.summary.p_learn if record.summary.updates < updates else 0.0
    summary = replace(record.summary, outcome=outcome_within(record, updates), p_learn=p_learn)
    return replace(record, summary=summary)


def own_budget(run: Run) -> int | None:
    """Return the updates that all trials of the map have at most; None if they differ, or have no limit."""
    budgets = {record.settings.get(_BUDGET) for record in run.cell_records}
    budget = budgets.pop() if len(budgets) == 1 else None
    return budget if type(budget) is int else None


def update_steps(run: Run) -> list[int]:
    """Return budgets of updates, ascending: updates at which its trials were evaluated.

    They go up to the run's own budget, and beyond it as far as trials were trained on. Nothing if trials
    differ in their budget or in the updates between evaluations, or have no budget.
    """
    settings = [record.settings for record in run.cell_records]
    intervals = {one.get(_EVERY) for one in settings}
    budget, every = own_budget(run), intervals.pop() if len(intervals) == 1 else None
    if budget is None or type(every) is not int or every < 1:
        return []
    num_cells = math.prod(len(run.config.map_values[path]) for path in run.config.map_paths)
    num_steps = max(1, min(MAX_STEPS, _MAX_VERDICTS // num_cells, _MAX_RECORDS // len(settings)))
    stride = every * math.ceil(budget / every / num_steps)
    longer = [one.summary.updates for one in run.records if one.purpose == "continue" and one.summary]
    last = max(longer, default=budget)
    further = max(stride, every * math.ceil((last - budget) / every / num_steps))
    return [*range(stride, budget, stride), budget, *range(budget + further, last + 1, further)]


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
