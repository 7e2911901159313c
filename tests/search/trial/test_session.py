"""One trial from start to end: bit-exact after interruptions, with a correct outcome."""

import json
import random
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from failmap.run_folder.paths import TrialFolder
from failmap.run_folder.records import read_history
from failmap.search.trial.config import TrialConfig
from failmap.search.trial.history import SupersededError
from failmap.search.trial.session import TrialSession

CPU = torch.device("cpu")
TINY = {"name": "adding", "sequence_length": 6, "test_size": 64}


def config(**parts: Any) -> TrialConfig:
    train = {"max_updates": 24, "evaluate_every": 4, "batch_size": 8, **parts.pop("train", {})}
    return TrialConfig.model_validate({"task": TINY, "model": {"name": "lstm"}, "train": train, **parts})


def run(trial: TrialConfig, folder: Path, **settings: Any) -> TrialSession:
    session = TrialSession(trial, TrialFolder(folder), CPU, **settings)
    while session.summary is None:
        session.advance()
    return session


def history(folder: Path) -> list[dict[str, Any]]:
    lines = (folder / "history.jsonl").read_text().splitlines()
    return [{key: value for key, value in json.loads(line).items() if key != "seconds"} for line in lines]


class StopAfter:
    """A flag that is set after a number of polls."""

    def __init__(self, num_polls: int) -> None:
        self.num_polls = num_polls

    def __call__(self) -> bool:
        self.num_polls -= 1
        return self.num_polls < 0


CONFIGURATIONS = {
    "lstm adam dropout": config(model={"name": "lstm", "depth": 2, "dropout": 0.3}),
    "gru adamw cosine": config(
        model={"name": "gru"}, train={"optimizer": "adamw", "schedule": "cosine", "weight_decay": 0.1}
    ),
    "rnn sgd momentum clip": config(
        model={"name": "rnn"}, train={"optimizer": "sgd", "momentum": 0.9, "clip_norm": 0.1}
    ),
    "rmsprop momentum warm-up": config(
        train={"optimizer": "rmsprop", "momentum": 0.5, "warmup_updates": 6, "learning_rate": 1e-3}
    ),
    "sgd without a state": config(train={"optimizer": "sgd"}),
    "nadam plateau": config(
        train={"optimizer": "nadam", "schedule": "plateau", "plateau_patience": 0, "plateau_factor": 0.5}
    ),
    "asgd one cycle L2 full batch": config(
        task={**TINY, "train_size": 20},
        train={"optimizer": "asgd", "schedule": "one_cycle", "l2_penalty": 0.01, "batch_size": "full"},
    ),
    "curriculum": config(task={**TINY, "length_distribution": "curriculum"}),
    "every step of parity": config(task={"name": "parity", "supervision": "every_step", "test_size": 64}),
    "digits across an epoch": config(
        task={"name": "mnist", "sequence_length": 4}, train={"batch_size": 500, "max_updates": 24}
    ),
}


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_interrupted_trial_resumes_bit_exactly(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("failmap.run_folder.storage.local.LocalFiles.poll_seconds", 0.0)
    trial = CONFIGURATIONS[name]
    whole = run(trial, tmp_path / "whole")
    moments = random.Random(name)
    reasons = []
    while "interrupted" in (reasons or ["interrupted"])[-1]:
        reasons.append(
            run(trial, tmp_path / "torn", is_stopped=StopAfter(moments.randint(2, 12))).summary.reason  # type: ignore[union-attr]
        )

    assert len(reasons) > 1, "never interrupted"
    assert history(tmp_path / "torn") == history(tmp_path / "whole")
    assert whole.summary is not None
    assert reasons[-1] == whole.summary.reason


def test_killed_trial_repeats_unsaved_updates(tmp_path: Path) -> None:
    trial = CONFIGURATIONS["lstm adam dropout"]
    run(trial, tmp_path / "whole")
    session = TrialSession(trial, TrialFolder(tmp_path / "torn"), CPU)
    for _ in range(4):
        session.advance()
    with (tmp_path / "torn" / "history.jsonl").open("a") as file:
        file.write('{"update": 20, "seco')
    run(trial, tmp_path / "torn")
    assert history(tmp_path / "torn") == history(tmp_path / "whole")


def test_damaged_checkpoint_restarts_trial(tmp_path: Path) -> None:
    trial = config()
    run(trial, tmp_path / "whole")
    session = TrialSession(trial, TrialFolder(tmp_path / "torn"), CPU)
    session.advance()
    session.advance()
    state = tmp_path / "torn" / "checkpoint" / "state.safetensors"
    state.write_bytes(state.read_bytes()[:100])
    run(trial, tmp_path / "torn")
    assert history(tmp_path / "torn") == history(tmp_path / "whole")


def test_history_depends_on_seed_alone(tmp_path: Path) -> None:
    torch.manual_seed(123)
    run(config(seed=1), tmp_path / "a")
    torch.manual_seed(321)
    run(config(seed=1), tmp_path / "b")
    run(config(seed=2), tmp_path / "c")
    assert history(tmp_path / "a") == history(tmp_path / "b") != history(tmp_path / "c")


def test_easy_task_is_learned(tmp_path: Path) -> None:
    task = {"name": "delayed_recall", "sequence_length": 3, "test_size": 256}
    session = run(config(task=task, train={"learning_rate": 0.03, "max_updates": 400}), tmp_path, test=True)
    summary = session.summary
    assert summary is not None
    assert (summary.outcome, summary.reason) == ("learned", "criterion met")
    assert summary.updates < 400
    assert summary.best_score >= summary.target_score
    assert summary.test_score is not None
    assert summary.test_score > 0.9


def test_small_budget_fails(tmp_path: Path) -> None:
    summary = run(config(), tmp_path).summary
    assert summary is not None
    assert (summary.outcome, summary.reason, summary.updates) == ("failed", "update budget spent", 24)
    assert summary.chance_metric == pytest.approx(1 / 6)
    assert summary.test_score is None


def test_configured_criterion_sets_target_metric(tmp_path: Path) -> None:
    summary = run(config(criterion={"score": 0.75}), tmp_path).summary
    assert summary is not None
    assert summary.target_score == 0.75
    assert summary.target_metric == pytest.approx(0.25 / 6)


def test_enumerated_inputs_are_reported(tmp_path: Path) -> None:
    few = run(config(task={"name": "parity", "sequence_length": 3, "test_size": 256}), tmp_path / "few")
    many = run(config(), tmp_path / "many")
    assert few.summary is not None
    assert many.summary is not None
    assert (few.summary.has_every_input, many.summary.has_every_input) == (True, False)


def test_evaluation_updates(tmp_path: Path) -> None:
    run(config(train={"max_updates": 10}), tmp_path)
    evaluations = list(read_history(tmp_path / "history.jsonl"))
    assert [evaluation.update for evaluation in evaluations] == [4, 8, 10]
    assert all(earlier.seconds < later.seconds for earlier, later in pairwise(evaluations))


def test_divergence_names_tensor_and_update(tmp_path: Path) -> None:
    summary = run(config(train={"optimizer": "sgd", "learning_rate": 900.0}), tmp_path).summary
    assert summary is not None
    assert summary.outcome == "failed"
    assert summary.score == -1
    assert summary.first_nonfinite is not None
    assert 1 <= summary.first_nonfinite["update"] <= summary.updates
    found = summary.first_nonfinite
    assert summary.reason == f"not finite: {found['tensor']} at update {found['update']}"
    last = history(tmp_path)[-1]
    assert last["train_loss"] is None


def test_stuck_weights_fail(tmp_path: Path) -> None:
    # Steps of 1e-30 are lost in the rounding of a float32.
    summary = run(config(train={"optimizer": "sgd", "learning_rate": 1e-30}), tmp_path).summary
    assert summary is not None
    assert (summary.outcome, summary.reason) == ("failed", "stuck: no weight changes any more")
    assert summary.updates == 8


def test_plateau_lowers_rate_of_next_interval(tmp_path: Path) -> None:
    # Steps of 1e-7 change the loss by less than the threshold.
    train = {"schedule": "plateau", "plateau_patience": 1, "optimizer": "sgd", "learning_rate": 1e-7}
    run(config(train={**train, "final_share": 0.0}), tmp_path)
    rates = [line["signals"]["learning_rate"] for line in history(tmp_path)]
    assert rates == pytest.approx([1e-7] * 3 + [1e-8] * 3)


def test_superseded_attempt_writes_nothing(tmp_path: Path) -> None:
    current = True
    session = TrialSession(config(), TrialFolder(tmp_path), CPU, is_current=lambda: current)
    session.advance()
    before = history(tmp_path)
    current = False
    with pytest.raises(SupersededError):
        session.advance()
    assert history(tmp_path) == before


@pytest.mark.parametrize(("keep", "kept"), [("none", False), ("learned", False), ("all", True)])
def test_kept_weights(keep: str, kept: bool, tmp_path: Path) -> None:
    session = run(config(), tmp_path, keep=keep)
    assert (tmp_path / "weights.safetensors").exists() == kept
    if kept:
        stored = load_file(tmp_path / "weights.safetensors")
        assert stored.keys() == session.training.model.state_dict().keys()
        assert torch.equal(stored["readout.weight"], session.training.model.readout.weight)


def test_gradient_steps_of_shorter_sequences(tmp_path: Path) -> None:
    run(CONFIGURATIONS["curriculum"], tmp_path)
    first, *_, last = (line["signals"] for line in history(tmp_path))
    assert len(first["gradient_steps"]) == len(first["gradient_norm_by_step"]) < TINY["sequence_length"]
    assert len(last["gradient_steps"]) == len(last["gradient_norm_by_step"]) <= TINY["sequence_length"]


def test_a_metric_of_rare_classes_decides(tmp_path: Path) -> None:
    inputs = np.random.RandomState(0).normal(size=(400, 5, 1))
    np.savez(tmp_path / "my.npz", inputs=inputs, targets=inputs.sum((1, 2)) > 2)
    task = {"name": "array_file", "path": str(tmp_path / "my.npz"), "metric": "auroc"}
    trial = config(task={**task, "class_weights": "balanced"}, train={"batch_size": 32})
    summary = run(trial, tmp_path / "trial").summary
    assert summary is not None
    assert (summary.metric, summary.chance_metric) == ("auroc", 0.5)
    last = list(read_history(tmp_path / "trial" / "history.jsonl"))[-1]
    assert last.metric is not None
    assert last.score == pytest.approx(2 * last.metric - 1)
