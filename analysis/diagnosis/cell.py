"""The diagnosis of a cell: its most frequent cause, and what separates its learned from its failed trials."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from failmap.analysis.diagnosis.causes import Cause
from failmap.analysis.diagnosis.diagnosis import Diagnosis, Evidence
from failmap.analysis.diagnosis.separation import separations
from failmap.run_folder.parsing import flatten
from failmap.run_folder.records import TrialRecord

#: Settings that differ between trials by design.
_NOT_COMPARED = frozenset({"seed"})


@dataclass(frozen=True)
class CellDiagnosis:
    """The diagnosis of a cell.

    Attributes:
        cause: Cause of most failed trials; of equally frequent ones, the one with the higher confidence.
        num_trials: k, the number of failed trials with this cause.
        num_failed: n, the number of failed trials.
        evidence: Evidence of the diagnosis with the highest confidence among these k.
        others: The other causes with their numbers of trials.
        differences: Sentences about settings that separate learned from failed trials.
        confidence: Mean confidence of these k diagnoses.
    """

    cause: Cause
    num_trials: int
    num_failed: int
    evidence: tuple[Evidence, ...]
    others: tuple[tuple[Cause, int], ...] = ()
    differences: tuple[str, ...] = ()
    confidence: float = 0.0


def diagnose_cell(trials: Sequence[tuple[TrialRecord, Diagnosis | None]]) -> CellDiagnosis | None:
    """Return the diagnosis of a cell, or None if none of its trials failed.

    Args:
        trials: Every trial of the cell with its diagnosis, without interventions.
    """
    failed = [diagnosis for record, diagnosis in trials if diagnosis and _outcome(record) == "failed"]
    if not failed:
        return None
    confidences: dict[Cause, list[float]] = {}
    for diagnosis in failed:
        confidences.setdefault(diagnosis.cause, []).append(diagnosis.confidence)
    cause = max(confidences, key=lambda one: (len(confidences[one]), fmean(confidences[one])))
    counts = Counter({one: len(several) for one, several in confidences.items() if one != cause})
    surest = max((one for one in failed if one.cause == cause), key=lambda one: one.confidence)
    return CellDiagnosis(
        cause,
        len(confidences[cause]),
        len(failed),
        surest.verdict.evidence,
        tuple(counts.most_common()),
        _differences([record for record, _ in trials]),
        fmean(confidences[cause]),
    )


def _differences(records: Sequence[TrialRecord]) -> tuple[str, ...]:
    """Return sentences about the settings that separate learned from failed trials."""
    learned, failed = (
        [
            {path: value for path, value in flatten(record.config) if path not in _NOT_COMPARED}
            for record in records
            if _outcome(record) == outcome
        ]
        for outcome in ("learned", "failed")
    )
    return tuple(separation.sentence for separation in separations(learned, failed))


def _outcome(record: TrialRecord) -> str | None:
    return record.summary.outcome if record.summary else None
