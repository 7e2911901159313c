"""The learning-rate range test on known curves and on trainings."""

import math
import random
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from failmap.search.trial.config import TrialConfig
from failmap.search.trial.range_test import RangeTest, range_test, read_range, smooth

RATES = [10 ** (-6 + 7 * index / 149) for index in range(150)]


def read(curve: Any, noise: float = 0.0) -> RangeTest:
    draws = random.Random(0)
    return read_range(RATES, [curve(math.log10(rate)) + noise * draws.gauss(0, 1) for rate in RATES])


def falling_from_3_to_1_decades(power: float) -> float:
    """Flat at 1 below a rate of 1e-3, falling linearly to 0.1 at 1e-1, flat above."""
    return 1.0 - 0.45 * min(max(power + 3, 0.0), 2.0)


def test_smoothing() -> None:
    assert smooth([2.0] * 5) == pytest.approx([2.0] * 5)
    assert smooth([1.0, 3.0])[1] == pytest.approx((0.9 * 1.0 + 3.0) / 1.9)
    assert len(smooth([1.0, 2.0, math.nan, 1.0])) == 2


@pytest.mark.parametrize("noise", [0.0, 0.02])
def test_fall_is_located(noise: float) -> None:
    found = read(falling_from_3_to_1_decades, noise)
    assert found.suggested is not None
    assert found.steepest is not None
    low, high = found.suggested
    # Smoothing lags by half a decade at most.
    assert 1e-3 < low < 10**-2.2
    assert 10**-1.5 < high < 10**-0.2
    assert low <= found.steepest <= high
    assert found.diverged_at is None


def test_divergence_has_its_rate() -> None:
    losses = [falling_from_3_to_1_decades(math.log10(rate)) if rate < 1 else 50.0 for rate in RATES]
    end = next(index for index, loss in enumerate(losses) if loss == 50.0) + 1
    found = read_range(RATES[:end], losses[:end])
    assert found.diverged_at == RATES[end - 1]
    assert found.suggested is not None
    assert "diverges at 1" in found.conclusion


@pytest.mark.parametrize("noise", [0.0, 0.05])
def test_flat_loss_gives_no_suggestion(noise: float) -> None:
    found = read(lambda power: 0.7, noise)
    assert (found.steepest, found.suggested, found.diverged_at) == (None, None, None)
    assert "falls at no learning rate" in found.conclusion


@pytest.mark.parametrize("losses", [[math.nan], [0.7, math.inf], [0.7, 1e6], [0.7, 0.6, 0.5, math.nan]])
def test_immediate_divergence_gives_no_suggestion(losses: list[float]) -> None:
    found = read_range(RATES[: len(losses)], losses)
    assert found.diverged_at == RATES[len(losses) - 1]
    assert found.suggested is None


@given(st.lists(st.floats(-1e30, 1e30) | st.just(math.nan), min_size=1, max_size=60))
def test_suggestion_is_ordered(losses: list[float]) -> None:
    found = read_range(RATES[: len(losses)], losses)
    if found.suggested is not None:
        assert found.steepest is not None
        assert found.suggested[0] <= found.steepest <= found.suggested[1]
    assert found.conclusion


def trial(task: dict[str, Any], **train: Any) -> TrialConfig:
    return TrialConfig.model_validate({"task": task, "model": {"name": "lstm"}, "train": train})


ADDING = {"name": "adding", "sequence_length": 10, "test_size": 8}


@pytest.mark.parametrize("train", [{}, {"optimizer": "sgd", "clip_norm": 1.0, "schedule": "cosine"}])
def test_suggestion_for_adding(train: dict[str, Any]) -> None:
    found = range_test(trial(ADDING, **train), torch.device("cpu"))
    assert found.suggested is not None
    low, high = found.suggested
    assert 1e-4 < low < 0.1
    assert low < high < 5
    assert found == range_test(trial(ADDING, **train), torch.device("cpu"))


def test_no_suggestion_for_long_parity() -> None:
    task = {"name": "parity", "sequence_length": 20, "test_size": 8}
    assert range_test(trial(task), torch.device("cpu"), num_updates=100).suggested is None


def test_absurd_rate_ends_early() -> None:
    found = range_test(trial(ADDING, optimizer="sgd"), torch.device("cpu"), low=1e4, high=1e6)
    assert found.diverged_at is not None
    assert len(found.rates) < 20
