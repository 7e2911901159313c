from collections.abc import Callable
from typing import Any

import pytest

from benchmarks.diagnosis.labelled import Labelled
from benchmarks.diagnosis.published.sagemaker import sagemaker
from failmap.run_folder.records import Evaluation

MakeTraining = Callable[..., Labelled]
MakeEvaluation = Callable[..., Evaluation]
Fires = Callable[..., list[str]]


@pytest.fixture
def fires(training: MakeTraining, evaluation: MakeEvaluation) -> Fires:
    """Return the rules that fire on losses (falling by default) with signals at the last evaluation."""

    def names(losses: list[float] | None = None, gaps: list[float] | None = None, **last: Any) -> list[str]:
        train = losses or [0.8**number for number in range(5)]
        validation = [loss + gap for loss, gap in zip(train, gaps or [0.0] * len(train), strict=True)]
        history = [
            evaluation(50 * (i + 1), train_loss=t, validation_loss=v)
            for i, (t, v) in enumerate(zip(train, validation, strict=True))
        ]
        if last:
            history[-1] = evaluation(
                history[-1].update, **{"train_loss": train[-1], "validation_loss": validation[-1], **last}
            )
        made = training(history=history)
        return [finding.name for finding in sagemaker(made.record, made.history)]

    return names


@pytest.mark.parametrize(
    ("rule", "signals"),
    [
        ("ExplodingTensor", {"gradient_norm": None}),
        ("ExplodingTensor", {"train_loss": None}),
        ("DeadRelu", {"dead_units_by_layer": {"layers.0": 0.6}}),
        ("SaturatedActivation", {"saturated_units_by_layer": {"layers.0": 0.6}}),
        ("AllZero", {"gradient_zeros_by_layer": {"layers.0": 1.0, "readout": 0.0}}),
        ("WeightUpdateRatio", {"update_ratio_by_layer": {"layers.0": 11.0}}),
        ("WeightUpdateRatio", {"frozen_parameters": ["layers.0.weight"]}),
    ],
)
def test_signal_out_of_range_fires_its_rule(fires: Fires, rule: str, signals: dict[str, Any]) -> None:
    assert fires(**signals) == [rule]


@pytest.mark.parametrize(
    "signals",
    [
        {},
        {"dead_units_by_layer": {"layers.0": 0.5}},
        {"saturated_units_by_layer": {"layers.0": 0.5}},
        {"gradient_zeros_by_layer": {"layers.0": 0.99}},
        {"update_ratio_by_layer": {"layers.0": 9.0}},
    ],
)
def test_signal_within_range_fires_nothing(fires: Fires, signals: dict[str, Any]) -> None:
    assert fires(**signals) == []


def test_mean_gradient_is_derived_from_the_norm(fires: Fires) -> None:
    # 100 parameters, entries as if normal: mean = 0.798 x norm / 10.
    assert "VanishingGradient" not in fires(gradient_norm_by_layer={"layers.0": 1.3e-6})
    assert "VanishingGradient" in fires(gradient_norm_by_layer={"layers.0": 1.2e-6})


@pytest.mark.parametrize(
    ("losses", "is_still"),
    [([1.0, 0.9995], True), ([1.0, 0.998], False), ([1.0, 1.04], False), ([1.0, 1.06], True)],
)
def test_thresholds_of_a_constant_loss(fires: Fires, losses: list[float], is_still: bool) -> None:
    assert ("LossNotDecreasing" in fires(losses)) == is_still


def test_threshold_of_overfitting(fires: Fires) -> None:
    assert "Overfit" in fires([1.0, 0.5], gaps=[0.0, 0.051])
    assert "Overfit" not in fires([1.0, 0.5], gaps=[0.0, 0.049])


def test_patience_of_overtraining(fires: Fires) -> None:
    still = [1.0 - 0.0009 * number for number in range(11)]

    assert "Overtraining" in fires(still)
    assert "Overtraining" not in fires(still[:-1])


def test_tensor_is_unchanged_after_three_evaluations(
    training: MakeTraining, evaluation: MakeEvaluation
) -> None:
    history = [evaluation(50 * n, train_loss=0.8**n, validation_loss=0.8**n) for n in range(1, 3)]
    still = [
        evaluation(50 * n, train_loss=0.8**n, validation_loss=0.8**n, gradient_missing=["layers.0.bias"])
        for n in range(3, 5)
    ]
    made = training(history=history + still)

    found = sagemaker(made.record, made.history)

    assert ("UnchangedTensor", "fires at update 200") in [
        (finding.name, finding.evidence) for finding in found
    ]


def test_loss_that_rises_early_is_poor_initialization(fires: Fires) -> None:
    rising = [1.0 + 0.01 * number for number in range(12)]
    falls_first = [0.8**number for number in range(10)] + [1.0] * 6

    assert "PoorWeightInitialization" in fires(rising)
    assert "PoorWeightInitialization" not in fires(falls_first)


def test_rules_are_ordered_by_time(training: MakeTraining, evaluation: MakeEvaluation) -> None:
    history = [
        evaluation(50, train_loss=1.0, validation_loss=1.0),
        evaluation(100, train_loss=1.0, validation_loss=1.0),
        evaluation(150, train_loss=None, validation_loss=None),
    ]
    made = training(history=history)

    found = sagemaker(made.record, made.history)

    assert [finding.name for finding in found] == ["LossNotDecreasing", "ExplodingTensor"]
