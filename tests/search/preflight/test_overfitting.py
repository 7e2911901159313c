"""One batch by heart, with the trial's own learning rate: what works, and how it fails."""

import pytest
import torch

from failmap.search.preflight.overfitting import TooFewUpdatesError, overfitting
from tests.search.preflight.conftest import MakeSubject


def test_a_sound_trial_learns_a_batch_by_heart(make_subject: MakeSubject) -> None:
    subject = make_subject(train={"learning_rate": 1e-2})
    before = [parameter.clone() for parameter in subject.model.parameters()]
    finding = overfitting(subject)
    assert finding.status == "pass", finding
    assert finding.value <= 0.1
    assert finding.details["updates"] < 1000
    assert all(map(torch.equal, before, subject.model.parameters())), "weights are as they were"


def test_dropout_is_off_for_it(make_subject: MakeSubject) -> None:
    subject = make_subject(model={"depth": 2, "dropout": 0.9}, train={"learning_rate": 1e-2})
    assert overfitting(subject).status == "pass"


def test_a_learning_rate_far_too_high_is_told(make_subject: MakeSubject) -> None:
    subject = make_subject(train={"learning_rate": 100})
    subject.patience_seconds = 1.0
    finding = overfitting(subject)
    assert finding.status == "fail"
    assert any(word in finding.message for word in ("goes up", "explodes", "oscillates"))
    assert "lower" in finding.advice


def test_a_learning_rate_far_too_low_is_told(make_subject: MakeSubject) -> None:
    subject = make_subject(train={"learning_rate": 1e-9})
    subject.patience_seconds = 1.0
    finding = overfitting(subject)
    assert finding.status == "fail"
    assert "stays flat" in finding.message
    assert "the weights moved by" in finding.message
    assert "higher learning rate" in finding.advice


def test_a_loss_that_is_not_finite_is_told(make_subject: MakeSubject) -> None:
    task = {"name": "sum_regression", "sequence_length": 20}
    model = {"name": "rnn", "nonlinearity": "relu"}
    subject = make_subject(task=task, model=model, train={"optimizer": "sgd", "learning_rate": 100})
    finding = overfitting(subject)
    assert finding.status == "fail"
    assert "explodes" in finding.message


def test_too_few_updates_are_no_finding(make_subject: MakeSubject) -> None:
    subject = make_subject(train={"learning_rate": 1e-9})
    subject.patience_seconds = 0.0
    with pytest.raises(TooFewUpdatesError, match="nothing can be said"):
        overfitting(subject)
