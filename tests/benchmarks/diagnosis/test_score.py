import math
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from benchmarks.diagnosis.judge import Finding, findings, without_outcome
from benchmarks.diagnosis.labelled import Labelled
from benchmarks.diagnosis.left_out import WHY, why_left_out
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
    """What Failmap finds whose verdict is the first of these, with the others as runners-up."""
    verdict, *others = [Suspicion(cause, 0.5, "a rule") for cause in causes]
    return findings(Diagnosis(verdict, tuple(others)))


@pytest.fixture
def judged(training: MakeTraining) -> MakeJudged:
    """A training with a label, and the verdict and runners-up that it got."""

    def make(label: Cause, *causes: Cause, **case: Any) -> Judged:
        return Judged(training(label, **case).case, named(*causes))

    return make


def test_a_blind_judge_is_not_shown_what_a_training_was_to_reach(training: MakeTraining) -> None:
    summary = {"target_score": 0.95, "target_metric": 0.01, "score": 0.96, "chance_loss": 0.17}

    hidden = without_outcome(training(summary=summary).record).summary

    assert hidden is not None
    assert (hidden.outcome, hidden.reason, hidden.score, hidden.chance_loss) == ("failed", "", 0.96, 0.17)
    assert math.isnan(hidden.target_score)
    assert math.isnan(hidden.target_metric)


def test_no_verdict_is_no_finding() -> None:
    assert named("none") == ()


def test_a_runner_up_that_sees_nothing_wrong_is_no_finding() -> None:
    assert [finding.name for finding in named("overfit", "none")] == ["overfit"]


def test_an_unknown_cause_is_an_alarm_that_names_none(judged: MakeJudged) -> None:
    found = headline([judged("overfit", "unknown"), judged("overfit", "leak")])

    assert (found.detected.num_hits, found.named.num_hits) == (2, 1)


def test_a_cause_may_come_first_or_second_or_later(judged: MakeJudged) -> None:
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


def test_false_alarms_are_counted_over_healthy_trainings_and_detection_over_faulty_ones(
    judged: MakeJudged,
) -> None:
    found = headline([judged("none", "none"), judged("none", "too_slow"), judged("leak", "none")])

    assert (found.false_alarms.num_hits, found.false_alarms.num_trials) == (1, 2)
    assert (found.detected.num_hits, found.detected.num_trials) == (0, 1)


def test_a_finding_that_could_mean_several_causes_is_right_for_each(training: MakeTraining) -> None:
    symptom = (Finding("gradient fades", frozenset({"saturated", "disconnected"})),)

    judged = judge_all([training("saturated"), training("overfit")], lambda record, history: symptom)

    assert [one.is_right(1) for one in judged] == [True, False]


def test_precision_counts_healthy_trainings_too(judged: MakeJudged) -> None:
    scores = by_cause([judged("leak", "leak"), judged("none", "leak"), judged("frozen", "leak")])

    assert (scores["leak"].recall.num_hits, scores["leak"].recall.num_trials) == (1, 1)
    assert (scores["leak"].precision.num_hits, scores["leak"].precision.num_trials) == (1, 3)
    assert (scores["frozen"].recall.num_hits, scores["frozen"].precision.share) == (0, None)


def test_confusion_counts_labels_against_verdicts(judged: MakeJudged) -> None:
    counts = confusion([judged("leak", "frozen")] * 2 + [judged("none", "none")])

    assert counts == {("leak", "frozen"): 2, ("none", "none"): 1}


def test_faults_are_grouped_by_where_they_were_planted(judged: MakeJudged) -> None:
    groups = grouped([judged("leak", "leak", fault="mixes_batch"), judged("overfit", "leak")], kind_of_fault)

    assert {kind: len(group) for kind, group in groups.items()} == {"code": 1, "configuration": 1}


def left_out(trainings: Sequence[Labelled]) -> list[int]:
    """How many trainings were left out for each of the reasons, in their order."""
    counts = why_left_out(trainings)
    return [counts[why] for why in WHY]


def test_every_training_that_is_left_out_has_its_reason(training: MakeTraining) -> None:
    healthy = training(name="healthy twin")
    trainings = [
        healthy,
        training(name="hard", outcome="failed", took=False),
        training("overfit", name="mild", outcome="learned", took=False),
        training("overfit", name="too hard", twin="hard", took=False),
        training("diverged", name="stays finite", took=False),
    ]

    assert left_out(trainings) == [1, 1, 1, 1]
    assert left_out([healthy]) == [0, 0, 0, 0]
