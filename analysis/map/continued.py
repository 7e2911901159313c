"""Trials that were trained on: what became of those that had failed while they were on their way."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from failmap.analysis.diagnosis.course import RISING, course
from failmap.analysis.diagnosis.training_curves import TrainingCurves
from failmap.run_folder.records import NO_EVIDENCE, SPENT, Evaluation, TrialRecord


def was_rising(record: TrialRecord, history: Sequence[Evaluation]) -> bool:
    """Return whether a trial that has ended spent its updates while it was on its way, by its curves."""
    summary = record.summary
    if summary is None or summary.outcome != "failed" or summary.reason != SPENT:
        return False
    return course(TrainingCurves(record, history, is_blind=False)).name in RISING


def trained_on(records: Iterable[TrialRecord]) -> list[TrialRecord]:
    """Return the trials that are evidence of their cells, each as it ended in the last of its continuations.

    A continuation that has not ended, or that errored, says nothing.
    """
    records = list(records)
    later = {
        record.continues: record
        for record in records
        if record.purpose == "continue" and record.outcome in ("learned", "failed")
    }
    return [
        replace(record, summary=_last(record, later).summary)
        for record in records
        if record.purpose not in NO_EVIDENCE
    ]


def _last(record: TrialRecord, later: dict[int | None, TrialRecord]) -> TrialRecord:
    while record.number in later:
        record = later[record.number]
    return record
