"""Schedules against torch's own, over whole budgets."""

import math
from itertools import pairwise
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.optim import lr_scheduler

from failmap.search.trial.criterion import Progress
from failmap.search.trial.optimizers import learning_rate, plateau_step
from failmap.search.trial.train_config import TrainConfig

BUDGET = 60
SCHEDULES = ["constant", "step", "exponential", "cosine", "one_cycle", "plateau"]


def config(**settings: object) -> TrainConfig:
    return TrainConfig.model_validate(
        {"max_updates": BUDGET, "learning_rate": 0.4, "evaluate_every": 1, **settings}
    )


def rates(**settings: object) -> list[float]:
    trained = config(**settings)
    return [learning_rate(trained, update) for update in range(trained.max_updates)]


def torchs(make: type, budget: int = BUDGET, **settings: Any) -> list[float]:
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], 0.4)
    schedule = make(optimizer, **settings)
    found = []
    for update in range(budget):
        found.append(schedule.get_last_lr()[0])
        optimizer.step()
        if update < budget - 1:
            schedule.step()
    return found


def test_cosine_matches_torch() -> None:
    assert rates(schedule="cosine", final_share=0.1) == pytest.approx(
        torchs(lr_scheduler.CosineAnnealingLR, T_max=BUDGET, eta_min=0.04)
    )


def test_exponential_matches_torch() -> None:
    assert rates(schedule="exponential", final_share=0.01) == pytest.approx(
        torchs(lr_scheduler.ExponentialLR, gamma=0.01 ** (1 / BUDGET))
    )


def test_step_matches_torch() -> None:
    assert rates(schedule="step", final_share=0.125, step_count=3) == pytest.approx(
        torchs(lr_scheduler.StepLR, step_size=BUDGET // 4, gamma=0.5)
    )


@pytest.mark.parametrize("budget", [1, 2, 3, 4, 7, 10, 60, 1000])
def test_one_cycle_matches_torch(budget: int) -> None:
    theirs = torchs(lr_scheduler.OneCycleLR, budget, max_lr=0.4, total_steps=budget, cycle_momentum=False)
    assert rates(schedule="one_cycle", max_updates=budget) == pytest.approx(theirs, abs=1e-12)


def test_warm_up_matches_torch() -> None:
    found = rates(warmup_updates=10)
    theirs = torchs(lr_scheduler.LinearLR, start_factor=0.1, total_iters=9)
    assert found == pytest.approx(theirs)
    cosine = rates(warmup_updates=10, schedule="cosine")
    assert cosine[:10] == found[:10]
    assert cosine[10] == 0.4
    assert all(later < earlier for earlier, later in pairwise(cosine[10:]))


@given(
    schedule=st.sampled_from(SCHEDULES),
    warmup=st.integers(0, BUDGET),
    share=st.floats(0, 1),
    steps=st.integers(1, 9),
)
def test_warm_up_reaches_first_rate_of_schedule(schedule: str, warmup: int, share: float, steps: int) -> None:
    found = rates(schedule=schedule, warmup_updates=warmup, final_share=share, step_count=steps)
    assert all(0 <= rate <= 0.4 * (1 + 1e-9) for rate in found)
    assert all(later > earlier for earlier, later in pairwise(found[:warmup]))
    if 0 < warmup < BUDGET:
        assert found[warmup - 1] == pytest.approx(found[warmup])


def test_constant() -> None:
    assert set(rates()) == {0.4}


def test_final_share_of_zero() -> None:
    assert rates(schedule="cosine", final_share=0.0)[-1] < 0.001
    assert not math.isnan(rates(schedule="step", final_share=0.0)[-1])


def plateau_rates(losses: list[float], **settings: object) -> list[float]:
    """The rate after each evaluation."""
    trained, progress, found = config(schedule="plateau", **settings), Progress(), []
    for loss in losses:
        plateau_step(trained, progress, loss)
        found.append(learning_rate(trained, 5, progress.rate_share))
    return found


def torchs_plateau(losses: list[float], **settings: Any) -> list[float]:
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], 0.4)
    schedule = lr_scheduler.ReduceLROnPlateau(optimizer, **settings)
    found = []
    for loss in losses:
        schedule.step(loss)
        found.append(optimizer.param_groups[0]["lr"])
    return found


@given(
    losses=st.lists(st.sampled_from([1.0, 0.99995, 0.9, 0.5, 0.1, 2.0]), min_size=1, max_size=40),
    patience=st.integers(0, 4),
    factor=st.sampled_from([0.1, 0.5, 0.9]),
)
def test_plateau_matches_torch(losses: list[float], patience: int, factor: float) -> None:
    found = plateau_rates(losses, plateau_patience=patience, plateau_factor=factor, final_share=0.05)
    theirs = torchs_plateau(losses, patience=patience, factor=factor, min_lr=0.05 * 0.4)
    assert found == pytest.approx(theirs)


def test_plateau_stops_at_final_share() -> None:
    found = plateau_rates([0.7] * 12, plateau_patience=2, plateau_factor=0.5, final_share=0.2)
    assert found == pytest.approx([0.4] * 3 + [0.2] * 3 + [0.1] * 3 + [0.08] * 3)


def test_other_schedules_ignore_loss() -> None:
    progress = Progress()
    for _ in range(50):
        plateau_step(config(schedule="cosine", plateau_patience=0), progress, 0.7)
    assert progress == Progress()
