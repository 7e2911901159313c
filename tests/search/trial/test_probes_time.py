"""The reach of gradients, against a loop over steps and against preflight."""

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from failmap.models.layers import RecurrentLayer
from failmap.models.recurrent import RecurrentNetwork
from failmap.search.preflight.check import Subject
from failmap.search.preflight.reach import gradient_by_step
from failmap.search.trial.config import TrialConfig
from failmap.search.trial.probes.common import steps_back
from failmap.search.trial.probes.passes import ProbePass, evaluating
from failmap.search.trial.probes.time import MAX_SEQUENCES, last_label_loss, reach, time_signals
from failmap.search.trial.training import Training

CPU = torch.device("cpu")


def config(task: dict[str, Any], **model: Any) -> TrialConfig:
    return TrialConfig.model_validate(
        {"task": {"test_size": 64, **task}, "model": {"name": "lstm", "hidden_size": 6, **model}}
    )


ADDING, PARITY = {"name": "adding", "sequence_length": 9}, {"name": "parity", "sequence_length": 9}
EVERY_STEP = {**PARITY, "supervision": "every_step"}
MOVIE = {
    "name": "moving_mnist",
    "sequence_length": 3,
    "prediction_length": 2,
    "frame_size": 16,
    "digit_size": 8,
}


@pytest.mark.parametrize("task", [ADDING, EVERY_STEP], ids=["sequence", "step"])
@pytest.mark.parametrize("model", ["rnn", "gru", "lstm"])
def test_reach_matches_preflight(task: dict[str, Any], model: str) -> None:
    subject = Subject(config(task, name=model, depth=2))
    norms = gradient_by_step(subject, subject.batch)
    with evaluating(subject.model, CPU):
        signals = time_signals(ProbePass.run(subject.training, subject.batch))
    assert signals["gradient_share_at_first"] == pytest.approx((norms[0] / norms[-1]).item())
    reached = (norms >= 1e-3 * norms[-1]).flip(0).long().cumprod(0).sum().item()
    assert signals["gradient_reach_steps"] == reached


@pytest.mark.parametrize(
    ("norms", "steps", "share"),
    [
        ([1.0, 1.0, 1.0], 3, 1.0),
        ([1e-9, 1e-4, 1e-2, 1.0], 2, 1e-9),
        ([5.0, 1e-4, 1.0], 1, 5.0),
        ([4.0, 2.0, 0.0], 0, 1.0),
        ([1.0], 1, 1.0),
    ],
)
def test_reach_counts_steps_back_to_first_gap(norms: list[float], steps: int, share: float) -> None:
    signals = reach(norms)
    assert signals == {"gradient_reach_steps": steps, "gradient_share_at_first": pytest.approx(share)}


def test_no_reach_without_gradient() -> None:
    assert reach([0.0, 0.0]) == {}


@given(st.integers(1, 3000))
def test_steps_back(num_steps: int) -> None:
    steps = steps_back(num_steps)
    assert steps == sorted(set(steps))
    assert {0, num_steps - 1} == {steps[0], steps[-1]}
    assert len(steps) <= 8


@pytest.mark.parametrize("model", [{}, {"layer_norm": True}, {"residual": True}, {"name": "gru"}], ids=str)
@pytest.mark.parametrize("task", [ADDING, EVERY_STEP], ids=["sequence", "step"])
def test_state_gradients_match_stepwise_network(
    task: dict[str, Any], model: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    training = Training(config(task, depth=2, **model), CPU)
    batch = training.task.train_batch(0, 0, MAX_SEQUENCES, 0.0)
    network = training.model
    assert isinstance(network, RecurrentNetwork)
    with evaluating(network, CPU):
        signals = time_signals(ProbePass.run(training, batch))
        steps = signals["state_gradient_steps"]
        assert list(signals["state_gradient_by_step"]) == ["layers.0", "layers.1"]
        # The same network, with zero noise added to every state so that each is in the graph.
        noises = {layer: torch.zeros(MAX_SEQUENCES, 9, 6, requires_grad=True) for layer in network.layers}

        def states(layer: RecurrentLayer, inputs: torch.Tensor, lengths: Any) -> torch.Tensor:
            return with_noise(layer.recurrence, inputs, noises[layer])

        monkeypatch.setattr(RecurrentLayer, "_states", states)
        traced = ProbePass.run(training, batch)
        loss = last_label_loss(training.objective, traced.trace.outputs, traced.batch)
        gradients = torch.autograd.grad(loss, list(noises.values()))
    for name, gradient in zip(signals["state_gradient_by_step"], gradients, strict=True):
        expected = gradient.norm(dim=(0, 2))[steps].tolist()
        assert signals["state_gradient_by_step"][name] == pytest.approx(expected, rel=1e-4)


def with_noise(layer: nn.RNNBase, inputs: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
    """Return the states of a layer, each with added noise that affects all later ones."""
    states, state = [], None
    for step in range(inputs.shape[1]):
        _, final = layer(inputs[:, step : step + 1], state)
        hidden = (final[0] if isinstance(final, tuple) else final) + noise[:, step]
        states.append(hidden[0])
        state = (hidden, final[1]) if isinstance(final, tuple) else hidden
    return torch.stack(states, dim=1)


@pytest.mark.parametrize(
    ("task", "model"),
    [
        (ADDING, {"bidirectional": True}),
        (ADDING, {"name": "mlp"}),
        (ADDING, {"name": "attention", "hidden_size": 8}),
        (ADDING, {"name": "convolution"}),
        (ADDING, {"name": "encoder_decoder"}),
    ],
    ids=str,
)
def test_no_state_gradients_for_other_layers(task: dict[str, Any], model: dict[str, Any]) -> None:
    training = Training(config(task, **model), CPU)
    with evaluating(training.model, CPU):
        signals = time_signals(ProbePass.run(training, training.batch(0)))
    assert signals["gradient_reach_steps"] >= 1
    assert "state_gradient_by_step" not in signals


def test_decoded_outputs_use_all_labels() -> None:
    training = Training(config(MOVIE), CPU)
    with evaluating(training.model, CPU):
        probe_pass = ProbePass.run(training, training.batch(0))
        loss = last_label_loss(training.objective, probe_pass.trace.outputs, probe_pass.batch)
        assert loss.item() == pytest.approx(probe_pass.loss().item())
        assert time_signals(probe_pass)["gradient_reach_steps"] >= 1
