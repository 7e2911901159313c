"""Recipes as lines of PyTorch: run, they compute what the stored network computes."""

from pathlib import Path
from typing import Any

import pytest
import torch

import failmap
from failmap.run_folder.errors import UserError
from failmap.run_folder.paths import RunFolder
from failmap.run_folder.records import TrialRecord
from failmap.run_folder.storage import write_atomically
from failmap.search.trial.config import TrialConfig
from failmap.search.trial.session import TrialSession
from failmap.search.tuning.torch_code import torch_code, why_not_plain

BASE: dict[str, dict[str, Any]] = {
    "task": {"name": "adding", "sequence_length": 6},
    "model": {"name": "lstm", "hidden_size": 5},
    "train": {"max_updates": 20, "evaluate_every": 10, "batch_size": 8},
}
CASES: list[dict[str, dict[str, Any]]] = [
    {
        "model": {"depth": 3, "forget_bias": 1.0, "dropout": 0.3},
        "train": {"optimizer": "sgd", "momentum": 0.9},
    },
    {"model": {"name": "gru", "depth": 2}, "output": {"target_range": "minus_one_one", "activation": "tanh"}},
    {
        "model": {"name": "rnn", "nonlinearity": "relu"},
        "output": {"loss": "huber", "target_range": "zero_one"},
    },
    {"output": {"activation": "scaled", "loss": "mse"}, "train": {"clip_norm": 0.5, "clip_value": 1.0}},
    {"task": {"name": "parity", "supervision": "every_step"}, "model": {"depth": 2}},
    {
        "task": {"name": "temporal_order"},
        "model": {"name": "gru"},
        "train": {"optimizer": "adamw", "beta1": 0.8},
    },
    {"task": {"name": "temporal_order"}, "output": {"loss": "mse"}},
]


def config_of(changes: dict[str, dict[str, Any]]) -> TrialConfig:
    values = {group: dict(fields) for group, fields in BASE.items()}
    for group, fields in changes.items():
        values[group] = {**values.get(group, {}), **fields}
    if "name" in changes.get("task", {}):
        values["task"] = changes["task"]
    return TrialConfig.model_validate(values)


def trained(config: TrialConfig, folder: RunFolder) -> TrialSession:
    """A short training with its weights, stored as trial 0 of a run."""
    session = TrialSession(config, folder.trial(0), torch.device("cpu"), keep="all")
    while session.summary is None:
        session.advance()
    record = TrialRecord(
        0, 1, config.model_dump(mode="json"), {}, {}, 0, "default", 0, "2026-01-01T00:00:00+00:00"
    )
    write_atomically(folder.trial(0).record, record.to_json())
    write_atomically(folder.config, "run: r")
    return session


@pytest.mark.parametrize("changes", CASES, ids=lambda changes: str(sorted(map(str, changes.values())))[:60])
def test_lines_compute_what_the_network_computes(changes: dict[str, dict[str, Any]], tmp_path: Path) -> None:
    config, folder = config_of(changes), RunFolder(tmp_path / "run")
    session = trained(config, folder)
    training, task = session.training, session.training.task
    code = torch_code(
        config,
        training.objective.head,
        task.input_size,
        task.output_size,
        str(folder.trial(0).path / "weights.safetensors"),
    )
    names: dict[str, Any] = {}
    exec(compile(code, "lines", "exec"), names)
    batch = task.validation_set()
    model = names["model"].eval()
    with torch.no_grad():
        ours = training.objective.head.predict(training.model.eval()(batch.inputs))
        theirs = names["predict"](model(batch.inputs))
    torch.testing.assert_close(theirs, ours)
    loss = training.objective.loss(training.model(batch.inputs), batch).item()
    before = [parameter.clone() for parameter in model.parameters()]
    assert names["update"](batch.inputs, batch.targets) == pytest.approx(loss, rel=1e-4)
    assert any(not torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))
    state = torch.get_rng_state()
    loaded = failmap.load_model("run", 0, tmp_path)
    assert torch.equal(torch.get_rng_state(), state), "the caller's random numbers are left alone"
    torch.testing.assert_close(loaded.predict(batch.inputs.numpy()), ours)


@pytest.mark.parametrize(
    "model",
    [
        {"residual": True, "depth": 2},
        {"layer_norm": True},
        {"bidirectional": True},
        {"widths": "4-3", "depth": 2},
        {"chrono": True},
        {"name": "mlp"},
    ],
)
def test_what_torch_does_not_have_is_said(model: dict[str, Any]) -> None:
    assert why_not_plain(config_of({"model": model}))


def test_equal_widths_are_plain() -> None:
    assert why_not_plain(config_of({"model": {"widths": "4-4", "depth": 2}})) is None


def test_loading_leaves_denormals_alone(tmp_path: Path) -> None:
    """A training flushes them in its thread; the thread of a user is not ours."""
    trained(config_of({}), RunFolder(tmp_path / "run"))
    torch.set_flush_denormal(False)
    failmap.load_model("run", 0, tmp_path)
    assert (torch.tensor([1e-40]) * 0.5).item() > 0


def test_a_trial_without_weights_is_a_users_error(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    trained(config_of({}), folder)
    (folder.trial(0).path / "weights.safetensors").unlink()
    with pytest.raises(UserError, match="weights"):
        failmap.load_model("run", 0, tmp_path)


def test_an_own_task_is_not_executed() -> None:
    own = config_of({}).model_copy(
        update={"task": config_of({}).task.model_copy(update={"name": "mine.py:Task"})}
    )
    assert why_not_plain(own)
