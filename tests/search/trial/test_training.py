"""Batches of a training: of a given size, or the whole training set."""

from typing import Any

import pytest
import torch
from pydantic import ValidationError

from failmap.search.trial.config import TrialConfig
from failmap.search.trial.training import Training

CPU = torch.device("cpu")


def trial(task: dict[str, Any], model: str = "lstm", **train: Any) -> TrialConfig:
    return TrialConfig.model_validate({"task": task, "model": {"name": model}, "train": train})


def adding(**task: Any) -> dict[str, Any]:
    return {"name": "adding", "sequence_length": 5, "test_size": 8, **task}


def test_full_batch_is_whole_training_set() -> None:
    training = Training(trial(adding(train_size=40), batch_size="full"), CPU)
    assert training.batch_size == training.task.num_train == 40
    first, second = (training.batch(update).targets.sort().values for update in (0, 1))
    assert len(first) == 40
    assert torch.equal(first, second)


def test_full_batch_needs_finite_training_set() -> None:
    with pytest.raises(ValidationError, match=r"adding.*: set task\.train_size"):
        trial(adding(), batch_size="full")
    with pytest.raises(ValidationError, match="moving_mnist"):
        trial({"name": "moving_mnist"}, "encoder_decoder", batch_size="full")


@pytest.mark.parametrize("batch_size", [0, 2_000_000, "half"])
def test_invalid_batch_size(batch_size: Any) -> None:
    with pytest.raises(ValidationError):
        trial(adding(), batch_size=batch_size)


def test_given_rate_replaces_schedule() -> None:
    training = Training(trial(adding(), optimizer="sgd", learning_rate=1.0), CPU)
    before = [parameter.detach().clone() for parameter in training.parameters]
    training.update(0, rate=1e-30)
    assert all(torch.equal(old, new) for old, new in zip(before, training.parameters, strict=True))
    training.update(0)
    assert not any(torch.equal(old, new) for old, new in zip(before, training.parameters, strict=True))
