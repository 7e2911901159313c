"""Weights and what new data need, as stored: enough to get the trial's result from the raw file."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from failmap.models import build_model
from failmap.models.config import LSTMConfig
from failmap.models.network import Interface, Network
from failmap.run_folder.paths import TrialFolder
from failmap.run_folder.records import read_history
from failmap.search.trial.config import TrialConfig
from failmap.search.trial.session import TrialSession

MODEL = {"name": "lstm", "hidden_size": 8}
RANDOM = np.random.RandomState(0)
INPUTS = RANDOM.normal([5.0, -100.0], [3.0, 0.1], (400, 6, 2))
#: A split by time: rows 280 to 319 are the validation set.
VALIDATION = slice(280, 320)


def trained(folder: Path, arrays: dict[str, Any], **task: Any) -> tuple[dict[str, torch.Tensor], Any, float]:
    """Return the weights, the stored preprocessing and the last metric of a short training."""
    np.savez(folder / "raw.npz", **arrays)
    config = {
        "task": {"name": "array_file", "path": str(folder / "raw.npz"), **task},
        "model": MODEL,
        "train": {"max_updates": 20, "evaluate_every": 10, "batch_size": 32},
    }
    place = TrialFolder(folder / "trial")
    session = TrialSession(TrialConfig.model_validate(config), place, torch.device("cpu"), keep="all")
    while session.summary is None:
        session.advance()
    *_, last = read_history(place.path / "history.jsonl")
    assert last.metric is not None
    stored = json.loads((place.path / "preprocessing.json").read_text())
    return load_file(place.path / "weights.safetensors"), stored, last.metric


def network(weights: dict[str, torch.Tensor], interface: Interface) -> Network:
    model = build_model(LSTMConfig.model_validate(MODEL), interface)
    model.load_state_dict(weights)
    return model.eval()


def scaled(stored: Any, values: np.ndarray) -> torch.Tensor:
    numbers = (values - np.array(stored["input_mean"])) / np.array(stored["input_deviation"])
    return torch.from_numpy(numbers.astype(np.float32))


def test_classes(tmp_path: Path) -> None:
    targets = np.where(INPUTS[:, :, 0].sum(1) > 30, 7, -2)
    weights, stored, metric = trained(
        tmp_path, {"inputs": INPUTS, "targets": targets, "times": np.arange(400)}
    )
    assert stored["features"] == ["0", "1"]
    model = network(weights, Interface(2, 2, num_steps=6))
    guess = np.array(stored["classes"])[model(scaled(stored, INPUTS[VALIDATION])).argmax(-1)]
    assert (guess == targets[VALIDATION]).mean() == pytest.approx(metric)


def test_numbers(tmp_path: Path) -> None:
    targets = 500 + INPUTS[:, :, 0].sum(1)
    arrays = {"inputs": INPUTS, "targets": targets, "times": np.arange(400)}
    weights, stored, metric = trained(tmp_path, arrays, target="regression")
    assert stored["classes"] is None
    model = network(weights, Interface(2, 1, num_steps=6))
    outputs = model(scaled(stored, INPUTS[VALIDATION])).detach().numpy()[:, 0]
    (mean,), (deviation,) = stored["target_mean"], stored["target_deviation"]
    error = np.square((outputs * deviation + mean - targets[VALIDATION]) / deviation).mean()
    assert error == pytest.approx(metric, rel=1e-4)


def test_generated_tasks_need_none(tmp_path: Path) -> None:
    config = {"task": {"name": "adding"}, "model": MODEL, "train": {"max_updates": 1, "evaluate_every": 1}}
    place = TrialFolder(tmp_path / "trial")
    session = TrialSession(TrialConfig.model_validate(config), place, torch.device("cpu"), keep="all")
    session.advance()
    assert sorted(path.name for path in place.path.glob("*.json")) == []
    assert (place.path / "weights.safetensors").exists()
