"""stats.SE question 507591: an LSTM does not learn the mean of the last three numbers.

A thousand whole numbers from 0 to 9 are shaped (1000, 1, 1): windows of one step. The squared error stays
near 2, whatever the width, and also with normalized numbers. With windows of three steps the mean is in
reach. Here in batches of ten.
"""

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.real_faults.case import Case, Watch

CASE = Case(
    source="stats.SE question 507591",
    fault="windows of one step for a mean over three",
    fix="windows of three steps",
    causes=("window_too_short",),
    solved=0.8,
)


class MeanOfThree(nn.Module):
    """An LSTM of a few units and a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(1, 8, batch_first=True)
        self.dense = nn.Linear(8, 1)

    def forward(self, windows: Tensor) -> Tensor:
        """Return the mean that is asked for (batch, 1)."""
        out, _ = self.lstm(windows)
        return self.dense(out[:, -1])


def train(watch: Watch, repaired: bool) -> float:
    """Train, and return the explained part of the variance in training."""
    torch.manual_seed(9)
    numbers = torch.randint(0, 10, (1000,)).float()
    targets = numbers.unfold(0, 3, 1).mean(1, keepdim=True)
    window = 3 if repaired else 1
    windows = numbers.unfold(0, window, 1)[3 - window :].unsqueeze(-1)
    loader = DataLoader(TensorDataset(windows, targets), batch_size=10, shuffle=True)
    model = MeanOfThree()
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    loss_fn = nn.MSELoss()
    watching = watch(model, optimizer, loss_fn)
    for _ in range(20):
        for inputs, wanted in loader:
            outputs = model(inputs)
            loss = loss_fn(outputs, wanted)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            watching.step(loss, inputs=inputs, outputs=outputs, targets=wanted)
    watching.close()
    with torch.no_grad():
        return 1 - loss_fn(model(windows), targets).item() / targets.var().item()
