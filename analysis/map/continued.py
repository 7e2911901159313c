"""Failed trials that were trained on: what became of them."""

from collections.abc import Iterable
from dataclasses import replace

from failmap.run_folder.records import NO_EVIDENCE, TrialRecord


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
