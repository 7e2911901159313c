"""Stack Overflow question 51432661: an LSTM echoes the current value instead of predicting the next.

Windows of eight positive values of a jagged series, 128 units, Adam, batches of ten. The longer it trains,
the closer its prediction is to the last value of the window: in a random walk nothing predicts better. The
repaired twin forecasts a series that swings, and so can be predicted.
"""

import torch
from torch import Tensor, nn

from benchmarks.real_faults.case import Case, Watch

CASE = Case(
    source="Stack Overflow 51432661",
    fault="the next value of a random walk",
    fix="a series that can be predicted",
    causes=("not_predictable",),
    solved=0.7,
)

WINDOW = 8


class NextValue(nn.Module):
    """An LSTM and a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(1, 32, batch_first=True)
        self.dense = nn.Linear(32, 1)

    def forward(self, windows: Tensor) -> Tensor:
        """Return the next value (batch, 1)."""
        states, _ = self.lstm(windows)
        return self.dense(states[:, -1])


def make_series(length: int, repaired: bool) -> Tensor:
    """Make a series from 0 to 1: a reflected random walk, or two waves with a little noise."""
    if repaired:
        times = torch.arange(length)
        waves = torch.sin(times / 2) + 0.5 * torch.sin(times / 1.3)
        series = waves + 0.05 * torch.randn(length)
    else:
        walk = torch.randn(length).cumsum(0) / 10
        series = (walk % 4 - 2).abs()
    return (series - series.min()) / (series.max() - series.min())


def train(watch: Watch, repaired: bool) -> float:
    """Train, and return by how much of its error the last value is beaten on the later part."""
    torch.manual_seed(23)
    series = make_series(2000, repaired)
    inputs = series.unfold(0, WINDOW, 1)[:-1].unsqueeze(-1)
    targets = series[WINDOW:].unsqueeze(-1)
    split = 1600
    test_inputs, test_targets = inputs[split:], targets[split:]
    echo_loss = nn.functional.mse_loss(test_inputs[:, -1], test_targets).item()
    model = NextValue()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    loss_fn = nn.MSELoss()
    watching = watch(model, optimizer, loss_fn)
    score = 0.0
    for _ in range(12):
        model.train()
        for start in range(0, split, 10):
            windows, wanted = inputs[start : start + 10], targets[start : start + 10]
            outputs = model(windows)
            loss = loss_fn(outputs, wanted)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            watching.step(loss, inputs=windows, outputs=outputs, targets=wanted)
        model.eval()
        with torch.no_grad():
            outputs = model(test_inputs)
            test_loss = loss_fn(outputs, test_targets)
        watching.validate(test_loss, inputs=test_inputs, outputs=outputs, targets=test_targets)
        score = max(0.0, 1 - test_loss.item() / echo_loss)
    watching.close()
    return score
