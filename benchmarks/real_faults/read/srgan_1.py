"""A schedule in epochs that is stepped at each batch: the rate is nearly zero after a few of them.

Read: the issue, confirmed by the author; with a step for each epoch it trains. The network there is
a GAN; here an LSTM finds the mean of 10 steps.
"""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.real_faults.case import Case, Watch

CASE = Case(
    source="Lornatang/SRGAN-PyTorch issue 1",
    fault="scheduler.step() at each batch",
    fix="scheduler.step() at each epoch",
    causes=("too_slow",),
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


def draw(size: int) -> TensorDataset:
    """Return sequences and their standardised mean."""
    inputs = torch.randn(size, 10, 1)
    return TensorDataset(inputs, inputs.mean(1) * 10**0.5)


def train(watch: Watch, repaired: bool) -> float:
    """Train; return the validated share of explained variance."""
    torch.manual_seed(0)
    loader, validation = DataLoader(draw(1024), 64, shuffle=True), DataLoader(draw(256), 128)
    model = Net(1, 1)
    loss_fn = nn.MSELoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.005)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=10, gamma=0.1)
    watching = watch(model, optimizer, loss_fn)
    for _ in range(20):
        for inputs, targets in loader:
            outputs = model(inputs)
            loss = loss_fn(outputs, targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            watching.step(loss, inputs=inputs, outputs=outputs, targets=targets)
            if not repaired:
                scheduler.step()
        if repaired:
            scheduler.step()
        losses = []
        with torch.no_grad():
            for inputs, targets in validation:
                outputs = model(inputs)
                losses.append(loss_fn(outputs, targets))
                watching.validate(losses[-1], inputs=inputs, outputs=outputs, targets=targets)
    watching.close()
    return 1 - torch.stack(losses).mean().item()
