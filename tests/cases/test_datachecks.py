"""Inputs on which searches went wrong: what a run says of them before it starts, and the way out."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from failmap.run_folder.paths import TrialFolder
from failmap.search.commands.check import check
from failmap.search.loading import load
from failmap.search.preflight.run import brief_preflight
from failmap.search.trial.config import TrialConfig
from failmap.search.trial.session import TrialSession

RANDOM = np.random.default_rng(0)
ONE = ("task=array_file", "model=lstm", "model.depth=1", "model.hidden_size=4")


def bad_checks(*arguments: str) -> dict[str, str]:
    """Return what a run prints of checks that did not pass, by their names."""
    lines = brief_preflight(load([*ONE, *arguments]), "check")
    split = (line.removeprefix("preflight ").split(": ", maxsplit=2) for line in lines[:-1])
    return {name.replace(" ", "_"): f"{status}: {text}" for status, name, text in split}


@pytest.fixture(autouse=True)
def enough_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Checks must not be left out because the machine is busy."""
    for limit in ("BRIEF_SECONDS", "BRIEF_TRIAL_SECONDS"):
        monkeypatch.setattr(f"failmap.search.preflight.run.{limit}", 60.0)


@pytest.fixture
def next_value(tmp_path: Path) -> str:
    values = RANDOM.normal(size=(2500, 20, 1))
    targets = np.concatenate([values[:, 1:, 0], RANDOM.normal(size=(2500, 1))], axis=1)
    np.savez(tmp_path / "next_value.npz", inputs=values, targets=targets)
    return f"task.path={tmp_path / 'next_value.npz'}"


def test_a_run_warns_that_a_bidirectional_network_sees_the_answer(next_value: str) -> None:
    arguments = (next_value, "task.target=regression", "task.supervision=every_step")
    found = bad_checks(*arguments, "model.bidirectional=true")["later_inputs"]
    assert found.startswith("fail")
    assert "model.bidirectional=false" in found
    assert "task.later_inputs=allowed" in found
    for answer in ("model.bidirectional=false", "task.later_inputs=allowed"):
        texts = dict(text.split("=", 1) for text in ("model.bidirectional=true", answer))
        answered = [f"{key}={value}" for key, value in texts.items()]
        assert "later_inputs" not in bad_checks(*arguments, *answered)
    axis = bad_checks(*arguments, "space=my_data", "model.bidirectional=false,true")
    assert "later_inputs" in axis, "whichever value comes first"


def test_check_fails_with_the_number(next_value: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = (next_value, "task.target=regression", "task.supervision=every_step", "model.bidirectional=true")
    assert check([*ONE, *words], as_json=True) == 1
    (trial,) = json.loads(capsys.readouterr().out)["trials"]
    finding = next(one for one in trial["findings"] if one["check"] == "later_inputs")
    assert finding["value"] > 0.9
    assert finding["settings"] == ["model.bidirectional=false", "task.later_inputs=allowed"]


@pytest.mark.parametrize("filling", [0.0, np.nan])
def test_padding_without_lengths_is_told(tmp_path: Path, filling: float) -> None:
    lengths = RANDOM.integers(5, 20, 800)
    is_step = (np.arange(100) < lengths[:, None])[:, :, None]
    values = RANDOM.normal(size=(800, 100, 1))
    classes = (values[:, :3, 0].sum(1) > 0).astype(int)
    np.savez(tmp_path / "pad.npz", inputs=np.where(is_step, values, filling), targets=classes)
    words = (f"task.path={tmp_path / 'pad.npz'}", "task.test_size=200")
    if filling == 0:
        assert "task.padding=trim" in bad_checks(*words)["padding"]
    assert "padding" not in bad_checks(*words, "task.padding=trim")


def test_a_trend_is_told_with_changes_as_the_way_out(tmp_path: Path) -> None:
    days = np.arange(2000)
    values = days * 0.1 + 5 * np.sin(days / 7 * 2 * np.pi) + 0.3 * RANDOM.normal(size=2000)
    times = pd.date_range("2020-01-01", periods=2000)
    pd.DataFrame({"time": times, "v": values}).to_csv(tmp_path / "trend.csv", index=False)
    words = (f"task.path={tmp_path / 'trend.csv'}", "task.target=forecasting", "task.sequence_length=14")
    assert "task.forecast=change with task.differences=true" in bad_checks(*words)["shift"]
    assert "shift" not in bad_checks(*words, "task.forecast=change", "task.differences=true")


def outcome(folder: Path, **task: Any) -> str | None:
    """Train one trial without Ray, and return its outcome."""
    config = TrialConfig.model_validate(
        {
            "task": {"name": "array_file", **task},
            "model": {"name": "lstm", "depth": 1, "hidden_size": 32},
            "train": {"learning_rate": 3e-3, "max_updates": 600},
        }
    )
    name = "-".join(map(str, task.values())).replace("/", "_")[-100:]
    session = TrialSession(config, TrialFolder(folder / name), torch.device("cpu"))
    while session.summary is None:
        session.advance()
    return session.summary.outcome


@pytest.mark.long
def test_changes_of_a_trend_are_learned(tmp_path: Path) -> None:
    days = np.arange(2000)
    values = days * 0.1 + 5 * np.sin(days / 7 * 2 * np.pi) + 0.3 * RANDOM.normal(size=2000)
    np.savez(tmp_path / "trend.npz", series=values)
    task = {"path": str(tmp_path / "trend.npz"), "target": "forecasting", "sequence_length": 14}
    assert outcome(tmp_path, **task) == "failed"
    assert outcome(tmp_path, **task, forecast="change", differences=True) == "learned"


@pytest.mark.long
def test_sequences_without_their_padding_are_learned(tmp_path: Path) -> None:
    lengths = RANDOM.integers(5, 20, 800)
    is_step = (np.arange(100) < lengths[:, None])[:, :, None]
    inputs = np.where(is_step, RANDOM.normal(size=(800, 100, 1)), 0.0)
    classes = (inputs[:, :3, 0].sum(1) > 0).astype(int)
    np.savez(tmp_path / "pad.npz", inputs=inputs, targets=classes)
    task = {"path": str(tmp_path / "pad.npz"), "sequence_length": 0, "test_size": 200}
    assert outcome(tmp_path, **task) == "failed"
    assert outcome(tmp_path, **task, padding="trim") == "learned"


def test_a_random_walk_is_told(tmp_path: Path) -> None:
    values = 100 + RANDOM.normal(size=3000).cumsum()
    times = pd.date_range("2024-01-01", periods=3000, freq="h")
    pd.DataFrame({"time": times, "price": values}).to_csv(tmp_path / "walk.csv", index=False)
    words = (f"task.path={tmp_path / 'walk.csv'}", "task.target=forecasting", "task.sequence_length=12")
    found = bad_checks(*words)
    assert "simple_forecasts" in found
    assert "season" not in found


def test_far_targets_are_told_with_standardised_ones(tmp_path: Path) -> None:
    values = RANDOM.normal(size=(2000, 12, 1))
    np.savez(tmp_path / "big_y.npz", inputs=values, targets=5e5 + 1e5 * values[:, :, 0].mean(1))
    words = (f"task.path={tmp_path / 'big_y.npz'}", "task.target=regression", "task.normalise=false")
    assert "output.target_range=standardised" in bad_checks(*words)["initial_loss"]
