"""Forecasts of glucose by an LSTM: a bare squeeze in the forward pass made shapes broadcast.

The outputs lost their last axis, the targets kept it, and the mean squared error compared each output with
each target. The fix: keep the axis. Here the target is the mean of 12 steps.
"""

import torch
from torch import nn

from benchmarks.real_faults.case import Case, Watch

CASE = Case(
    source="GluPredKit issue 45",
    fault="outputs (n,) against targets (n, 1)",
    fix="outputs keep the axis of the targets",
    causes=("axes_mixed",),
)


class Forecast(nn.Module):
    """An LSTM that reads the last step."""

    def __init__(self, repaired: bool) -> None:
        super().__init__()
        self.repaired = repaired
        self.lstm = nn.LSTM(1, 24, batch_first=True)
        self.head = nn.Linear(24, 1)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return the outputs."""
        states, _ = self.lstm(inputs)
        outputs = self.head(states[:, -1])
        return outputs if self.repaired else outputs.squeeze()


def draw(size: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return inputs and targets."""
    inputs = torch.randn(size, 12, 1)
    return inputs, inputs.mean(1) * 12**0.5


def train(watch: Watch, repaired: bool) -> float:
    """Train; return the share of explained variance."""
    torch.manual_seed(0)
    model = Forecast(repaired)
    loss_fn = nn.MSELoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    watching = watch(model, optimizer, loss_fn)
    for step in range(400):
        inputs, targets = draw(64)
        optimizer.zero_grad()
        outputs = model(inputs)
        loss = loss_fn(outputs, targets)
        loss.backward()
        optimizer.step()
        watching.step(loss, inputs=inputs, outputs=outputs, targets=targets)
        if step % 50 == 49:
            model.eval()
            with torch.no_grad():
                inputs, targets = draw(256)
                outputs = model(inputs)
                loss = loss_fn(outputs, targets)
                watching.validate(loss, inputs=inputs, outputs=outputs, targets=targets)
            model.train()
    watching.close()
    inputs, targets = draw(1000)
    with torch.no_grad():
        outputs = model(inputs).view(-1, 1)
    return 1 - ((outputs - targets).square().mean() / targets.var()).item()
