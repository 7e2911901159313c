from collections.abc import Callable, Sequence

import pytest

from benchmarks.diagnosis.judge import Finding
from benchmarks.diagnosis.labelled import Labelled
from benchmarks.diagnosis.on_the_way import cut, is_loud, judge_cut
from benchmarks.diagnosis.score import Judged
from failmap.run_folder.records import Evaluation, TrialRecord

MakeTraining = Callable[..., Labelled]
MakeEvaluation = Callable[..., Evaluation]


def says_too_slow(record: TrialRecord, history: Sequence[Evaluation]) -> tuple[Finding, ...]:
    """Report a training with fewer than three evaluations as slow."""
    return (Finding("too_slow", frozenset({"too_slow"})),) if len(history) < 3 else ()


@pytest.mark.parametrize(("fraction", "left"), [(0.25, 2), (0.5, 4), (0.75, 6), (0.01, 1), (1.0, 8)])
def test_cut_keeps_a_share_and_at_least_one_evaluation(
    training: MakeTraining, evaluation: MakeEvaluation, fraction: float, left: int
) -> None:
    whole = training(history=[evaluation(50 * number) for number in range(1, 9)])

    _, history = cut(whole, fraction)

    assert history == whole.history[:left]


def test_cut_record_has_no_later_information(training: MakeTraining, evaluation: MakeEvaluation) -> None:
    scores = [0.1, 0.3, 0.2, 1.0]
    history = [evaluation(50 * number, score=score) for number, score in enumerate(scores, start=1)]
    ended = {"updates": 200, "seconds": 2.0, "score": 1.0, "best_score": 1.0, "chance_loss": 0.17}

    record, _ = cut(training(history=history, summary=ended), 0.75)

    assert record.ended is None
    assert record.summary is not None
    assert record.summary.outcome is None
    assert (record.summary.updates, record.summary.score, record.summary.best_score) == (150, 0.2, 0.3)
    assert record.summary.chance_loss == 0.17


def test_only_healthy_trainings_are_cut(training: MakeTraining, evaluation: MakeEvaluation) -> None:
    history = [evaluation(50 * number) for number in range(1, 5)]
    trainings = [training(history=history), training("overfit", history=history)]

    early, late = (judge_cut(trainings, says_too_slow, fraction) for fraction in (0.25, 0.75))

    assert [one.is_alarm for one in early] == [True]
    assert [one.is_alarm for one in late] == [False]


def test_slow_is_no_loud_alarm(training: MakeTraining) -> None:
    case = training().case
    slow, leak = (Finding(name, frozenset({name})) for name in ("too_slow", "leak"))
    unknown = Finding("unknown", frozenset())

    cases = {(slow, leak): False, (leak,): True, (unknown,): True, (): False}
    assert {found: is_loud(Judged(case, found)) for found in cases} == cases
