"""Checks of data: input scale, shared sequences, small test sets, and baselines."""

import pytest
import torch

from failmap.search.preflight.data import baselines, data_notes, duplicates, input_scale
from tests.search.preflight.conftest import MakeSubject


def test_unnormalised_input_warns(make_subject: MakeSubject) -> None:
    subject = make_subject()
    subject.batch = subject.batch._replace(inputs=100 + subject.batch.inputs)
    finding = input_scale(subject)
    assert finding.status == "warn"
    assert finding.value == pytest.approx(100.5, abs=0.2)
    assert "standardise" in finding.advice


def test_constant_input_fails(make_subject: MakeSubject) -> None:
    subject = make_subject()
    subject.batch = subject.batch._replace(inputs=torch.ones_like(subject.batch.inputs))
    assert input_scale(subject).status == "fail"


def test_splits_of_a_large_task_share_nothing(make_subject: MakeSubject) -> None:
    finding = duplicates(make_subject(task={"name": "adding", "sequence_length": 20}))
    assert (finding.status, finding.value) == ("pass", 0.0)


def test_enumerated_task_passes(make_subject: MakeSubject) -> None:
    subject = make_subject()
    for check in (duplicates, data_notes):
        finding = check(subject)
        assert finding.status == "pass"
        assert "all sets hold" in finding.message


def test_small_test_set_warns_with_its_precision(make_subject: MakeSubject) -> None:
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


def test_best_baseline_misses_the_criterion(make_subject: MakeSubject) -> None:
    finding = baselines(make_subject(task={"name": "adding", "sequence_length": 20}))
    assert finding.status == "pass"
    assert {"constant", "linear"} <= set(finding.details)
    assert finding.value == min(finding.details.values())


def test_criterion_met_by_a_baseline_warns(make_subject: MakeSubject) -> None:
    subject = make_subject(
        task={"name": "adding", "sequence_length": 5, "test_size": 20_000}, criterion={"score": 0.2}
    )
    assert subject.objective.target_metric(0.2) == pytest.approx(0.8 / 6)
    finding = baselines(subject)
    assert finding.status == "warn"
    assert "linear" in finding.message
