"""Probes in a session: complete for every network, and without effect on the training."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from failmap.datasets.task import Batch, Task
from failmap.models.network import Network, Teacher, Trace
from failmap.run_folder.paths import TrialFolder
from failmap.run_folder.records import read_history
from failmap.search.trial.config import TrialConfig
from failmap.search.trial.probes.common import is_probed, rounded, to_host
from failmap.search.trial.probes.passes import ProbePass, evaluating
from failmap.search.trial.probes.probe import input_scale, leak_signals, probe
from failmap.search.trial.session import TrialSession
from failmap.search.trial.training import Training
from tests.search.trial.precisions import CPU, bf16_here

ADDING = {"name": "adding", "sequence_length": 6, "test_size": 64}
EVERY_STEP = {"name": "parity", "sequence_length": 6, "test_size": 64, "supervision": "every_step"}
MOVIE = {
    "name": "moving_mnist",
    "sequence_length": 2,
    "prediction_length": 2,
    "frame_size": 16,
    "digit_size": 8,
    "test_size": 20,
}
PROBED = {"input_scale", "gradient_reach_steps", "gradient_share_at_first", "label_agreement"}


def config(task: dict[str, Any] = ADDING, **parts: Any) -> TrialConfig:
    train = {"max_updates": 20, "evaluate_every": 4, "batch_size": 8, **parts.pop("train", {})}
    return TrialConfig.model_validate(
        {"task": task, "model": {"name": "lstm", "hidden_size": 8}, "train": train, **parts}
    )


def run(trial: TrialConfig, folder: Path) -> TrialSession:
    session = TrialSession(trial, TrialFolder(folder), CPU)
    while session.summary is None:
        session.advance()
    return session


@given(st.integers(1, 7), st.integers(1, 400))
def test_probes_at_powers_of_eight_and_at_the_end(evaluate_every: int, num_updates: int) -> None:
    ends = [*range(evaluate_every, num_updates, evaluate_every), num_updates]
    probed = [number for number, end in enumerate(ends, 1) if is_probed(end, evaluate_every, num_updates)]
    assert probed == sorted({number for number in (1, 8, 64, 512) if number <= len(ends)} | {len(ends)})


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_probes_do_not_change_training(
    dropout: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trial = config(model={"name": "lstm", "depth": 2, "dropout": dropout})
    runs = {}
    for name, is_on in (("with", True), ("without", False)):
        monkeypatch.setattr("failmap.search.trial.session.is_probed", lambda *_, on=is_on: on)
        torch.manual_seed(0)
        session = run(trial, tmp_path / name)
        runs[name] = (session.training.model.state_dict(), session.training.optimizer.state_dict()["state"])
        history = [one.signals for one in read_history(TrialFolder(tmp_path / name).history)]
        assert all((set(signals) >= PROBED) == is_on for signals in history)
    for one, other in zip(*(weights.values() for weights, _ in runs.values()), strict=True):
        assert torch.equal(one, other)
    for one, other in zip(*(state.values() for _, state in runs.values()), strict=True):
        assert all(torch.equal(one[key], other[key]) for key in one)


def test_probes_keep_mode_gradients_and_random_state() -> None:
    training = Training(config(model={"name": "lstm", "depth": 2, "dropout": 0.5}), CPU)
    training.update(0)
    weights = [parameter.detach().clone() for parameter in training.parameters]
    gradients = [parameter.grad.clone() for parameter in training.parameters if parameter.grad is not None]
    state = torch.get_rng_state()
    first = probe(training, training.task.validation_set(), 4)
    assert torch.equal(torch.get_rng_state(), state)
    assert training.model.training
    for parameter, weight, gradient in zip(training.parameters, weights, gradients, strict=True):
        assert torch.equal(parameter, weight)
        assert parameter.grad is not None
        assert torch.equal(parameter.grad, gradient)
    assert probe(training, training.task.validation_set(), 4) == first


NETWORKS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    (ADDING, {"name": "rnn", "nonlinearity": "relu"}),
    (ADDING, {"name": "gru", "depth": 3, "layer_norm": True}),
    (ADDING, {"name": "lstm", "depth": 2, "bidirectional": True}),
    (EVERY_STEP, {"name": "lstm", "depth": 2, "bidirectional": True}),
    (EVERY_STEP, {"name": "lstm", "depth": 2, "batch_norm": True, "variational_dropout": 0.3}),
    (EVERY_STEP, {"name": "gru", "depth": 2, "frozen_layers": 1}),
    (ADDING, {"name": "lstm", "depth": 2, "highway": True, "readout_from": "all"}),
    (ADDING, {"name": "mlp"}),
    (EVERY_STEP, {"name": "attention", "hidden_size": 8}),
    (EVERY_STEP, {"name": "convolution"}),
    (ADDING, {"name": "encoder_decoder"}),
    (MOVIE, {"name": "lstm", "hidden_size": 8}),
    (MOVIE, {"name": "encoder_decoder", "hidden_size": 8, "decoder_input": "own"}),
    (MOVIE, {"name": "cnn_lstm", "hidden_size": 8}),
    (MOVIE, {"name": "conv_lstm", "hidden_size": 4, "patch_size": 4}),
]


@pytest.mark.parametrize(("task", "model"), NETWORKS, ids=str)
def test_every_network_is_probed(task: dict[str, Any], model: dict[str, Any], tmp_path: Path) -> None:
    run(config(task, model=model, train={"max_updates": 2, "evaluate_every": 2}), tmp_path)
    (evaluation,) = read_history(TrialFolder(tmp_path).history)
    signals = evaluation.signals
    assert set(signals) >= PROBED | {"leak_across_batch", "spread_by_layer", "outputs", "label_signal"}
    assert signals["leak_across_batch"] == 0
    assert signals.get("leak_from_future", 0) == 0
    assert ("leak_from_future" in signals) == (task is EVERY_STEP and "bidirectional" not in model)
    assert "NaN" not in json.dumps(signals)


@bf16_here
def test_half_precision_is_probed_in_float32(tmp_path: Path) -> None:
    run(config(train={"max_updates": 4, "precision": "bf16"}), tmp_path)
    (evaluation,) = read_history(TrialFolder(tmp_path).history)
    assert set(evaluation.signals) >= PROBED | {"state_gradient_by_step"}


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("name", ["rnn", "gru", "lstm"])
def test_gpu_signals_match_cpu(name: str) -> None:
    found = []
    for device in (CPU, torch.device("cuda")):
        trial = config(model={"name": name, "depth": 2}, task={**ADDING, "train_size": 200})
        training = Training(trial, device)
        found.append(probe(training, training.task.validation_set(), 4))
    on_cpu, on_gpu = found
    assert set(on_cpu) == set(on_gpu)
    assert on_gpu["gradient_reach_steps"] == on_cpu["gradient_reach_steps"]
    for layer, norms in on_cpu["state_gradient_by_step"].items():
        assert on_gpu["state_gradient_by_step"][layer] == pytest.approx(norms, rel=1e-2)
    assert on_gpu["label_signal"] == pytest.approx(on_cpu["label_signal"], abs=0.02)


class Ragged(Task):
    """A task whose sequences are padded to differ in length."""

    def __init__(self, task: Task) -> None:
        self.__dict__ |= task.__dict__
        self.task = task

    def train_batch(self, *args: Any, **named: Any) -> Batch:
        return self.ragged(self.task.train_batch(*args, **named))

    def validation_set(self) -> Batch:
        return self.ragged(self.task.validation_set())

    def _held_out_set(self, stream: int) -> Batch:
        raise NotImplementedError

    def ragged(self, batch: Batch) -> Batch:
        lengths = 1 + torch.arange(len(batch.inputs)) % batch.inputs.shape[1]
        fills_up = torch.arange(batch.inputs.shape[1]) >= lengths[:, None]
        inputs = batch.inputs.masked_fill(fills_up[..., None], 0.0)
        targets = batch.targets if batch.targets.ndim == 1 else batch.targets.masked_fill(fills_up, 99.0)
        return Batch(inputs, targets, lengths)


@pytest.mark.parametrize("task", [ADDING, EVERY_STEP], ids=["sequence", "step"])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_padded_sequences_are_probed(task: dict[str, Any], bidirectional: bool, tmp_path: Path) -> None:
    model = {"name": "lstm", "depth": 2, "bidirectional": bidirectional}
    session = TrialSession(config(task, model=model), TrialFolder(tmp_path), CPU)
    session.training.task = Ragged(session.training.task)
    session.validation = session.training.task.validation_set()
    evaluation = session.advance()
    assert evaluation is not None
    assert set(evaluation.signals) >= PROBED | {"label_signal", "spread_by_layer", "memory_steps_by_layer"}
    assert evaluation.signals["input_scale"]["largest"] <= 1, "padding is no input"


def test_nonfinite_weights_give_null(tmp_path: Path) -> None:
    training = Training(config(), CPU)
    with torch.no_grad():
        training.parameters[0].fill_(float("nan"))
    signals = rounded(probe(training, training.task.validation_set(), 4))
    json.dumps(signals, allow_nan=False)
    assert signals["gradient_share_at_first"] is None


class Leaking(Network):
    """A network that also sees a part of other sequences or of later steps."""

    def __init__(self, network: Network, dim: int) -> None:
        super().__init__()
        self.interface, self.network, self.dim = network.interface, network, dim

    def trace(self, inputs: Tensor, lengths: Tensor | None = None, teacher: Teacher | None = None) -> Trace:
        return self.network.trace(inputs + 0.1 * inputs.mean(dim=self.dim, keepdim=True), lengths, teacher)

    def parts(self) -> dict[str, nn.Module]:
        return self.network.parts()

    def state_entries(self, num_steps: int) -> int:
        return self.network.state_entries(num_steps)


@pytest.mark.parametrize(("dim", "leak"), [(0, "leak_across_batch"), (1, "leak_from_future")])
def test_leaks(dim: int, leak: str) -> None:
    training = Training(config(EVERY_STEP), CPU)
    training.model = Leaking(training.model, dim)
    with evaluating(training.model, CPU):
        signals = leak_signals(ProbePass.run(training, training.batch(0)), sees_future=False)
    assert set(signals) == {"leak_across_batch", "leak_from_future"}
    assert {name for name, share in signals.items() if share > 1e-3} == {leak}


class Detached(Leaking):
    """A network whose outputs do not depend on its inputs."""

    def trace(self, inputs: Tensor, lengths: Tensor | None = None, teacher: Teacher | None = None) -> Trace:
        return self.network.trace(inputs.detach(), lengths, teacher)._replace(
            outputs=torch.zeros(len(inputs), 1)
        )


def test_detached_loss_has_few_signals() -> None:
    training = Training(config(), CPU)
    training.model = Detached(training.model, 0)
    signals = probe(training, training.task.validation_set(), 4)
    assert set(signals) == {"input_scale", "label_share"}


def test_input_scale() -> None:
    inputs = torch.stack([torch.full((4, 3), 7.0), torch.arange(12.0).view(4, 3)], dim=-1)
    scale = to_host(input_scale(Batch(inputs, torch.zeros(4))))
    spread = torch.arange(12.0).std(correction=0).item()
    assert scale == pytest.approx(
        {"largest_mean": 7.0, "largest_spread": spread, "least_spread": spread, "largest": 11.0}
    )
    assert rounded(to_host(input_scale(Batch(inputs[..., :1], torch.zeros(4)))))["least_spread"] is None
