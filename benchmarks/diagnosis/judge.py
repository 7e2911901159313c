"""Findings of a tool about a training, in a form in which tools can be compared."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from failmap.analysis.diagnosis import Cause, Diagnosis, Suspicion, diagnose
from failmap.run_folder.records import Evaluation, TrialRecord


@dataclass(frozen=True)
class Finding:
    """A problem that a tool reports.

    Attributes:
        name: the tool's name for it.
        right_for: causes for which it counts as right: itself for Failmap, several for a rule that names a
            symptom, none for one that names no cause.
        evidence: evidence in one sentence.
    """

    name: str
    right_for: frozenset[Cause]
    evidence: str = ""


#: Returns a tool's findings about a training in order, or none if nothing looks wrong.
Judge = Callable[[TrialRecord, Sequence[Evaluation]], tuple[Finding, ...]]


def failmap_informed(record: TrialRecord, history: Sequence[Evaluation]) -> tuple[Finding, ...]:
    """Return Failmap's findings if it knows whether the criterion was met, so that learned means healthy."""
    return findings(diagnose(record, history))


def failmap_blind(record: TrialRecord, history: Sequence[Evaluation]) -> tuple[Finding, ...]:
    """Return Failmap's findings with outcome and criterion hidden, as for the other tools."""
    return findings(diagnose(without_outcome(record), history, blind=True))


def without_outcome(record: TrialRecord) -> TrialRecord:
    """Return the record without its criterion and with the outcome 'failed' if the training has ended."""
    assert record.summary is not None, "trainings of the benchmark have begun"
    outcome = None if record.summary.outcome is None else "failed"
    hidden = replace(
        record.summary, outcome=outcome, reason="", target_score=math.nan, target_metric=math.nan
    )
    return replace(record, summary=hidden)


def findings(diagnosis: Diagnosis | None) -> tuple[Finding, ...]:
    """Return the verdict and its runners-up, or nothing if the verdict is 'none'."""
    assert diagnosis is not None, "trainings of the benchmark end as learned or failed"
    if diagnosis.cause == "none":
        return ()
    suspicions = (diagnosis.verdict, *diagnosis.runners_up)
    return tuple(_finding(suspicion) for suspicion in suspicions if suspicion.cause != "none")


def _finding(suspicion: Suspicion) -> Finding:
    named: tuple[Cause, ...] = () if suspicion.cause == "unknown" else (suspicion.cause,)
    evidence = "; ".join(evidence.told for evidence in suspicion.evidence)
    return Finding(suspicion.cause, frozenset(named), evidence)
