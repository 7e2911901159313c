"""Own training functions that watch themselves: healthy, and with one fault each."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

NUM_UPDATES, REPORT_EVERY = 200, 10


class Net(nn.Module):
    """A GRU and a readout of its last step, with an activation behind it."""

    def __init__(self, activation: Callable[[Tensor], Tensor] = lambda outputs: outputs) -> None:
        super().__init__()
        self.gru = nn.GRU(2, 16, batch_first=True)
        self.readout = nn.Linear(16, 3)
        self.activation = activation

    def forward(self, inputs: Tensor) -> Tensor:
        states, _ = self.gru(inputs)
        return self.activation(self.readout(states[:, -1]))


def batch(seed: int, size: int) -> tuple[Tensor, Tensor]:
    """Return sequences of five steps, and the class of the last one."""
    draws = torch.Generator().manual_seed(seed)
    inputs = torch.randn(size, 5, 2, generator=draws)
    return inputs, torch.bucketize(inputs[:, -1, 0].contiguous(), torch.tensor([-0.43, 0.43]))


def healthy(config: Any, trial: Any) -> None:
    """Train as it should be."""
    train(trial, Net())


def softmax_first(config: Any, trial: Any) -> None:
    """Train with a softmax before the cross-entropy, which saturates for its large readout."""
    train(trial, Net(lambda outputs: torch.softmax(outputs, dim=-1)), scale=300.0)


def shuffled(config: Any, trial: Any) -> None:
    """Train on labels of other sequences."""
    train(trial, Net(), shuffles=True)


def by_setting(config: Any, trial: Any) -> None:
    """Train with the fault that the configuration names."""
    {"healthy": healthy, "softmax": softmax_first, "shuffled": shuffled}[config["fault"]](config, trial)


def train(
    trial: Any,
    model: nn.Module,
    *,
    scale: float = 1.0,
    shuffles: bool = False,
    watches: bool = True,
    **reported: Any,
) -> None:
    """Train, and report the accuracy on fresh sequences."""
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    loss_fn = nn.CrossEntropyLoss()
    with torch.no_grad():
        model.readout.weight.mul_(scale)  # type: ignore[union-attr, operator]
    if trial.state is not None:
        model.load_state_dict(trial.state["model"])
        optimizer.load_state_dict(trial.state["optimizer"])
    watch = trial.watch(model, optimizer, loss_fn) if watches else None
    for update in range(trial.first_update, NUM_UPDATES):
        inputs, targets = batch(1000 * trial.seed + update, 32)
        if shuffles:
            targets = targets[torch.randperm(32, generator=torch.Generator().manual_seed(update))]
        outputs = model(inputs)
        loss = loss_fn(outputs, targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if watch is not None:
            watch.step(loss, inputs=inputs, outputs=outputs, targets=targets)
        if update % REPORT_EVERY == REPORT_EVERY - 1:
            inputs, targets = batch(update - NUM_UPDATES, 300)
            with torch.no_grad():
                accuracy = (model(inputs).argmax(1) == targets).float().mean()
            state = {"model": model.state_dict(), "optimizer": optimizer.state_dict()}
            if trial.report(update=update, loss=loss.item(), score=accuracy, state=state, **reported):
                return
