"""An LSTM of 100 units on one ramp of 21 steps fails to converge in 1000 updates.

The posted loop calls backward and step, and never clears the gradients. The fix: clear them.
"""

import torch
from torch import nn

from benchmarks.real_faults.case import Case, Watch

CASE = Case(
    source="stats.SE 376851",
    fault="zero_grad is missing",
    fix="zero_grad before backward",
    causes=("training_loop",),
    solved=0.95,
)


class Ramp(nn.Module):
    """An LSTM with an output at every step."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(1, 100, batch_first=True)
        self.linear = nn.Linear(100, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return (batch, time, 1)."""
        output, _ = self.lstm(x)
        return self.linear(output)


def train(watch: Watch, repaired: bool) -> float:
    """Train; return the share of explained variance."""
    torch.manual_seed(0)
    model = Ramp()
    criterion = nn.MSELoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    watching = watch(model, optimizer, criterion)
    x = (torch.arange(21) / 20).view(1, 21, 1)
    y = x + 0.1
    worst = 0.0
    for step in range(1000):
        if repaired:
            optimizer.zero_grad()
        output = model(x)
        loss = criterion(output, y)
        loss.backward()
        optimizer.step()
        watching.step(loss, inputs=x, outputs=output, targets=y)
        if step >= 900:
            worst = max(worst, loss.item())
    watching.close()
    return 1 - worst / y.var().item()
