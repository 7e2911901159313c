"""Trials that are stopped because their curve is hopeless."""

from pathlib import Path

import numpy as np
import pytest
import torch

from failmap.run_folder.paths import TrialFolder
from failmap.run_folder.records import read_history
from failmap.search.futility.forest import Forest
from failmap.search.futility.rule import Rule
from failmap.search.trial.config import TrialConfig
from failmap.search.trial.session import TrialSession

CPU = torch.device("cpu")
CONFIG = TrialConfig.model_validate(
    {
        "task": {"name": "adding", "sequence_length": 6, "test_size": 64},
        "model": {"name": "lstm"},
        "train": {"max_updates": 24, "evaluate_every": 4, "batch_size": 8},
    }
)


@pytest.fixture(scope="module")
def rule() -> Rule:
    """Return a rule by which every curve is hopeless two evaluations after half of its updates."""
    forest = Forest(
        feature=np.array([0, -1, -1], dtype=np.int16),
        threshold=np.array([0.5, 0, 0]),
        left=np.array([1, -1, -1], dtype=np.int32),
        right=np.array([2, -1, -1], dtype=np.int32),
        probability=np.array([0.5, 0.9, 0.0], dtype=np.float32),
        roots=np.zeros(1, dtype=np.int32),
    )
    return Rule(forest, 0.35, 6, num_curves=9, stopped=199, wrong=0, saved=0.5, p_learn=0.0025)


def ended(session: TrialSession) -> TrialSession:
    """Train to the end."""
    while session.summary is None:
        session.advance()
    return session


def test_hopeless_trial_ends_at_once_as_failed(tmp_path: Path, rule: Rule) -> None:
    """It says when, and how likely it was to learn after all."""
    summary = ended(TrialSession(CONFIG, TrialFolder(tmp_path), CPU, rule=rule)).summary
    assert summary is not None
    assert (summary.outcome, summary.updates, summary.hopeless_at) == ("failed", 20, 20)
    assert summary.p_learn == 0.0025
    assert [one.update for one in read_history(TrialFolder(tmp_path).history)] == [4, 8, 12, 16, 20]


def test_exempt_trial_goes_on_and_says_when_it_was_hopeless(tmp_path: Path, rule: Rule) -> None:
    """Its training is that of a trial without a rule, bit for bit."""
    summary = ended(TrialSession(CONFIG, TrialFolder(tmp_path / "a"), CPU, rule=rule, exempt=True)).summary
    plain = ended(TrialSession(CONFIG, TrialFolder(tmp_path / "b"), CPU)).summary
    assert summary is not None
    assert plain is not None
    assert (summary.updates, summary.hopeless_at, summary.p_learn) == (24, 20, 0)
    assert (plain.updates, plain.hopeless_at, plain.p_learn) == (24, None, 0)
    assert (summary.score, summary.best_score) == (plain.score, plain.best_score)


@pytest.mark.parametrize("exempt", [False, True])
def test_resumed_trial_knows_its_whole_curve(
    tmp_path: Path, rule: Rule, exempt: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is hopeless at the same evaluation, whether it was interrupted before or after that."""
    monkeypatch.setattr("failmap.run_folder.storage.local.LocalFiles.poll_seconds", 0.0)
    num_evaluations = 5 if exempt else 3
    folder = TrialFolder(tmp_path)
    stops = iter([False] * (4 * num_evaluations) + [True] * 100)
    first = ended(
        TrialSession(CONFIG, folder, CPU, rule=rule, exempt=exempt, is_stopped=lambda: next(stops, False))
    )
    assert first.summary is not None
    assert first.summary.outcome is None
    second = ended(TrialSession(CONFIG, folder, CPU, rule=rule, exempt=exempt)).summary
    assert second is not None
    assert (second.updates, second.hopeless_at) == ((24, 20) if exempt else (20, 20))
