"""Gradients of different batches agree while there is something to learn; those of noise do not."""

import pytest
import torch
from torch import Tensor, nn

from failmap.watcher.observers.agreement import AgreementObserver
from tests.watcher.conftest import Loop


def batches(count: int, slope: float) -> list[tuple[Tensor, Tensor]]:
    inputs = torch.randn(count, 64, 8)
    return [(one, slope * one.sum(1, keepdim=True) + torch.randn(64, 1)) for one in inputs]


def agreements(loop: Loop, slope: float) -> Tensor:
    torch.manual_seed(0)
    model = nn.Linear(8, 1)
    nn.init.zeros_(model.weight)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-4)
    found = loop(model, batches(40, slope), [AgreementObserver], range(1, 41), optimizer=optimizer)
    assert "gradient_agreement" not in found[0], "there is none before"
    return torch.tensor([one["gradient_agreement"] for one in found[1:]])


def test_gradients_of_a_task_agree(loop: Loop) -> None:
    assert agreements(loop, slope=1.0).mean() > 0.5


def test_gradients_of_noise_do_not(loop: Loop) -> None:
    found = agreements(loop, slope=0.0)
    assert abs(found.mean()) < 3 * found.std() / len(found) ** 0.5


@pytest.mark.parametrize(("size", "error"), [(8, 1e-5), (400, 0.05)])
def test_the_cosine_of_large_networks_is_that_of_a_sample(loop: Loop, size: int, error: float) -> None:
    torch.manual_seed(0)
    inputs, model = torch.randn(2, 16, size), nn.Linear(size, size)
    targets = torch.ones(16, size)
    frozen = torch.optim.SGD(model.parameters(), lr=0.0)
    found = loop(model, [(one, targets) for one in inputs], [AgreementObserver], (1, 2), optimizer=frozen)

    def gradient(shown: Tensor) -> Tensor:
        model.zero_grad()
        nn.functional.mse_loss(model(shown), targets).backward()
        return torch.cat([one.grad.flatten() for one in model.parameters() if one.grad is not None])

    whole = nn.functional.cosine_similarity(gradient(inputs[0]), gradient(inputs[1]), dim=0)
    assert found[1]["gradient_agreement"] == pytest.approx(float(whole), abs=error)
