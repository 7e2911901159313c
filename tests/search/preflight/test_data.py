"""What is said of the data: splits that share examples, small test sets, and baselines."""

import pytest

from failmap.search.preflight.initial_loss import baselines, target_metric
from failmap.search.preflight.shapes import data_notes, duplicates
from tests.search.preflight.conftest import MakeSubject


def test_splits_of_a_large_task_share_nothing(make_subject: MakeSubject) -> None:
    finding = duplicates(make_subject(task={"name": "adding", "sequence_length": 20}))
    assert (finding.status, finding.value) == ("pass", 0.0)


def test_a_task_of_few_inputs_says_that_all_splits_hold_them(make_subject: MakeSubject) -> None:
    subject = make_subject()
    for check in (duplicates, data_notes):
        finding = check(subject)
        assert finding.status == "pass"
        assert "all sets hold" in finding.message


def test_a_small_test_set_is_told_with_what_it_is_worth(make_subject: MakeSubject) -> None:
    finding = data_notes(make_subject(task={"sequence_length": 30, "test_size": 400}))
    assert (finding.status, finding.value) == ("warn", 200)
    assert "±" in finding.message


def test_shared_sequences_are_counted(make_subject: MakeSubject, monkeypatch: pytest.MonkeyPatch) -> None:
    subject = make_subject(task={"sequence_length": 30})
    validation = subject.task.validation_set()
    monkeypatch.setattr(type(subject.task), "train_batch", lambda *_, **__: validation)
    finding = duplicates(subject)
    assert (finding.status, finding.value) == ("fail", 1.0)
    assert finding.details["validation in training"] == len(validation.inputs)
    assert "by group or by time" in finding.advice


def test_learning_means_more_than_the_best_baseline(make_subject: MakeSubject) -> None:
    finding = baselines(make_subject(task={"name": "adding", "sequence_length": 20}))
    assert finding.status == "pass"
    assert {"constant", "linear"} <= set(finding.details)
    assert finding.value == min(finding.details.values())


def test_a_criterion_that_a_baseline_meets_is_told(make_subject: MakeSubject) -> None:
    subject = make_subject(
        task={"name": "adding", "sequence_length": 5, "test_size": 20_000}, criterion={"score": 0.2}
    )
    assert target_metric(subject) == pytest.approx(0.8 / 6)
    finding = baselines(subject)
    assert finding.status == "warn"
    assert "linear" in finding.message
