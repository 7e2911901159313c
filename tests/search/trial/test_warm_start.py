"""Trials that start from the layers of another (`model.start_from`)."""

from pathlib import Path
from typing import Any

import pytest
import torch

from failmap.run_folder.errors import UserError
from failmap.run_folder.paths import RunFolder, TrialFolder
from failmap.search.trial.checkpoint import Snapshot, stored_weights
from failmap.search.trial.config import TrialConfig
from failmap.search.trial.criterion import Progress
from failmap.search.trial.session import TrialSession


def session(folder: TrialFolder, **model: Any) -> TrialSession:
    config = TrialConfig.model_validate(
        {
            "task": {"name": "adding", "sequence_length": 6, "test_size": 64},
            "model": {"name": "lstm", "hidden_size": 4, **model},
            "train": {"max_updates": 4, "evaluate_every": 4, "batch_size": 8},
        }
    )
    return TrialSession(config, folder, torch.device("cpu"), keep="all")


@pytest.fixture
def storage(tmp_path: Path) -> Path:
    """Trials 2 and 10 of run `shallow` kept their weights; trial 3 did not."""
    run = RunFolder(tmp_path / "shallow")
    for number in (2, 10):
        session(run.trial(number)).advance()
    run.trial(3).path.mkdir()
    return tmp_path


def test_stored_layers_are_copied(storage: Path) -> None:
    ours = session(RunFolder(storage / "deep").trial(0), depth=2, start_from="shallow/10", frozen_layers=1)
    theirs = session(RunFolder(storage / "other").trial(0), start_from="shallow/10")
    assert ours.training.model.num_reused_layers == 1

    before = {name: t.clone() for name, t in theirs.training.model.layers[0].state_dict().items()}
    ours.advance()
    after = ours.training.model.layers[0].state_dict()
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())


def test_resumed_trial_needs_no_source(storage: Path) -> None:
    run = RunFolder(storage / "deep")
    begun = session(run.trial(0), start_from="shallow/2").training
    snapshot = Snapshot.take(begun.model, begun.optimizer, begun.precision.scaling, Progress(update=2))
    snapshot.save(run.trial(0).checkpoint)
    (storage / "shallow" / "trials" / "2" / "weights.safetensors").unlink()
    assert session(run.trial(0), start_from="shallow/2").progress.update == 2


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("shalow/2", r"no run shalow in .*; did you mean shallow\?"),
        ("shallow/4", "trial 4 .*: 2, 10"),
        ("shallow/3", "trial 3 kept no weights.*: 2, 10"),
    ],
)
def test_missing_source_names_nearest(storage: Path, source: str, message: str) -> None:
    with pytest.raises(UserError, match=f"model.start_from={source}: {message}"):
        stored_weights(source, storage)


def test_run_without_weights(tmp_path: Path) -> None:
    RunFolder(tmp_path / "bare").trial(0).path.mkdir(parents=True)
    with pytest.raises(UserError, match="keep=learned or keep=all"):
        stored_weights("bare/0", tmp_path)


def test_layers_that_do_not_fit(storage: Path) -> None:
    with pytest.raises(UserError, match=r"model\.start_from=shallow/2: no lower layer fits"):
        session(RunFolder(storage / "wide").trial(0), hidden_size=5, start_from="shallow/2")


def test_damaged_weights(storage: Path) -> None:
    (storage / "shallow" / "trials" / "2" / "weights.safetensors").write_bytes(b"torn")
    with pytest.raises(UserError, match="cannot be read"):
        session(RunFolder(storage / "deep").trial(0), start_from="shallow/2")
