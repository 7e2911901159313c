"""False alarms during trainings that will learn."""

import math
from collections.abc import Iterable
from dataclasses import replace

from benchmarks.diagnosis.judge import Judge
from benchmarks.diagnosis.labelled import Labelled
from benchmarks.diagnosis.score import Judged
from failmap.run_folder.records import Evaluation, TrialRecord

#: Fractions of the evaluations that a healthy training needed.
FRACTIONS = (0.25, 0.5, 0.75)


def judge_cut(trainings: Iterable[Labelled], judge: Judge, fraction: float) -> list[Judged]:
    """Judge the healthy trainings, each cut after this fraction of its evaluations."""
    return [
        Judged(training.case, judge(*cut(training, fraction)))
        for training in trainings
        if training.case.is_healthy
    ]


def cut(training: Labelled, fraction: float) -> tuple[TrialRecord, tuple[Evaluation, ...]]:
    """Return record and history of a training as they were after a fraction of it, at least one evaluation.

    The summary keeps what is known before training: chance, floor, number of parameters.
    """
    assert 0 < fraction <= 1, fraction
    history = training.history[: max(1, math.floor(fraction * len(training.history)))]
    assert history, f"{training.case.name} has evaluations"
    summary = training.record.summary
    assert summary is not None, f"{training.case.name} has ended"
    last = history[-1]
    unfinished = replace(
        summary,
        outcome=None,
        reason="",
        updates=last.update,
        seconds=last.seconds,
        score=last.score,
        best_score=max(evaluation.score for evaluation in history),
        first_nonfinite=None,
        test_metric=None,
        test_score=None,
    )
    return replace(training.record, ended=None, summary=unfinished), history


def is_loud(judged: Judged) -> bool:
    """Return whether the first finding is more than slowness, which is no false alarm during training."""
    return any(finding.right_for != {"too_slow"} for finding in judged.findings[:1])
