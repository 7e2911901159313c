"""Why the trials of one cell failed: the cause of most of them, and what those that learned had else."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from analysis.diagnosis.causes import Cause
from analysis.diagnosis.diagnosis import Diagnosis, Evidence
from analysis.records import TrialRecord


@dataclass(frozen=True)
class CellDiagnosis:
    """The verdict on a cell.

    Attributes:
        cause: of most of its failed trials.
        num_trials: k, failed trials with this cause.
        num_failed: n, failed trials.
        evidence: of the surest of these verdicts.
        others: the other causes, and of how many trials they are.
        differences: sentences: what tells the recipes that learned from those that failed.
    """

    cause: Cause
    num_trials: int
    num_failed: int
    evidence: tuple[Evidence, ...]
    others: tuple[tuple[Cause, int], ...] = ()
    differences: tuple[str, ...] = ()


def diagnose_cell(trials: Sequence[tuple[TrialRecord, Diagnosis | None]]) -> CellDiagnosis | None:
    """The verdict on a cell; None where none of its trials failed.

    Args:
        trials: every trial of the cell with its verdict, interventions left out.
    """
    failed = [
        diagnosis
        for record, diagnosis in trials
        if diagnosis is not None and record.summary is not None and record.summary.outcome == "failed"
    ]
    if not failed:
        return None
    (cause, count), *others = Counter(diagnosis.cause for diagnosis in failed).most_common()
    surest = max((one for one in failed if one.cause == cause), key=lambda one: one.confidence)
    return CellDiagnosis(cause, count, len(failed), surest.verdict.evidence, tuple(others))
