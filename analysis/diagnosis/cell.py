"""Why the trials of one cell failed: the cause of most of them, and what those that learned had else."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from failmap.analysis.diagnosis.causes import Cause
from failmap.analysis.diagnosis.diagnosis import Diagnosis, Evidence
from failmap.analysis.diagnosis.separation import flat, separations
from failmap.run_folder.records import TrialRecord

#: What never tells recipes apart.
_NO_SETTING = frozenset({"seed"})


@dataclass(frozen=True)
class CellDiagnosis:
    """The verdict on a cell.

    Attributes:
        cause: of most of its failed trials; of two that are as frequent, the surer one.
        num_trials: k, failed trials with this cause.
        num_failed: n, failed trials.
        evidence: of the surest of these verdicts.
        others: the other causes, and of how many trials they are.
        differences: sentences: what tells the trials that learned from those that failed.
        confidence: the mean of these k verdicts'.
    """

    cause: Cause
    num_trials: int
    num_failed: int
    evidence: tuple[Evidence, ...]
    others: tuple[tuple[Cause, int], ...] = ()
    differences: tuple[str, ...] = ()
    confidence: float = 0.0


def diagnose_cell(trials: Sequence[tuple[TrialRecord, Diagnosis | None]]) -> CellDiagnosis | None:
    """The verdict on a cell; None where none of its trials failed.

    Args:
        trials: every trial of the cell with its verdict, interventions left out.
    """
    failed = [diagnosis for record, diagnosis in trials if diagnosis and _ended(record) == "failed"]
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
    """What the trials that learned were configured to that those that failed were not."""
    learned, failed = (
        [
            {path: value for path, value in flat(record.config).items() if path not in _NO_SETTING}
            for record in records
            if _ended(record) == outcome
        ]
        for outcome in ("learned", "failed")
    )
    return tuple(separation.told for separation in separations(learned, failed))


def _ended(record: TrialRecord) -> str | None:
    return None if record.summary is None else record.summary.outcome
