"""Memorising one batch with the trial's own learning rate, and the classification of loss curves."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from failmap.search.preflight.check import TimeLimitError
from failmap.search.preflight.overfitting import classify_trend, overfitting, target_loss
from tests.search.preflight.conftest import MakeSubject


def test_sound_trial_memorises_a_batch(make_subject: MakeSubject) -> None:
    subject = make_subject(train={"learning_rate": 1e-2})
    before = [parameter.clone() for parameter in subject.model.parameters()]
    finding = overfitting(subject)
    assert finding.status == "pass", finding
    assert finding.value <= 0.1
    assert finding.details["updates"] < 1000
    assert all(map(torch.equal, before, subject.model.parameters())), "weights are unchanged"


def test_dropout_is_off(make_subject: MakeSubject) -> None:
    subject = make_subject(model={"depth": 2, "dropout": 0.9}, train={"learning_rate": 1e-2})
    assert overfitting(subject).status == "pass"


def test_learning_rate_too_high_fails(make_subject: MakeSubject) -> None:
    subject = make_subject(train={"learning_rate": 100})
    subject.training_seconds = 1.0
    finding = overfitting(subject)
    assert finding.status == "fail"
    assert any(kind in finding.message for kind in ("goes up", "explodes", "oscillates"))
    assert "lower" in finding.advice


def test_learning_rate_too_low_fails(make_subject: MakeSubject) -> None:
    subject = make_subject(train={"learning_rate": 1e-9})
    subject.training_seconds = 1.0
    finding = overfitting(subject)
    assert finding.status == "fail"
    assert "stays flat" in finding.message
    assert "the weights moved by" in finding.message
    assert "higher learning rate" in finding.advice


def test_loss_not_finite_fails(make_subject: MakeSubject) -> None:
    task = {"name": "sum_regression", "sequence_length": 20}
    model = {"name": "rnn", "nonlinearity": "relu"}
    subject = make_subject(task=task, model=model, train={"optimizer": "sgd", "learning_rate": 100})
    finding = overfitting(subject)
    assert finding.status == "fail"
    assert "explodes" in finding.message


def test_too_few_updates_are_not_a_finding(make_subject: MakeSubject) -> None:
    subject = make_subject(train={"learning_rate": 1e-9})
    subject.training_seconds = 0.0
    with pytest.raises(TimeLimitError, match="only 1 updates"):
        overfitting(subject)


def kind(losses: list[float], floor: float = 0.0) -> str:
    return classify_trend(losses, constant=0.7, floor=floor).kind


def test_each_kind_of_curve() -> None:
    assert kind([0.7 * 0.9**update for update in range(60)]) == "overfitted"
    assert kind([0.7, 5.0, math.inf]) == "explodes"
    assert kind([0.7 + update for update in range(60)]) == "goes up"
    assert kind([0.7 * 0.995**update for update in range(100)]) == "still falls"
    assert kind([0.5 + 0.3 * (-1) ** update for update in range(60)]) == "oscillates"
    assert kind([0.7] * 60) == "stays flat at chance"
    assert kind([0.4] * 60) == "stays flat"
    assert kind([0.42] * 60, floor=0.41) == "overfitted"
    assert kind([0.7, 0.6]) == "too few"


def test_floor_close_to_chance_is_not_chance() -> None:
    assert classify_trend([0.63] * 60, constant=0.693, floor=0.62).kind == "stays at the floor"


@given(st.lists(st.floats(0.001, 1e6), min_size=1, max_size=200), st.floats(0.1, 10), st.floats(0, 0.09))
def test_any_curve_is_classified(losses: list[float], constant: float, floor: float) -> None:
    trend = classify_trend(losses, constant, floor)
    assert (trend.kind == "overfitted") == (
        min(losses[-max(1, len(losses) // 5) :]) <= target_loss(constant, floor)
    )


@given(st.lists(st.floats(0.5, 1.0), min_size=30, max_size=100), st.integers(0, 99))
def test_one_infinity_is_an_explosion(losses: list[float], index: int) -> None:
    losses[index % len(losses)] = math.inf
    assert classify_trend(losses, 0.7, 0.0).kind == "explodes"
