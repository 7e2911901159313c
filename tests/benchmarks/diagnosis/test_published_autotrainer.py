from collections.abc import Callable
from typing import Any

import pytest

from benchmarks.diagnosis.labelled import Labelled
from benchmarks.diagnosis.published.autotrainer import autotrainer
from failmap.run_folder.records import Evaluation

MakeTraining = Callable[..., Labelled]
MakeEvaluation = Callable[..., Evaluation]
Symptom = Callable[..., list[str]]

RISING = [0.05 * number for number in range(20)]
#: Improves by jumps, and stays below what satisfies.
UNSATISFYING = [0.1 * (number % 2) for number in range(20)]


@pytest.fixture
def symptom(training: MakeTraining, evaluation: MakeEvaluation) -> Symptom:
    """What AutoTrainer says of scores over 20 evaluations, the whole budget, with signals at all of them."""

    def told(scores: list[float], **signals: Any) -> list[str]:
        history = [evaluation(50 * i, score=score, **signals) for i, score in enumerate(scores, start=1)]
        made = training(history=history)
        return [finding.name for finding in autotrainer(made.record, made.history)]

    return told


def test_a_score_that_rises_to_the_top_is_healthy(symptom: Symptom) -> None:
    quick = [min(1.0, 0.2 * number) for number in range(20)]

    assert symptom(quick) == []


def test_a_score_that_never_gains_a_hundredth_is_slow(symptom: Symptom) -> None:
    assert symptom([0.001 * number for number in range(20)]) == ["slow convergence"]


def test_nothing_but_what_is_not_finite_is_judged_in_the_first_three_tenths(symptom: Symptom) -> None:
    assert symptom([0.0] * 6) == []
    assert symptom([0.0] * 7) == ["slow convergence"]
    assert symptom([0.0], validation_loss=1e5) == ["exploding gradient"]
    assert symptom([0.0], gradient_norm=None) == ["exploding gradient"]


@pytest.mark.parametrize(
    ("name", "signals"),
    [
        ("vanishing gradient", {"gradient_norm_by_layer": {"layers.0": 0.9e-4, "readout": 0.1}}),
        ("exploding gradient", {"gradient_norm_by_layer": {"layers.0": 71.0, "readout": 1.0}}),
        ("dying ReLU", {"gradient_zeros_by_layer": {"layers.0": 0.9, "readout": 0.5}}),
    ],
)
def test_gradients_are_asked_where_the_accuracy_does_not_satisfy(
    symptom: Symptom, name: str, signals: dict[str, Any]
) -> None:
    quick = [min(1.0, 0.2 * number) for number in range(20)]

    assert symptom(UNSATISFYING, **signals) == [name]
    assert symptom(quick, **signals) == []


def test_below_the_satisfying_accuracy_jumps_without_a_bad_gradient_are_told_by_nobody(
    symptom: Symptom,
) -> None:
    assert symptom(UNSATISFYING) == []


def test_swings_above_the_satisfying_accuracy_are_oscillation(symptom: Symptom) -> None:
    swinging = [0.95 if number % 2 else 0.75 for number in range(20)]

    assert symptom(swinging) == ["oscillating loss"]


def test_accuracy_is_taken_where_the_task_has_one(training: MakeTraining, evaluation: MakeEvaluation) -> None:
    history = [evaluation(50 * n, metric=0.9, score=0.0) for n in range(1, 8)]
    summary = {"metric": "accuracy"}

    # Satisfying, but without any gain: slow. By its score it would be so too, and never satisfying.
    found = autotrainer(training(history=history, summary=summary).record, history)

    assert [finding.name for finding in found] == ["slow convergence"]
