"""Trials of a search for the best recipe: they spend their updates, and keep their best evaluation."""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from failmap.run_folder.objectives import Objective, parse_objectives
from failmap.run_folder.paths import TrialFolder
from failmap.run_folder.records import read_history
from failmap.search.trial.config import TrialConfig
from failmap.search.trial.session import TrialSession

CPU = torch.device("cpu")


def config(max_updates: int = 60, **train: Any) -> TrialConfig:
    values = {"max_updates": max_updates, "evaluate_every": 5, "batch_size": 8, **train}
    task = {"name": "adding", "sequence_length": 4, "test_size": 64}
    return TrialConfig.model_validate({"task": task, "model": {"name": "lstm"}, "train": values})


def objectives(*names: str) -> tuple[Objective, ...]:
    return parse_objectives(names, is_own=False)


def run(trial: TrialConfig, folder: Path, **settings: Any) -> TrialSession:
    session = TrialSession(trial, TrialFolder(folder), CPU, **settings)
    while session.summary is None:
        session.advance()
    return session


def test_a_trial_that_has_learned_goes_on(tmp_path: Path) -> None:
    easy = TrialConfig.model_validate(config().model_dump() | {"criterion": {"score": 0.001}})
    with_goal = run(easy, tmp_path / "best", objectives=objectives("score")).summary
    without = run(easy, tmp_path / "map").summary
    assert with_goal is not None
    assert without is not None
    assert (with_goal.outcome, with_goal.updates) == ("learned", 60)
    assert (without.outcome, without.objectives) == ("learned", [])
    assert without.updates < 60


@pytest.mark.parametrize("name", ["score", "validation_loss", "train_loss", "mean_squared_error"])
def test_the_best_evaluation_counts(tmp_path: Path, name: str) -> None:
    """At a large learning rate the last evaluation is not the best one."""
    session = run(config(learning_rate=1.0), tmp_path, objectives=objectives(name, "parameters", "seconds"))
    summary = session.summary
    assert summary is not None
    history = list(read_history(tmp_path / "history.jsonl"))
    sign = 1 if name == "score" else -1
    values = {
        one.update: one.signals["losses"][name] if name == "mean_squared_error" else getattr(one, name)
        for one in history
    }
    best = max(values, key=lambda update: sign * values[update])
    assert summary.best_update == best
    assert summary.objectives == [values[best], summary.num_parameters, summary.seconds]
    assert best < 60


def test_kept_weights_are_those_of_the_best_evaluation(tmp_path: Path) -> None:
    trial = config(learning_rate=1.0)
    session = run(trial, tmp_path / "best", objectives=objectives("score"), keep="best")
    assert session.summary is not None
    best = session.summary.best_update
    # The same trial, ended there.
    short = trial.model_copy(update={"train": trial.train.model_copy(update={"max_updates": best})})
    run(short, tmp_path / "short", objectives=objectives("score"), keep="all")
    mine, other = (load_file(tmp_path / name / "weights.safetensors") for name in ("best", "short"))
    assert all(torch.equal(mine[name], other[name]) for name in other)


def test_an_interrupted_trial_keeps_its_best_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("failmap.run_folder.storage.local.LocalFiles.poll_seconds", 0.0)
    trial = config(learning_rate=1.0)
    whole = run(trial, tmp_path / "whole", objectives=objectives("score"), keep="best")
    settings: dict[str, Any] = {"objectives": objectives("score"), "keep": "best"}
    broken = TrialSession(
        trial,
        TrialFolder(tmp_path / "broken"),
        CPU,
        is_stopped=lambda: broken.progress.update >= 50,
        **settings,
    )
    while broken.summary is None:
        broken.advance()
    assert (broken.summary.outcome, broken.summary.updates) == (None, 50)
    resumed = run(trial, tmp_path / "broken", **settings)
    assert resumed.summary is not None
    assert whole.summary is not None
    assert resumed.summary.objectives == whole.summary.objectives
    assert resumed.summary.best_update == whole.summary.best_update < 50, "else it would have trained anew"
    mine, other = (load_file(tmp_path / name / "weights.safetensors") for name in ("broken", "whole"))
    assert all(torch.equal(mine[name], other[name]) for name in other)


def test_a_diverged_trial_has_what_was_before(tmp_path: Path) -> None:
    trial = config(optimizer="sgd", learning_rate=30.0, max_updates=60)
    summary = run(trial, tmp_path, objectives=objectives("validation_loss")).summary
    assert summary is not None
    finite = [one.validation_loss for one in read_history(tmp_path / "history.jsonl") if one.validation_loss]
    assert summary.objectives == ([min(finite)] if finite else [])
