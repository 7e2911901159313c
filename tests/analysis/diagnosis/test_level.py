from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import theilslopes

from failmap.analysis.diagnosis.chance import significant_metric, upper_tail
from failmap.analysis.diagnosis.level import reached
from failmap.analysis.diagnosis.series import curve, slope
from failmap.run_folder.records import Evaluation, Summary, TrialRecord
from tests.analysis.diagnosis.records import record_of


def training(
    accuracies: list[float],
    outcome: Any = "failed",
    train_loss: float = 0.69,
    epoch: float | None = None,
    **more: Any,
) -> tuple[TrialRecord, list[Evaluation]]:
    """Bits at chance one half, validated on 512 sequences."""
    summary = Summary(
        outcome,
        "",
        metric="accuracy",
        chance_metric=0.5,
        chance_loss=0.6931,
        loss_floor=0.0,
        target_score=0.98,
        **more,
    )
    record = record_of({"task": {"name": "parity", "test_size": 1024}}, summary)
    signals = {} if epoch is None else {"epoch": epoch}
    return record, [
        Evaluation(50 * index, 0.1, train_loss, 0.7, accuracy, 2 * accuracy - 1, signals)
        for index, accuracy in enumerate(accuracies, start=1)
    ]


def test_best_of_many_guesses_is_at_chance() -> None:
    """One evaluation in 18 has 274 of 512 right, so nearly every training of thirty has one."""
    level = reached(*training([0.5] * 29 + [274 / 512]))
    assert level is not None
    assert level.name == "at chance"
    assert level.told.endswith("p = 1")


def test_better_than_guessing_is_above_chance() -> None:
    level = reached(*training([0.5] * 29 + [0.6]))
    assert level is not None
    assert level.name == "above chance"
    for number in ("0.600", "(0.557 to 0.641)", "512", "30 evaluations", "p = 0.0001"):
        assert number in level.told


def test_low_loss_on_finite_data_is_memorised() -> None:
    level = reached(*training([0.5, 0.51], train_loss=0.01, epoch=40.0))
    assert level is not None
    assert level.name == "memorised"
    fresh = reached(*training([0.5, 0.51], train_loss=0.01))
    assert fresh is not None
    assert fresh.name == "at chance"


def test_criterion_met_is_learned() -> None:
    level = reached(*training([0.9, 1.0, 1.0], "learned", train_loss=0.01, epoch=40.0, has_every_input=True))
    assert level is not None
    assert level.name == "learned"
    assert "every distinct input" in level.told


def test_no_level_without_evaluation_or_chance() -> None:
    record, history = training([0.5])
    assert reached(record, []) is None
    assert reached(TrialRecord(**{**vars(record), "summary": None}), history) is None


@pytest.mark.parametrize(("error", "name"), [(0.99 / 6, "at chance"), (0.8 / 6, "above chance")])
def test_squared_error_is_compared_with_lucky_guessing(error: float, name: str, make_training: Any) -> None:
    level = reached(*make_training(train=lambda share: error))
    assert level is not None
    assert level.name == name


def test_significant_metric_is_the_least_improbable_accuracy() -> None:
    record, _ = training([0.5])
    least = round(512 * significant_metric(record, 30))
    assert upper_tail(least, 512, 0.5) <= 0.01 / 30 < upper_tail(least - 1, 512, 0.5)
    assert upper_tail(1, 3, 0.25) == pytest.approx(1 - 0.75**3)


@given(st.lists(st.none() | st.floats(-9, 9), min_size=2, max_size=40))
def test_slope_is_scipys(values: list[float | None]) -> None:
    measured = [(time, value) for time, value in enumerate(values) if value is not None]
    if len(measured) >= 2:
        times, points = zip(*measured, strict=True)
        assert slope(curve(values)) == pytest.approx(theilslopes(points, times).slope, rel=1e-9)
