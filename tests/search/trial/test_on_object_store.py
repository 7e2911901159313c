"""A trial whose folder is in a bucket, from which it can be resumed at any time."""

from pathlib import Path
from typing import Any

import pytest
import torch

from failmap.run_folder.paths import STATE_FILE, WEIGHTS_FILE, TrialFolder
from failmap.run_folder.records import parse_history
from failmap.run_folder.storage import AnyPath, store_of
from failmap.search.trial.checkpoint import Snapshot
from failmap.search.trial.config import TrialConfig
from failmap.search.trial.history import SupersededError, begin_attempt, current_attempt
from failmap.search.trial.session import TrialSession

CPU = torch.device("cpu")
CONFIG = TrialConfig.model_validate(
    {
        "task": {"name": "adding", "sequence_length": 6, "test_size": 64},
        "model": {"name": "lstm"},
        "train": {"max_updates": 24, "evaluate_every": 4, "batch_size": 8},
    }
)


@pytest.fixture
def trial(s3_storage: AnyPath) -> TrialFolder:
    return TrialFolder(s3_storage / "run" / "trials" / "0")


def updates(trial: TrialFolder) -> list[int]:
    """The updates of the evaluations that others can see."""
    found = store_of(trial.path).read_many([trial.history]).get(trial.history, b"")
    return [evaluation.update for evaluation in parse_history(found.splitlines(keepends=True), "history")]


def lines(trial: TrialFolder) -> list[Any]:
    """The evaluations without timings."""
    content = store_of(trial.path).read(trial.history)
    return [(e.update, e.score, e.signals) for e in parse_history(content.splitlines(True), "history")]


def finish(session: TrialSession) -> None:
    while session.summary is None:
        session.advance()


def test_checkpoint_is_never_ahead_of_history(trial: TrialFolder) -> None:
    session = TrialSession(CONFIG, trial, CPU)
    while session.summary is None:
        session.advance()
        stored = Snapshot.load(trial.checkpoint, CPU)
        assert (stored.progress.update if stored else 0) <= max(updates(trial), default=0)
    assert updates(trial) == [4, 8, 12, 16, 20, 24]


def test_resumed_trial_equals_undisturbed_one(
    trial: TrialFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stops = iter([False] * 10 + [True] * 100)
    monkeypatch.setattr("failmap.run_folder.storage.objects.ObjectFiles.poll_seconds", 0.0)
    first = TrialSession(CONFIG, trial, CPU, is_stopped=lambda: next(stops))
    finish(first)
    assert first.summary is not None
    assert first.summary.outcome is None
    finish(TrialSession(CONFIG, trial, CPU, keep="all"))
    undisturbed = TrialFolder(tmp_path / "undisturbed")
    finish(TrialSession(CONFIG, undisturbed, CPU, keep="all"))
    assert lines(trial) == lines(undisturbed)
    weights = (undisturbed.path / WEIGHTS_FILE).read_bytes()
    assert store_of(trial.path).read(trial.path / WEIGHTS_FILE) == weights


def test_push_shows_all_evaluations(trial: TrialFolder) -> None:
    session = TrialSession(CONFIG, trial, CPU)
    for _ in range(3):
        session.advance()
    session.history.push()
    assert updates(trial) == [4, 8, 12]


def test_superseded_attempt_writes_nothing(trial: TrialFolder) -> None:
    assert current_attempt(trial) == 0
    begin_attempt(trial, 1)
    session = TrialSession(CONFIG, trial, CPU, is_current=lambda: current_attempt(trial) == 1)
    session.advance()
    begin_attempt(trial, 2)
    before = dict(store_of(trial.path).list_files(trial.path))
    with pytest.raises(SupersededError):
        session.history.push()
    assert store_of(trial.path).list_files(trial.path) == before


@pytest.mark.parametrize("harm", ["half", "flipped", "empty"])
def test_damaged_checkpoint_restarts_trial(
    trial: TrialFolder, harm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stops = iter([False] * 10 + [True] * 100)
    monkeypatch.setattr("failmap.run_folder.storage.objects.ObjectFiles.poll_seconds", 0.0)
    finish(TrialSession(CONFIG, trial, CPU, is_stopped=lambda: next(stops)))
    store, path = store_of(trial.path), trial.checkpoint / STATE_FILE
    content = store.read(path)
    assert Snapshot.load(trial.checkpoint, CPU) is not None
    flipped = content[:-100] + bytes([content[-100] ^ 1]) + content[-99:]
    store.write(path, {"half": content[: len(content) // 2], "flipped": flipped, "empty": b""}[harm])
    assert Snapshot.load(trial.checkpoint, CPU) is None
    finish(TrialSession(CONFIG, trial, CPU))
    assert updates(trial) == [4, 8, 12, 16, 20, 24]
