"""A small recurrent network and its loop, as a user of `failmap.watch` writes them."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

import failmap
from failmap.watcher.watch import Watch

NUM_STEPS, SIZE = 120, 32


class Net(nn.Module):
    """A GRU and a readout, of the last step or of every step."""

    def __init__(self, num_outputs: int, *, every_step: bool = False) -> None:
        super().__init__()
        self.gru = nn.GRU(3, 16, batch_first=True)
        self.readout = nn.Linear(16, num_outputs)
        self.every_step = every_step

    def forward(self, inputs: Tensor) -> Tensor:
        states, _ = self.gru(inputs)
        outputs: Tensor = self.readout(states if self.every_step else states[:, -1])
        return outputs


def draw(size: int = SIZE) -> Tensor:
    return torch.randn(size, 5, 3)


def last_sign(inputs: Tensor) -> Tensor:
    return (inputs[:, -1, 0] > 0).long()


def train(
    model: nn.Module,
    loss_fn: Callable[..., Tensor],
    label: Callable[[Tensor], Tensor],
    *,
    shows: bool = True,
    validates_every: int = 0,
    num_steps: int = NUM_STEPS,
    pack: Callable[[Tensor], Any] = lambda inputs: inputs,
    show_loss: Callable[[Tensor], Any] = lambda loss: loss,
    rate: float = 0.01,
    **options: Any,
) -> Watch:
    """Train and return the closed watch."""
    optimizer = torch.optim.Adam(model.parameters(), lr=rate)
    watch = failmap.watch(model, optimizer, loss_fn, **options)
    for update in range(1, num_steps + 1):
        inputs = draw()
        targets = label(inputs)
        outputs = model(inputs)
        loss = loss_fn(outputs, targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        shown = {"inputs": pack(inputs), "outputs": outputs, "targets": targets} if shows else {}
        watch.step(show_loss(loss), **shown)
        if validates_every and update % validates_every == 0:
            for _ in range(2):
                held = draw()
                with torch.no_grad():
                    found = model(held)
                watch.validate(loss_fn(found, label(held)), inputs=held, outputs=found, targets=label(held))
    watch.close()
    return watch


def sgd(model: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.SGD(model.parameters(), 0.1)
