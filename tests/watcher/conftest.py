"""A minimal training loop, which calls observers as `failmap.watch` does."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from failmap.search.trial.probes.common import to_host
from failmap.watcher.observer import Observer, Step, Watched

Loop = Callable[..., list[dict[str, Any]]]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def loop() -> Loop:
    return run_loop


def run_loop(
    model: nn.Module,
    batches: Sequence[tuple[Any, Tensor]],
    observers: Sequence[type[Observer]] = (),
    looks: Sequence[int] = (1,),
    *,
    optimizer: torch.optim.Optimizer | None = None,
    clip_norm: float | None = None,
    loss_fn: nn.Module | None = None,
) -> list[dict[str, Any]]:
    """Train for one step per batch and return the signals of each look, joined over observers."""
    loss_fn = loss_fn or nn.MSELoss()
    optimizer = optimizer or torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.1)
    watching = [observer(Watched(model, optimizer, loss_fn)) for observer in observers]
    found = []
    for update, (inputs, targets) in enumerate(batches, start=1):
        is_look = update in looks
        for observer in watching:
            if is_look:
                observer.before_look()
        outputs = model(inputs)
        loss = loss_fn(outputs, targets)
        optimizer.zero_grad()
        loss.backward()
        if clip_norm is not None:
            nn.utils.clip_grad_norm_(model.parameters(), clip_norm)
        optimizer.step()
        if is_look:
            step = Step(update, loss, inputs if isinstance(inputs, Tensor) else None, outputs, targets)
            signals: dict[str, Any] = {}
            for observer in watching:
                signals |= observer.after_look(step)
            found.append(to_host(signals))
    return found
