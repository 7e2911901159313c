"""Weights of classes: in the training loss, and in what it is compared with."""

from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight
from torch.nn import functional

from failmap.datasets import build_task
from failmap.datasets.config import ArrayFileConfig
from failmap.datasets.task import Batch, Task
from failmap.search.trial.config import OutputConfig
from failmap.search.trial.objective import Objective

HEADS = [
    {"loss": "cross_entropy"},
    {"loss": "cross_entropy", "activation": "tanh"},
    {"loss": "bce_with_logits"},
    {"loss": "bce", "activation": "sigmoid"},
    {"loss": "mse"},
    {"loss": "huber"},
]


@pytest.fixture
def path(tmp_path: Path) -> str:
    random = np.random.default_rng(0)
    inputs = random.normal(size=(600, 4, 1))
    sums = inputs.sum((1, 2))
    np.savez(tmp_path / "rare.npz", inputs=inputs, targets=(sums > 2).astype(int) + 2 * (sums > 3.5))
    return str(tmp_path / "rare.npz")


def task_of(path: str, class_weights: str = "balanced") -> Task:
    return build_task(ArrayFileConfig(path=path, class_weights=class_weights))


def training_set(task: Task) -> Batch:
    assert task.num_train is not None
    return task.train_batch(0, 0, task.num_train, 0.0)


def test_weights_as_in_scikit_learn(path: str) -> None:
    task = task_of(path)
    labels = training_set(task).targets.numpy()
    expected = compute_class_weight("balanced", classes=np.unique(labels), y=labels)
    assert task.class_weights is not None
    assert task.class_weights.tolist() == pytest.approx(expected.tolist())
    assert task_of(path, "none").class_weights is None


def test_loss_is_weighted_by_class(path: str) -> None:
    task = task_of(path)
    batch = training_set(task)
    outputs = torch.randn(len(batch.targets), 3)
    loss = Objective(OutputConfig(loss="cross_entropy"), task).loss(outputs, batch)
    # The mean weight of the training set is 1, so torch's weighted mean is the same.
    expected = functional.cross_entropy(outputs, batch.targets, weight=task.class_weights)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)


@pytest.mark.parametrize("head", HEADS)
def test_chance_loss_is_that_of_the_best_constant(path: str, head: dict[str, str]) -> None:
    task = task_of(path)
    objective = Objective(OutputConfig.model_validate(head), task)
    batch = task.validation_set()
    constant = torch.zeros(3, requires_grad=True)
    optimizer = torch.optim.LBFGS([constant], max_iter=300, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = objective.loss(constant.expand(len(batch.targets), 3), batch)
        loss.backward()
        return loss

    optimizer.step(closure)
    assert closure().item() == pytest.approx(objective.chance_loss, abs=1e-3)
    assert objective.floor.loss <= objective.chance_loss


def test_metric_and_score_are_not_weighted(path: str) -> None:
    weighted, plain = task_of(path), task_of(path, "none")
    assert weighted.chance.metric == plain.chance.metric
    assert weighted.target_metric == plain.target_metric
