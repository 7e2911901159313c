"""A number from a text by three LSTM layers with SGD and momentum: the loss stays high at once.

Read: the question and a comment that suggests Adam. Here six layers are trained; the twin has one.
"""

import torch
from torch import nn

from benchmarks.real_faults.case import Case, Watch

CASE = Case(
    source="Stack Overflow 46224598",
    fault="a deep stack, trained by SGD",
    fix="one layer, Adam",
    causes=("vanishing_in_depth", "too_slow"),
)


class Net(nn.Module):
    """A stack of LSTM layers."""

    def __init__(self, depth: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(1, 24, depth, batch_first=True)
        self.head = nn.Linear(24, 1)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return (batch, 1)."""
        states, _ = self.lstm(inputs)
        return self.head(states[:, -1])


def draw(size: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return sequences and their mean."""
    inputs = torch.randn(size, 10, 1)
    return inputs, inputs.mean(1) * 10**0.5


def optimizer_of(model: Net, repaired: bool) -> torch.optim.Optimizer:
    """Return Adam for the twin."""
    if repaired:
        return torch.optim.Adam(model.parameters(), lr=0.01)
    return torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)


def train(watch: Watch, repaired: bool) -> float:
    """Train; return the share of explained variance."""
    torch.manual_seed(0)
    model = Net(1 if repaired else 6)
    loss_fn = nn.MSELoss()
    optimizer = optimizer_of(model, repaired)
    watching = watch(model, optimizer, loss_fn)
    for _ in range(300):
        inputs, targets = draw(64)
        outputs = model(inputs)
        loss = loss_fn(outputs, targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        watching.step(loss, inputs=inputs, outputs=outputs, targets=targets)
    watching.close()
    inputs, targets = draw(500)
    with torch.no_grad():
        return 1 - ((model(inputs) - targets).square().mean() / targets.var()).item()
