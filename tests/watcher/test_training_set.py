"""The size of a training set shows in how often its sequences come again."""

import pytest
import torch
from torch import Tensor

from failmap.watcher.observers.examples import ExampleObserver
from tests.watcher.example_loops import LastStep, observe


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


@pytest.mark.parametrize(("order", "error"), [("drawn", 0.3), ("shuffled", 0.3), ("fixed", 0.6)])
@pytest.mark.parametrize("size", [128, 1024])
def test_size_of_the_training_set(size: int, order: str, error: float) -> None:
    inputs, targets = torch.randn(size, 10, 1), torch.randn(size, 1)
    rows = torch.arange(size)

    def batch(update: int) -> tuple[Tensor, Tensor]:
        nonlocal rows
        start = (update - 1) * 32 % size
        if order == "shuffled" and start == 0:
            rows = torch.randperm(size)
        shown = torch.randint(size, (32,)) if order == "drawn" else rows[start : start + 32]
        return inputs[shown], targets[shown]

    signals = observe(ExampleObserver, LastStep(), batch, updates=120, every=3)
    assert signals["updates_per_epoch"] == pytest.approx(size / 32, rel=error)


def test_new_examples_have_no_epoch() -> None:
    signals = observe(
        ExampleObserver,
        LastStep(),
        lambda _: (torch.randn(32, 10, 1), torch.randn(32, 1)),
        updates=40,
    )
    assert "updates_per_epoch" not in signals


def test_short_sequences_of_bits_have_no_epoch() -> None:
    def bits(_: int) -> tuple[Tensor, Tensor]:
        inputs = torch.randint(2, (32, 6, 1)).float()
        return inputs, inputs.sum(1)

    assert "updates_per_epoch" not in observe(ExampleObserver, LastStep(), bits, updates=40)
