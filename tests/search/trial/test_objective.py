"""Losses, target ranges and metrics against torch's functions and against plain arithmetic."""

import math

import pytest
import torch
from torch.nn import functional

from datasets import build_task
from datasets.task import Batch
from search.trial.config import TrialConfig
from search.trial.objective import Objective


def objective(task: str, **output: object) -> Objective:
    config = TrialConfig.model_validate({"task": {"name": task}, "model": {"name": "lstm"}, "output": output})
    return Objective(config.output, build_task(config.task))


def labelled(targets: torch.Tensor) -> Batch:
    return Batch(torch.zeros(len(targets), 5, 1), targets)


def test_the_natural_losses_are_torchs() -> None:
    raw = torch.randn(8, 1)
    bits = torch.randint(0, 2, (8,)).float()
    natural = functional.binary_cross_entropy_with_logits(raw[:, 0], bits)
    assert objective("parity").loss(raw, labelled(bits)) == natural
    assert objective("adding").loss(raw, labelled(bits)) == functional.mse_loss(raw[:, 0], bits)
    scores, classes = torch.randn(8, 5, 2), torch.randint(0, 2, (8, 5))
    assert objective("delayed_recall").loss(scores, labelled(classes)) == functional.cross_entropy(
        scores.reshape(-1, 2), classes.reshape(-1)
    )


@pytest.mark.parametrize("target_range", ["task", "zero_one", "minus_one_one", "standardised"])
def test_metrics_stay_in_the_tasks_units_whatever_is_trained(target_range: str) -> None:
    adding = objective("adding", target_range=target_range)
    sums = torch.tensor([0.0, 0.5, 2.0])
    outputs = (sums * adding.scale + adding.offset).unsqueeze(-1)
    assert adding.loss(outputs, labelled(sums)).item() == pytest.approx(0, abs=1e-12)
    assert adding.metric(outputs, labelled(sums)).item() == pytest.approx(0, abs=1e-12)
    assert adding.metric(outputs, labelled(sums + 0.5)).item() == pytest.approx(0.25)


def test_a_range_maps_its_ends() -> None:
    symmetric = objective("adding", target_range="minus_one_one")
    assert [y * symmetric.scale + symmetric.offset for y in (0, 1, 2)] == [-1, 0, 1]
    bits = objective("parity", target_range="minus_one_one", loss="mse", activation="tanh")
    assert [y * bits.scale + bits.offset for y in (0, 1)] == [-1, 1]


@pytest.mark.parametrize(
    "output",
    [
        {},
        {"activation": "sigmoid", "loss": "bce"},
        {"activation": "sigmoid", "loss": "mse"},
        {"activation": "tanh", "loss": "mse", "target_range": "minus_one_one"},
        {"loss": "huber", "target_range": "standardised"},
    ],
)
def test_accuracy_counts_right_labels_under_every_output(output: dict[str, object]) -> None:
    parity = objective("parity", **output)
    labels = torch.tensor([0.0, 1.0, 1.0, 0.0])
    raw = torch.tensor([[-3.0], [3.0], [3.0], [3.0]])
    assert parity.metric(raw, labelled(labels)).item() == 0.75


def test_a_sigmoid_before_a_logits_loss_always_says_one() -> None:
    doubled = objective("parity", activation="sigmoid", loss="bce_with_logits")
    labels = torch.tensor([0.0, 1.0])
    assert doubled.metric(torch.tensor([[-9.0], [9.0]]), labelled(labels)).item() == 0.5
    assert doubled.loss(torch.tensor([[-9.0], [9.0]]), labelled(labels)).item() > 0.5


def test_score_is_skill() -> None:
    parity, adding = objective("parity"), objective("adding")
    assert [parity.score(accuracy) for accuracy in (0.0, 0.5, 0.75, 1.0)] == [-1, 0, 0.5, 1]
    assert [adding.score(error) for error in (0.0, 1 / 6, 1 / 12)] == pytest.approx([1, 0, 0.5])
    assert [adding.score(error) for error in (1e9, math.inf, math.nan)] == [-1, -1, -1]


def test_the_chance_loss_is_what_the_best_constant_gets() -> None:
    assert objective("parity").chance_loss == pytest.approx(math.log(2))
    assert objective("adding").chance_loss == pytest.approx(1 / 6)
    assert objective("adding", target_range="zero_one").chance_loss == pytest.approx(1 / 24)
    assert math.isnan(objective("adding", loss="huber").chance_loss)
