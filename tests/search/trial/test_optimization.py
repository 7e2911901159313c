"""Optimizers and schedules against torch's own."""

import math
from itertools import pairwise

import pytest
import torch
from torch import nn
from torch.optim import lr_scheduler

from search.trial.optimization import build_optimizer, learning_rate, set_learning_rate
from search.trial.train_config import TrainConfig

BUDGET = 60


def rates(**settings: object) -> list[float]:
    config = TrainConfig.model_validate({"max_updates": BUDGET, "learning_rate": 0.4, **settings})
    return [learning_rate(config, update) for update in range(BUDGET)]


def torchs(make: type, **settings: object) -> list[float]:
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], 0.4)
    schedule = make(optimizer, **settings)
    found = []
    for _ in range(BUDGET):
        found.append(schedule.get_last_lr()[0])
        optimizer.step()
        schedule.step()
    return found


def test_cosine_is_torchs() -> None:
    assert rates(schedule="cosine", final_share=0.1) == pytest.approx(
        torchs(lr_scheduler.CosineAnnealingLR, T_max=BUDGET, eta_min=0.04)
    )


def test_exponential_is_torchs() -> None:
    assert rates(schedule="exponential", final_share=0.01) == pytest.approx(
        torchs(lr_scheduler.ExponentialLR, gamma=0.01 ** (1 / BUDGET))
    )


def test_step_is_torchs() -> None:
    assert rates(schedule="step", final_share=0.125, step_count=3) == pytest.approx(
        torchs(lr_scheduler.StepLR, step_size=BUDGET // 4, gamma=0.5)
    )


def test_warm_up_is_torchs_and_then_the_schedule_begins() -> None:
    found = rates(warmup_updates=10)
    theirs = torchs(lr_scheduler.LinearLR, start_factor=0.1, total_iters=9)
    assert found == pytest.approx(theirs)
    cosine = rates(warmup_updates=10, schedule="cosine")
    assert cosine[:10] == found[:10]
    assert cosine[10] == 0.4
    assert all(later < earlier for earlier, later in pairwise(cosine[10:]))


def test_constant_stays() -> None:
    assert set(rates()) == {0.4}


def test_a_final_share_of_zero_ends_near_zero() -> None:
    assert rates(schedule="cosine", final_share=0.0)[-1] < 0.001
    assert not math.isnan(rates(schedule="step", final_share=0.0)[-1])


OPTIMIZERS = {
    "adam": (torch.optim.Adam, {"weight_decay": 0.1}, {}),
    "adamw": (torch.optim.AdamW, {"weight_decay": 0.1}, {}),
    "sgd": (torch.optim.SGD, {"weight_decay": 0.1, "momentum": 0.9}, {}),
    "rmsprop": (torch.optim.RMSprop, {"weight_decay": 0.1, "momentum": 0.5}, {}),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_each_optimizer_moves_as_torchs_plain_one(name: str) -> None:
    kind, settings, _ = OPTIMIZERS[name]
    start = torch.linspace(-1, 1, 12)
    ours, theirs = nn.Parameter(start.clone()), nn.Parameter(start.clone())
    config = TrainConfig.model_validate({"optimizer": name, "learning_rate": 0.05, **settings})
    optimizers = build_optimizer(config, [ours]), kind([theirs], 0.05, foreach=False, **settings)
    for step in range(5):
        for parameter, optimizer in zip((ours, theirs), optimizers, strict=True):
            optimizer.zero_grad()
            (parameter * (parameter - step)).sum().backward()
            optimizer.step()
    assert torch.allclose(ours, theirs, rtol=1e-5, atol=1e-6)


def test_a_set_rate_is_used() -> None:
    parameter = nn.Parameter(torch.zeros(1))
    optimizer = build_optimizer(TrainConfig(optimizer="sgd", learning_rate=1.0), [parameter])
    set_learning_rate(optimizer, 0.25)
    parameter.sum().backward()
    optimizer.step()
    assert parameter.item() == -0.25
