"""Positions of buses in an LSTM: latitude and longitude were on other scales than velocity.

Read: the pull request's text, which scales the inputs. Here one large column hides two small ones.
"""

import torch
from torch import nn

from benchmarks.real_faults.case import Case, Watch

CASE = Case(
    source="Shubble-LLC/shubble PR 353",
    fault="columns of very different scale",
    fix="standardised columns",
    causes=("input_scale", "saturated"),
)


class Net(nn.Module):
    """An LSTM that reads the last step."""

    def __init__(self, num_inputs: int, num_outputs: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(num_inputs, 24, batch_first=True)
        self.head = nn.Linear(24, num_outputs)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return (batch, outputs)."""
        states, _ = self.lstm(inputs)
        return self.head(states[:, -1])


SCALE, SHIFT = torch.tensor([1.0, 30.0, 0.01]), torch.tensor([0.0, 400.0, 0.0])


def draw(size: int, repaired: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """Return three columns, and the mean of the first and the last."""
    inputs = torch.randn(size, 10, 3)
    targets = inputs[:, :, [0, 2]].mean(1).sum(1, keepdim=True) * 5**0.5
    return inputs if repaired else inputs * SCALE + SHIFT, targets


def train(watch: Watch, repaired: bool) -> float:
    """Train; return the share of explained variance."""
    torch.manual_seed(0)
    model = Net(3, 1)
    loss_fn = nn.MSELoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    watching = watch(model, optimizer, loss_fn)
    for _ in range(400):
        inputs, targets = draw(64, repaired)
        outputs = model(inputs)
        loss = loss_fn(outputs, targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        watching.step(loss, inputs=inputs, outputs=outputs, targets=targets)
    watching.close()
    inputs, targets = draw(500, repaired)
    with torch.no_grad():
        return 1 - ((model(inputs) - targets).square().mean() / targets.var()).item()
