"""Prices by an LSTM: the forecast follows the last price, and nothing else can be learned.

Read: the page; it advises forecasts of returns, and tells that they are hardly better. So the twin (ours)
forecasts returns that do depend on the last ones. The score is what is gained over the last value and the
mean.
"""

import torch
from torch import nn

from benchmarks.real_faults.case import Case, Watch

CASE = Case(
    source="iohanngrig.github.io, Stock-price forecasting with an LSTM",
    fault="the next value of a random walk",
    fix="returns that depend on the last ones (ours)",
    causes=("not_predictable",),
    solved=0.6,
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


def draw(size: int, repaired: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """Return windows of a walk, or of alternating returns, and their next values."""
    steps = torch.randn(size, 13, 1)
    if repaired:
        signs = (-1.0) ** torch.arange(13).view(1, 13, 1)
        series = signs * steps[:, :1] + 0.3 * steps
    else:
        series = steps.cumsum(1) / 3
    return series[:, :-1], series[:, -1]


def train(watch: Watch, repaired: bool) -> float:
    """Train; return the share of the error of the better of last value and mean that is gone."""
    torch.manual_seed(0)
    model = Net(1, 1)
    loss_fn = nn.MSELoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    watching = watch(model, optimizer, loss_fn)
    for step in range(600):
        inputs, targets = draw(64, repaired)
        outputs = model(inputs)
        loss = loss_fn(outputs, targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        watching.step(loss, inputs=inputs, outputs=outputs, targets=targets)
        if step % 60 == 59:
            inputs, targets = draw(256, repaired)
            with torch.no_grad():
                outputs = model(inputs)
            watching.validate(loss_fn(outputs, targets), inputs=inputs, outputs=outputs, targets=targets)
    watching.close()
    return (
        1 - (loss_fn(outputs, targets) / torch.minimum(loss_fn(inputs[:, -1], targets), targets.var())).item()
    )
