"""What a tool says of one training, in a form that lets different tools be compared."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from failmap.analysis.diagnosis import Cause, Diagnosis, Suspicion, diagnose
from failmap.run_folder.records import Evaluation, TrialRecord


@dataclass(frozen=True)
class Finding:
    """One thing that a tool says is wrong.

    Attributes:
        name: as the tool calls it.
        right_for: the causes that it is right for: just itself for Failmap's, several for a rule that names
            a symptom, none for one that names no cause.
        told: what the tool saw, in a sentence.
    """

    name: str
    right_for: frozenset[Cause]
    told: str = ""


#: From what a training left behind to what a tool says of it, what it says first before the others; empty
#: where nothing looks wrong to it.
Judge = Callable[[TrialRecord, Sequence[Evaluation]], tuple[Finding, ...]]


def failmap_told(record: TrialRecord, history: Sequence[Evaluation]) -> tuple[Finding, ...]:
    """Failmap as it is used: it knows whether the criterion was met, so what learned is healthy."""
    return findings(diagnose(record, history))


def failmap_blind(record: TrialRecord, history: Sequence[Evaluation]) -> tuple[Finding, ...]:
    """Failmap with outcome and criterion hidden, as tools work that know none."""
    return findings(diagnose(without_outcome(record), history, blind=True))


def without_outcome(record: TrialRecord) -> TrialRecord:
    """The record of the same training as if nobody had said whether it learned, nor what it was to reach.

    That one has ended may be known: each that has, those that learned too, stands there as failed.
    """
    assert record.summary is not None, "trainings of the benchmark have begun"
    outcome = None if record.summary.outcome is None else "failed"
    hidden = replace(
        record.summary, outcome=outcome, reason="", target_score=math.nan, target_metric=math.nan
    )
    return replace(record, summary=hidden)


def findings(diagnosis: Diagnosis | None) -> tuple[Finding, ...]:
    """The verdict before its runners-up; none of them where the verdict is that nothing is wrong."""
    assert diagnosis is not None, "trainings of the benchmark end as learned or failed"
    if diagnosis.cause == "none":
        return ()
    suspicions = (diagnosis.verdict, *diagnosis.runners_up)
    return tuple(_finding(suspicion) for suspicion in suspicions if suspicion.cause != "none")


def _finding(suspicion: Suspicion) -> Finding:
    named: tuple[Cause, ...] = () if suspicion.cause == "unknown" else (suspicion.cause,)
    told = "; ".join(evidence.told for evidence in suspicion.evidence)
    return Finding(suspicion.cause, frozenset(named), told)
