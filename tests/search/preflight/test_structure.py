"""Checks of shapes, gradients, leaks and modes find every fault and pass sound trials."""

import pytest
import torch

from failmap.search.preflight.check import Subject
from failmap.search.preflight.data import input_scale
from failmap.search.preflight.leaks import leak_across_batch, leak_from_future
from failmap.search.preflight.reach import gradients
from failmap.search.preflight.shapes import modes, shapes
from tests.search.preflight import broken
from tests.search.preflight.conftest import MakeSubject


def with_network(subject: Subject, network: type[broken.Faulty]) -> Subject:
    subject.model = network(subject.model.interface)
    return subject


def test_sound_trial_passes(make_subject: MakeSubject) -> None:
    subject = make_subject()
    for check in (shapes, input_scale, gradients, leak_across_batch, leak_from_future, modes):
        assert check(subject).status == "pass", check


def test_outputs_of_the_wrong_shape_fail(make_subject: MakeSubject) -> None:
    finding = shapes(with_network(make_subject(), broken.WrongShape))
    assert (finding.status, finding.value) == ("fail", 1)
    assert "outputs are (4, 2) float32, not (4, 1)" in finding.message


def test_targets_of_the_wrong_type_fail(make_subject: MakeSubject) -> None:
    subject = make_subject()
    subject.batch = subject.batch._replace(targets=subject.batch.targets.long())
    assert "targets are torch.int64, not float32" in shapes(subject).message


@pytest.mark.parametrize(
    ("network", "names", "fault"),
    [
        (broken.Detached, "layer.weight_ih_l0", "detached"),
        (broken.WithUnused, "spare.weight, spare.bias", "disconnected"),
        (broken.Dead, "layer.weight_ih_l0", "zero in every entry"),
    ],
)
def test_parameters_without_gradient_fail(
    make_subject: MakeSubject, network: type[broken.Faulty], names: str, fault: str
) -> None:
    subject = with_network(make_subject(), network)
    before = [parameter.clone() for parameter in subject.model.parameters()]
    finding = gradients(subject)
    assert finding.status == "fail"
    assert names in finding.message
    assert fault in finding.message
    assert all(map(torch.equal, before, subject.model.parameters())), "weights are unchanged"


def test_one_step_gives_recurrent_weights_no_gradient(make_subject: MakeSubject) -> None:
    finding = gradients(make_subject(task={"sequence_length": 1}))
    assert finding.status == "warn"
    assert "weight_hh" in finding.message


def test_configured_frozen_layers_pass(make_subject: MakeSubject) -> None:
    subject = make_subject(model={"depth": 2, "frozen_layers": 1})
    assert gradients(subject).status == "pass"


def test_leak_across_the_batch_fails(make_subject: MakeSubject) -> None:
    finding = leak_across_batch(with_network(make_subject(), broken.LeakingBatch))
    assert finding.status == "fail"
    assert 0 < finding.value < 1
    assert "first in layer" in finding.message


def test_leak_of_batch_norm_warns(make_subject: MakeSubject) -> None:
    subject = make_subject(task={"supervision": "every_step"}, model={"depth": 2, "batch_norm": True})
    for check in (leak_across_batch, leak_from_future):
        finding = check(subject)
        assert finding.status == "warn"
        assert finding.value > 0
        assert "batch norm" in finding.message


def test_leak_from_the_future_fails(make_subject: MakeSubject) -> None:
    subject = with_network(make_subject(task={"supervision": "every_step"}), broken.LeakingFuture)
    finding = leak_from_future(subject)
    assert finding.status == "fail"
    assert "step 2 depends on later steps" in finding.message
    assert leak_across_batch(subject).status == "pass"


def test_bidirectional_network_is_exempt(make_subject: MakeSubject) -> None:
    finding = leak_from_future(
        make_subject(task={"supervision": "every_step"}, model={"bidirectional": True})
    )
    assert finding.status == "pass"
    assert "bidirectional" in finding.message


@pytest.mark.parametrize("shown", ["zero", "own", "teacher"])
def test_decoders_see_only_earlier_frames(make_subject: MakeSubject, shown: str) -> None:
    task = {
        "name": "moving_mnist", "sequence_length": 2, "prediction_length": 3, "target": "both",
        "frame_size": 8, "digit_size": 6, "test_size": 20,
    }  # fmt: skip
    finding = leak_from_future(
        make_subject(task=task, model={"name": "encoder_decoder", "decoder_input": shown})
    )
    assert finding.status == "pass", finding


def test_dropout_makes_the_modes_differ(make_subject: MakeSubject) -> None:
    finding = modes(make_subject(model={"depth": 2, "dropout": 0.5}))
    assert finding.status == "pass"
    assert finding.value > 0.001


def test_dropout_without_effect_fails(make_subject: MakeSubject) -> None:
    finding = modes(make_subject(model={"depth": 1, "dropout": 0.5}))
    assert finding.status == "fail"
    assert "model.depth=2" in finding.advice


def test_dropout_in_evaluation_fails(make_subject: MakeSubject) -> None:
    finding = modes(with_network(make_subject(), broken.AlwaysDropping))
    assert finding.status == "fail"
    assert "two evaluations" in finding.message


def test_batch_norm_makes_the_modes_differ(make_subject: MakeSubject) -> None:
    finding = modes(make_subject(model={"depth": 2, "batch_norm": True}))
    assert finding.status == "warn"
    assert "running means" in finding.message
