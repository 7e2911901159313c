"""A loop that observers look at, as `failmap.watch` will call them."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from failmap.watcher.observer import Observer, Step, Watched

#: Returns inputs and targets of an update.
Batches = Callable[[int], tuple[Tensor, Tensor]]


class LastStep(nn.Module):
    """A recurrent network whose output is read at the last step, or at every step."""

    def __init__(self, num_features: int = 1, num_outputs: int = 1, *, by_step: bool = False) -> None:
        super().__init__()
        self.recurrence = nn.GRU(num_features, 16, batch_first=True)
        self.readout = nn.Linear(16, num_outputs)
        self.by_step = by_step

    def forward(self, inputs: Tensor) -> Tensor:
        outputs, _ = self.recurrence(inputs)
        read: Tensor = self.readout(outputs if self.by_step else outputs[:, -1])
        return read


def observe(
    kind: type[Observer],
    model: nn.Module,
    batches: Batches,
    *,
    loss_fn: Any = None,
    validation: Batches | None = None,
    updates: int = 12,
    every: int = 1,
    rate: float = 0.01,
    forward: Callable[[nn.Module, Tensor, Tensor], Tensor] | None = None,
) -> dict[str, Any]:
    """Train, with a look at every `every`-th update, and return the last value of each signal.

    Args:
        forward: Returns the outputs for inputs and targets; in evaluation mode for validation.
    """
    loss_fn = loss_fn or nn.MSELoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=rate)
    observer = kind(Watched(model, optimizer, loss_fn))
    signals: dict[str, Any] = {}
    forward = forward or (lambda net, inputs, targets: net(inputs))
    for update in range(1, updates + 1):
        is_look = update % every == 0
        if is_look:
            observer.before_look()
        inputs, targets = batches(update)
        outputs = forward(model, inputs, targets)
        loss = loss_fn(outputs, targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        step = Step(update, loss.detach(), inputs, outputs, targets)
        observer.at_step(step)
        if is_look:
            signals |= observer.after_look(step)
        if validation is not None and is_look:
            model.eval()
            with torch.no_grad():
                inputs, targets = validation(update)
                outputs = forward(model, inputs, targets)
                step = Step(update, loss_fn(outputs, targets), inputs, outputs, targets, is_training=False)
            signals |= observer.at_validation(step)
            model.train()
    signals |= observer.at_end()
    observer.remove()
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in model.modules())
    return signals
