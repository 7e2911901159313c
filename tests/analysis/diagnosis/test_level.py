"""What a trial reached: at chance, above chance, memorised and learned are told apart."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from failmap.analysis.diagnosis.level import reached, tails
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


def test_the_best_of_many_guesses_is_still_a_guess() -> None:
    """274 of 512 right: one evaluation in 18 has as much, so of thirty nearly each training."""
    level = reached(*training([0.5] * 29 + [274 / 512]))
    assert level is not None
    assert level.name == "at chance"
    assert level.p_value == 1.0


def test_above_chance_is_what_guessing_reaches_in_one_training_of_a_hundred() -> None:
    level = reached(*training([0.5] * 29 + [0.6]))
    assert level is not None
    assert level.name == "above chance"
    assert level.p_value is not None
    assert level.p_value < 0.01
    assert level.interval is not None
    assert level.interval.low < 0.6 < level.interval.high
    assert level.told.startswith(
        "accuracy 0.600 (0.557 to 0.641) on 512 sequences at the best of 30 evaluations"
    )


def test_a_training_set_known_by_heart_is_memorised_whatever_validation_says() -> None:
    level = reached(*training([0.5, 0.51], train_loss=0.01, epoch=40.0))
    assert level is not None
    assert level.name == "memorised"
    fresh = reached(*training([0.5, 0.51], train_loss=0.01))
    assert fresh is not None
    assert fresh.name == "at chance"


def test_learned_is_the_criterion_and_says_where_it_may_be_known_by_heart() -> None:
    level = reached(*training([0.9, 1.0, 1.0], "learned", train_loss=0.01, epoch=40.0, has_every_input=True))
    assert level is not None
    assert (level.name, level.is_seen) == ("learned", True)
    assert "every distinct input" in level.told


def test_without_an_evaluation_or_a_chance_level_nothing_is_said() -> None:
    record, history = training([0.5])
    assert reached(record, []) is None
    assert reached(TrialRecord(**{**vars(record), "summary": None}), history) is None


@pytest.mark.parametrize(("error", "name"), [(0.99 / 6, "at chance"), (0.8 / 6, "above chance")])
def test_a_squared_error_is_compared_with_what_guessing_undercuts_by_luck(
    error: float, name: str, make_training: Any
) -> None:
    level = reached(*make_training(train=lambda share: error))
    assert level is not None
    assert level.name == name
    assert level.interval is None


@given(st.integers(1, 3000), st.floats(0.01, 0.99))
def test_tails_are_those_of_the_binomial(trials: int, chance: float) -> None:
    expected = stats.binom.sf([index - 1 for index in range(trials + 1)], trials, chance)
    assert tails(trials, chance) == pytest.approx(expected, rel=1e-6, abs=1e-12)
