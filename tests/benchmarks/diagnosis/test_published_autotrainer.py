from collections.abc import Callable
from typing import Any

import pytest

from benchmarks.diagnosis.labelled import Labelled
from benchmarks.diagnosis.published.autotrainer import autotrainer
from failmap.run_folder.records import Evaluation

MakeTraining = Callable[..., Labelled]
MakeEvaluation = Callable[..., Evaluation]
Symptom = Callable[..., list[str]]

QUICK = [min(1.0, 0.2 * number) for number in range(20)]
#: Improves in jumps, but stays below the satisfying accuracy.
UNSATISFYING = [0.1 * (number % 2) for number in range(20)]


@pytest.fixture
def symptom(training: MakeTraining, evaluation: MakeEvaluation) -> Symptom:
    """Return AutoTrainer's findings for scores of up to 20 evaluations, with the same signals at each."""

    def names(scores: list[float], **signals: Any) -> list[str]:
        history = [evaluation(50 * i, score=score, **signals) for i, score in enumerate(scores, start=1)]
        made = training(history=history)
        return [finding.name for finding in autotrainer(made.record, made.history)]

    return names


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        (QUICK, []),
        ([0.001 * number for number in range(20)], ["slow convergence"]),
        (UNSATISFYING, []),
        ([0.95 if number % 2 else 0.75 for number in range(20)], ["oscillating loss"]),
    ],
    ids=["healthy", "slow", "jumps below the satisfying accuracy", "swings above it"],
)
def test_symptom_of_scores(symptom: Symptom, scores: list[float], expected: list[str]) -> None:
    assert symptom(scores) == expected


def test_only_nonfinite_values_are_judged_early(symptom: Symptom) -> None:
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
def test_gradients_are_checked_at_low_accuracy(symptom: Symptom, name: str, signals: dict[str, Any]) -> None:
    assert symptom(UNSATISFYING, **signals) == [name]
    assert symptom(QUICK, **signals) == []


def test_accuracy_is_used_if_available(training: MakeTraining, evaluation: MakeEvaluation) -> None:
    history = [evaluation(50 * n, metric=0.9, score=0.0) for n in range(1, 8)]
    summary = {"metric": "accuracy"}

    found = autotrainer(training(history=history, summary=summary).record, history)

    assert [finding.name for finding in found] == ["slow convergence"]
