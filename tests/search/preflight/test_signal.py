"""The loss at initialization, the output's loss floor, and how far signals reach."""

import math
from itertools import pairwise

import pytest
import torch

from failmap.search.preflight.initial_loss import initial_loss, output_floor
from failmap.search.preflight.reach import gradient_by_step, reach_in_depth, reach_in_time
from failmap.search.trial.probes.states import spread
from tests.search.preflight.conftest import MakeSubject


def test_untrained_network_is_at_chance(make_subject: MakeSubject) -> None:
    finding = initial_loss(make_subject())
    assert finding.status == "pass"
    assert finding.value == pytest.approx(1, abs=0.1)


def test_large_outputs_warn(make_subject: MakeSubject) -> None:
    subject = make_subject()
    with torch.no_grad():
        subject.model.parts()["readout"].get_parameter("bias").fill_(50.0)
    finding = initial_loss(subject)
    assert finding.status == "warn"
    assert finding.value > 10
    assert "too large" in finding.advice


def test_targets_far_from_zero_warn_unless_standardised(make_subject: MakeSubject) -> None:
    task = {"name": "sum_regression", "sequence_length": 40}
    finding = initial_loss(make_subject(task=task))
    assert finding.status == "warn"
    assert finding.value == pytest.approx(20**2 / (40 / 12), rel=0.2)
    assert "target_range=standardised" in finding.advice
    assert initial_loss(make_subject(task=task, output={"target_range": "standardised"})).status == "pass"


def test_double_sigmoid_fails_with_its_floor(make_subject: MakeSubject) -> None:
    finding = output_floor(make_subject(output={"activation": "sigmoid", "loss": "bce_with_logits"}))
    assert finding.status == "fail"
    # A target of 0 costs ln 2 at least, one of 1 ln(1 + 1/e); about half are ones.
    assert finding.value == pytest.approx((math.log(2) + math.log1p(math.exp(-1))) / 2, abs=0.05)
    assert "output.activation=none" in finding.advice


def test_without_activation_the_floor_is_zero(make_subject: MakeSubject) -> None:
    finding = output_floor(make_subject())
    assert (finding.status, finding.value) == ("pass", 0.0)
    assert finding.details["at_initialization"] == pytest.approx(math.log(2), abs=0.05)


def test_signal_shrinks_four_times_a_layer(make_subject: MakeSubject) -> None:
    finding = reach_in_depth(
        make_subject(task={"sequence_length": 10}, model={"depth": 5, "hidden_size": 64})
    )
    spreads = list(finding.details.values())
    assert finding.status == "warn"
    assert len(spreads) == 5
    assert all(2.5 < above / below < 6.5 for above, below in pairwise(spreads))
    assert finding.value == pytest.approx(spreads[-1] / spreads[0])


@pytest.mark.parametrize("remedy", ["residual", "layer_norm"])
def test_remedies_keep_the_signal(make_subject: MakeSubject, remedy: str) -> None:
    subject = make_subject(task={"sequence_length": 10}, model={"depth": 5, "hidden_size": 64, remedy: True})
    assert reach_in_depth(subject).status == "pass"


def test_gradient_decays_back_in_time_by_the_forget_gate(make_subject: MakeSubject) -> None:
    model = {"hidden_size": 64, "forget_bias": 0.0}
    short = reach_in_time(make_subject(task={"sequence_length": 10}, model=model))
    long = reach_in_time(make_subject(task={"sequence_length": 60}, model=model))
    assert short.status == "pass"
    assert 1e-4 < short.value < 1e-1, "about a half at each step"
    assert long.status == "warn"
    assert "steps back" in long.message
    helped = reach_in_time(make_subject(task={"sequence_length": 60}, model={**model, "forget_bias": 4.0}))
    assert helped.status == "pass"


def test_gradient_is_of_the_last_step_only(make_subject: MakeSubject) -> None:
    subject = make_subject(task={"sequence_length": 8, "supervision": "every_step"})
    norms = gradient_by_step(subject, subject.batch)
    assert norms.shape == (8,)
    assert norms.argmax() == 7


def test_spread_is_the_root_mean_square_over_units() -> None:
    states = torch.tensor([[0.0, 1.0], [2.0, 1.0]])
    assert spread(states).item() == pytest.approx(1.0)
