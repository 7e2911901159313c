"""A snapshot resumes a training bit by bit, whatever the optimizer."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from failmap.models import build_model
from failmap.models.config import GRUConfig
from failmap.models.network import Interface
from failmap.search.trial.checkpoint import Snapshot
from failmap.search.trial.config import TrialConfig
from failmap.search.trial.criterion import Progress
from failmap.search.trial.precision import LossScaling
from failmap.search.trial.train_config import OPTIMIZERS
from failmap.search.trial.training import Training

CPU = torch.device("cpu")
MOMENTA = {"sgd": {"momentum": 0.9, "nesterov": True}, "rmsprop": {"momentum": 0.5}}


def training(**train: Any) -> Training:
    return Training(
        TrialConfig.model_validate(
            {
                "task": {"name": "adding", "sequence_length": 5, "test_size": 8},
                "model": {"name": "gru", "hidden_size": 6, "depth": 2},
                "train": {"batch_size": 8, "learning_rate": 0.01, **train},
            }
        ),
        CPU,
    )


def take(trained: Training, progress: Progress) -> Snapshot:
    return Snapshot.take(trained.model, trained.optimizer, trained.precision.scaling, progress)


def state(trained: Training) -> dict[str, Tensor]:
    return take(trained, Progress()).tensors


def run(trained: Training, first: int, end: int) -> None:
    for update in range(first, end):
        trained.update(update)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_restored_training_is_bit_exact(name: str, tmp_path: Path) -> None:
    settings = {"optimizer": name, **MOMENTA.get(name, {})}
    whole, torn = training(**settings), training(**settings)
    run(whole, 0, 6)
    run(torn, 0, 3)
    take(torn, Progress(update=3)).save(tmp_path)

    resumed = training(**settings)
    stored = Snapshot.load(tmp_path, CPU)
    assert stored is not None
    stored.restore(resumed.model, resumed.optimizer, resumed.precision.scaling)
    run(resumed, stored.progress.update, 6)

    expected, found = state(whole), state(resumed)
    assert found.keys() == expected.keys()
    assert [key for key in expected if not torch.equal(found[key], expected[key])] == []
    assert [key for key in expected if found[key].dtype != expected[key].dtype] == []


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_snapshot_is_a_copy(name: str) -> None:
    trained = training(optimizer=name)
    run(trained, 0, 2)
    snapshot = take(trained, Progress(update=2))
    before = {key: tensor.clone() for key, tensor in snapshot.tensors.items()}
    run(trained, 2, 4)
    snapshot.restore(trained.model, trained.optimizer, trained.precision.scaling)
    run(trained, 2, 4)
    assert all(torch.equal(before[key], tensor) for key, tensor in snapshot.tensors.items())


def test_snapshot_before_first_update(tmp_path: Path) -> None:
    whole, resumed = training(optimizer="adagrad"), training(optimizer="adagrad")
    take(whole, Progress()).save(tmp_path)
    run(resumed, 0, 2)
    stored = Snapshot.load(tmp_path, CPU)
    assert stored is not None
    stored.restore(resumed.model, resumed.optimizer, resumed.precision.scaling)
    run(whole, 0, 2)
    run(resumed, 0, 2)
    assert all(torch.equal(tensor, state(resumed)[key]) for key, tensor in state(whole).items())


def test_progress_is_restored(tmp_path: Path) -> None:
    progress = Progress(update=7, lowest_loss=0.1 + 0.2, stale=3, rate_share=0.01)
    take(training(), progress).save(tmp_path)
    stored = Snapshot.load(tmp_path, CPU)
    assert stored is not None
    assert stored.progress == progress


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_gpu_state_keeps_its_devices(name: str) -> None:
    gpu = torch.device("cuda")
    trained = Training(training(optimizer=name).config, gpu)
    run(trained, 0, 2)
    fresh = {key: tensor.device for key, tensor in state(trained).items()}
    take(trained, Progress()).restore(trained.model, trained.optimizer, trained.precision.scaling)
    assert {key: tensor.device for key, tensor in state(trained).items()} == fresh
    on_cpu = training(optimizer=name)
    run(on_cpu, 0, 2)
    take(on_cpu, Progress()).restore(trained.model, trained.optimizer, trained.precision.scaling)
    assert {key: tensor.device for key, tensor in state(trained).items()} == fresh
    run(trained, 2, 4)


def test_same_weights_ignores_batch_norm_statistics() -> None:
    model = build_model(GRUConfig(batch_norm=True), Interface(3, 1, num_steps=4))
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    unscaled = LossScaling(CPU, is_enabled=False)
    before = Snapshot.take(model, optimizer, unscaled, Progress())
    model(torch.randn(5, 4, 3)).sum().backward()
    assert before.has_same_weights(model, unscaled)
    optimizer.step()
    assert not before.has_same_weights(model, unscaled)
