"""Signals at initialization, against closed forms; and that nothing is trained for them."""

import math
from typing import Any

import pytest
import torch

from failmap.analysis.theory.features import SIGNALS, is_hopeless, numbers
from failmap.search.forecast.measure import initial_signals
from failmap.search.trial.config import TrialConfig

#: Weights so small that only the biases of gates matter.
TINY = {"initialization": "uniform", "uniform_range": 1e-4}


def signals(task: dict[str, Any], model: dict[str, Any], **groups: dict[str, Any]) -> dict[str, float]:
    config = TrialConfig.model_validate({"task": task, "model": model, **groups})
    return initial_signals(config, num_seeds=2)


def adding(length: int) -> dict[str, Any]:
    return {"name": "adding", "sequence_length": length}


@pytest.mark.parametrize("bias", [0.0, 2.0, 5.0])
def test_an_lstm_of_tiny_weights_forgets_as_its_bias_says(bias: float) -> None:
    # Each step back multiplies the gradient by the forget gate, sigmoid(bias).
    found = signals(adding(20), {"name": "lstm", "forget_bias": bias, **TINY})
    gate = 1 / (1 + math.exp(-bias))
    assert found["log10_gradient_share_at_first"] == pytest.approx(19 * math.log10(gate), abs=0.02)
    num_reached = min(20, 1 + math.floor(math.log(1e-3) / math.log(gate)))
    assert found["reach_share"] == pytest.approx(num_reached / 20)


def test_a_recurrence_by_the_identity_loses_nothing() -> None:
    # Without inputs of any size, relu(h + small) passes what is positive on as it is: no step fades.
    identity = {"name": "rnn", "nonlinearity": "relu", "initialization": "identity"}
    found = signals({"name": "delayed_recall", "sequence_length": 30}, identity)
    assert found["log10_gradient_share_at_first"] > -0.5
    assert found["reach_share"] == 1


def test_an_orthogonal_recurrence_fades_less_than_torchs() -> None:
    plain, orthogonal = (
        signals(adding(20), {"name": "rnn", "initialization": name}) for name in ("torch", "orthogonal")
    )
    assert plain["log10_gradient_share_at_first"] < -4
    assert orthogonal["log10_gradient_share_at_first"] > plain["log10_gradient_share_at_first"] + 2


def test_what_is_left_of_the_input_falls_about_four_times_a_layer() -> None:
    plain = signals(adding(10), {"name": "lstm", "depth": 4})
    kept = signals(adding(10), {"name": "lstm", "depth": 4, "residual": True})
    assert 10 ** (-plain["log10_spread_share"] / 3) == pytest.approx(4, rel=0.35)
    assert kept["log10_spread_share"] > -0.3


def test_one_layer_loses_nothing_on_its_way_up() -> None:
    assert signals(adding(5), {"name": "gru"})["log10_spread_share"] == 0


def test_labels_say_something_of_a_sum_and_nothing_of_parity() -> None:
    of_sum = signals({"name": "sum_regression", "sequence_length": 10}, {"name": "lstm"})
    of_parity = signals({"name": "parity", "sequence_length": 10}, {"name": "lstm"})
    assert of_sum["label_signal"] > 0.15 > abs(of_parity["label_signal"])


def test_an_output_head_that_cannot_is_told_by_its_floor() -> None:
    # A sigmoid before a logits loss: (ln 2 + ln(1 + 1/e)) / 2 of ln 2 is out of reach on balanced bits.
    twice = signals(
        {"name": "parity", "sequence_length": 1},
        {"name": "lstm"},
        output={"activation": "sigmoid", "loss": "bce_with_logits"},
    )
    expected = (math.log(2) + math.log(1 + math.exp(-1))) / 2 / math.log(2)
    assert twice["floor_share"] == pytest.approx(expected, abs=0.01)
    assert is_hopeless(twice)
    assert not is_hopeless(signals({"name": "parity", "sequence_length": 1}, {"name": "lstm"}))


def test_a_label_at_every_step_needs_no_reach() -> None:
    asked = {"name": "parity", "sequence_length": 40}
    last = signals(asked, {"name": "lstm"})
    every = signals({**asked, "supervision": "every_step"}, {"name": "lstm"})
    assert every["log10_gradient_share_mean"] > last["log10_gradient_share_mean"] + 0.5


@pytest.mark.parametrize(
    ("task", "model"),
    [
        ({"name": "copy_memory", "sequence_length": 3}, {"name": "gru", "bidirectional": True}),
        ({"name": "mnist", "sequence_length": 28}, {"name": "mlp"}),
        (
            {
                "name": "moving_mnist", "sequence_length": 2, "prediction_length": 2,
                "frame_size": 16, "digit_size": 8, "num_digits": 1,
            },
            {"name": "encoder_decoder", "hidden_size": 8},
        ),
        ({"name": "adding", "sequence_length": 8}, {"name": "rnn", "nonlinearity": "relu", "depth": 3}),
    ],
)  # fmt: skip
def test_every_signal_is_there_and_finite(task: dict[str, Any], model: dict[str, Any]) -> None:
    found = signals(task, model)
    assert tuple(sorted(found)) == tuple(sorted(SIGNALS))
    assert all(map(math.isfinite, found.values()))
    assert all(map(math.isfinite, numbers(found).values()))


def test_nothing_is_trained() -> None:
    # What only matters in training changes nothing, and the global random numbers go on where they were.
    torch.manual_seed(0)
    before = torch.get_rng_state()
    rates = [
        signals(adding(5), {"name": "lstm"}, train={"learning_rate": rate, "max_updates": updates})
        for rate, updates in ((1e-4, 50), (1.0, 5000))
    ]
    assert rates[0] == rates[1]
    assert torch.equal(torch.get_rng_state(), before)
