"""Graphs that a loop keeps are noted, and loops that free them are silent."""

import gc
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import failmap
from failmap.watcher.observers.kept import LEAST_HELD
from failmap.watcher.verdict import Verdict

NUM_STEPS = 3 * LEAST_HELD

#: Called after each step with the loss and the outputs.
Keep = Callable[[Tensor, Tensor], Any]


@pytest.fixture
def model() -> nn.Module:
    torch.manual_seed(0)
    torch.set_num_threads(1)
    return nn.Linear(3, 1)


def train(model: nn.Module, keep: Keep, *, shows: bool = True, show_loss: Any = lambda loss: loss) -> Verdict:
    optimizer = torch.optim.SGD(model.parameters(), 0.01)
    watch = failmap.watch(model, optimizer, nn.MSELoss(), must_write=False)
    for _ in range(NUM_STEPS):
        inputs = torch.randn(8, 3)
        targets = inputs.sum(1, keepdim=True)
        outputs = model(inputs)
        loss = nn.functional.mse_loss(outputs, targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        keep(loss, outputs)
        shown = {"inputs": inputs, "outputs": outputs, "targets": targets} if shows else {}
        watch.step(show_loss(loss), **shown)
    verdict = watch.close()
    assert verdict is not None
    return verdict


class Total:
    """Sums up losses, or keeps only the last of them."""

    def __init__(self, *, sums: bool) -> None:
        self.sums, self.value = sums, torch.zeros(())

    def __call__(self, loss: Tensor, outputs: Tensor) -> None:
        self.value = self.value + loss if self.sums else loss


def collect(pick: Callable[[Tensor, Tensor], Any]) -> Keep:
    kept: list[Any] = []
    return lambda loss, outputs: kept.append(pick(loss, outputs))


@pytest.mark.parametrize("shows", [True, False])
@pytest.mark.parametrize(
    "keep",
    [
        lambda: collect(lambda loss, outputs: loss),
        lambda: collect(lambda loss, outputs: {"loss": loss}),
        lambda: Total(sums=True),
    ],
)
def test_collected_losses_are_noted(model: nn.Module, keep: Callable[[], Keep], shows: bool) -> None:
    assert sum("detach" in note for note in train(model, keep(), shows=shows).notes) == 1


def test_collected_outputs_are_noted(model: nn.Module) -> None:
    verdict = train(model, collect(lambda loss, outputs: outputs), show_loss=lambda loss: loss.item())
    assert len(verdict.notes) == 1


@pytest.mark.parametrize(
    "keep",
    [
        lambda: lambda loss, outputs: None,
        lambda: collect(lambda loss, outputs: loss.item()),
        lambda: collect(lambda loss, outputs: (loss.detach(), outputs.detach())),
        lambda: Total(sums=False),
    ],
)
def test_loops_that_free_their_graphs_are_silent(model: nn.Module, keep: Callable[[], Keep]) -> None:
    assert train(model, keep()).notes == ()


def test_losses_collected_for_a_few_steps_are_silent(model: nn.Module) -> None:
    kept: list[Tensor] = []

    def keep(loss: Tensor, outputs: Tensor) -> None:
        kept.append(loss)
        if len(kept) >= LEAST_HELD // 2:
            kept.clear()

    assert train(model, keep).notes == ()


def test_graphs_in_reference_cycles_are_silent(model: nn.Module) -> None:
    def keep(loss: Tensor, outputs: Tensor) -> None:
        cycle: list[Any] = [loss]
        cycle.append(cycle)

    gc.disable()
    try:
        assert train(model, keep).notes == ()
    finally:
        gc.enable()
        gc.collect()
