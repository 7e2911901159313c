import math
from collections.abc import Callable
from typing import Any

import pytest

from benchmarks.diagnosis.judge import Finding, findings, without_outcome
from benchmarks.diagnosis.labelled import WHY_LEFT_OUT, Labelled, why_left_out
from benchmarks.diagnosis.score import (
    Judged,
    by_cause,
    confusion,
    grouped,
    headline,
    judge_all,
    kind_of_fault,
)
from failmap.analysis.diagnosis import Cause, Diagnosis, Suspicion

MakeTraining = Callable[..., Labelled]
MakeJudged = Callable[..., Judged]


def named(*causes: Cause) -> tuple[Finding, ...]:
    """Return Failmap's findings if its verdict is the first cause and the others are runners-up."""
    verdict, *others = [Suspicion(cause, 0.5, "a rule") for cause in causes]
    return findings(Diagnosis(verdict, tuple(others)))


@pytest.fixture
def judged(training: MakeTraining) -> MakeJudged:
    """Make a judged training from a label, a verdict and runners-up."""

    def make(label: Cause, *causes: Cause, **case: Any) -> Judged:
        return Judged(training(label, **case).case, named(*causes))

    return make


def test_blind_record_has_no_criterion(training: MakeTraining) -> None:
    summary = {"target_score": 0.95, "target_metric": 0.01, "score": 0.96, "chance_loss": 0.17}

    hidden = without_outcome(training(summary=summary).record).summary

    assert hidden is not None
    assert (hidden.outcome, hidden.reason, hidden.score, hidden.chance_loss) == ("failed", "", 0.96, 0.17)
    assert math.isnan(hidden.target_score)
    assert math.isnan(hidden.target_metric)


def test_none_is_no_finding() -> None:
    assert named("none") == ()
    assert [finding.name for finding in named("overfit", "none")] == ["overfit"]


def test_unknown_is_an_alarm_without_a_cause(judged: MakeJudged) -> None:
    found = headline([judged("overfit", "unknown"), judged("overfit", "leak")])

    assert (found.detected.num_hits, found.named.num_hits) == (2, 1)


def test_rank_of_the_right_cause(judged: MakeJudged) -> None:
    found = headline(
        [
            judged("overfit", "overfit"),
            judged("overfit", "leak", "overfit"),
            judged("overfit", "leak", "frozen", "overfit"),
            judged("overfit", "leak"),
        ]
    )

    assert [figure.num_hits for figure in (found.top_1, found.top_2, found.top_any)] == [1, 2, 3]
    assert found.top_1.num_trials == 4


def test_false_alarms_and_detection(judged: MakeJudged) -> None:
    found = headline([judged("none", "none"), judged("none", "too_slow"), judged("leak", "none")])

    assert (found.false_alarms.num_hits, found.false_alarms.num_trials) == (1, 2)
    assert (found.detected.num_hits, found.detected.num_trials) == (0, 1)


def test_symptom_is_right_for_each_of_its_causes(training: MakeTraining) -> None:
    symptom = (Finding("gradient fades", frozenset({"saturated", "disconnected"})),)

    judged = judge_all([training("saturated"), training("overfit")], lambda record, history: symptom)

    assert [one.is_right(1) for one in judged] == [True, False]


def test_precision_includes_healthy_trainings(judged: MakeJudged) -> None:
    scores = by_cause([judged("leak", "leak"), judged("none", "leak"), judged("frozen", "leak")])

    assert (scores["leak"].recall.num_hits, scores["leak"].recall.num_trials) == (1, 1)
    assert (scores["leak"].precision.num_hits, scores["leak"].precision.num_trials) == (1, 3)
    assert (scores["frozen"].recall.num_hits, scores["frozen"].precision.share) == (0, None)


def test_confusion(judged: MakeJudged) -> None:
    counts = confusion([judged("leak", "frozen")] * 2 + [judged("none", "none")])

    assert counts == {("leak", "frozen"): 2, ("none", "none"): 1}


def test_faults_are_grouped_by_kind(judged: MakeJudged) -> None:
    groups = grouped([judged("leak", "leak", fault="mixes_batch"), judged("overfit", "leak")], kind_of_fault)

    assert {kind: len(group) for kind, group in groups.items()} == {"code": 1, "configuration": 1}


def test_reasons_for_left_out_trainings(training: MakeTraining) -> None:
    healthy = training(name="healthy twin")
    trainings = [
        healthy,
        training(name="hard", outcome="failed", took=False),
        training("overfit", name="mild", outcome="learned", took=False),
        training("overfit", name="too hard", twin="hard", took=False),
        training("diverged", name="stays finite", took=False),
        training("too_slow", name="falls no more", took=False),
    ]

    assert why_left_out(trainings) == dict.fromkeys(WHY_LEFT_OUT, 1)
    assert not why_left_out([healthy])
