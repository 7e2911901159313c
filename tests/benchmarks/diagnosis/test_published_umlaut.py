from collections.abc import Callable
from typing import Any

import pytest

from benchmarks.diagnosis.labelled import Labelled
from benchmarks.diagnosis.published.umlaut import umlaut
from failmap.run_folder.records import Evaluation

MakeTraining = Callable[..., Labelled]
MakeEvaluation = Callable[..., Evaluation]


@pytest.mark.parametrize(
    ("heuristics", "values"),
    [
        ([], {}),
        (["InputNotNormalized"], {"input_scale": {"largest": 255.0}}),
        (["LRHigh"], {"learning_rate": 0.02}),
        (["LRLow"], {"learning_rate": 1e-8}),
        (["NaNInLoss"], {"train_loss": None}),
        (["Overfitting"], {"train_loss": 0.4, "validation_loss": 0.6}),
    ],
)
def test_bound_of_each_heuristic(
    training: MakeTraining, evaluation: MakeEvaluation, heuristics: list[str], values: dict[str, Any]
) -> None:
    made = training(history=[evaluation(50), evaluation(100, **values)])

    assert [finding.name for finding in umlaut(made.record, made.history)] == heuristics


def test_high_accuracy_is_suspicious_from_the_fourth_epoch(
    training: MakeTraining, evaluation: MakeEvaluation
) -> None:
    accuracy = {"metric": "accuracy"}
    early = training(history=[evaluation(50 * n, metric=0.99) for n in range(1, 4)], summary=accuracy)
    late = training(history=[evaluation(50 * n, metric=0.99) for n in range(1, 5)], summary=accuracy)

    assert umlaut(early.record, early.history) == ()
    assert [finding.name for finding in umlaut(late.record, late.history)] == ["OverconfidentValAccuracy"]
