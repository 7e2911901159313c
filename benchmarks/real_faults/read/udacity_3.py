"""Validation of a course's networks without eval(): dropout stays on.

Read: the issue; the answer is to switch modes. The networks there read images; here an LSTM reads 10
steps, and the dropout is heavy.
"""

import torch
from torch import nn
from torch.utils.data import DataLoader, Subset, TensorDataset

from benchmarks.real_faults.case import Case, Watch

CASE = Case(
    source="udacity/deep-learning-v2-pytorch issue 3",
    fault="dropout is on in validation",
    fix="eval() before validation",
    causes=("wrong_mode",),
)


class Net(nn.Module):
    """An LSTM with dropout before its head."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(1, 32, batch_first=True)
        self.dropout = nn.Dropout(0.85)
        self.head = nn.Linear(32, 1)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return (batch, 1)."""
        states, _ = self.lstm(inputs)
        return self.head(self.dropout(states[:, -1]))


def train(watch: Watch, repaired: bool) -> float:
    """Train; return the validated share of explained variance."""
    torch.manual_seed(0)
    inputs = torch.randn(1280, 10, 1)
    data = TensorDataset(inputs, inputs.mean(1) * 10**0.5)
    loader = DataLoader(Subset(data, range(1024)), batch_size=64, shuffle=True)
    validation = DataLoader(Subset(data, range(1024, 1280)), batch_size=64)
    model = Net()
    loss_fn = nn.MSELoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    watching = watch(model, optimizer, loss_fn)
    for _ in range(30):
        model.train()
        for inputs, targets in loader:
            outputs = model(inputs)
            loss = loss_fn(outputs, targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            watching.step(loss, inputs=inputs, outputs=outputs, targets=targets)
        if repaired:
            model.eval()
        losses = []
        with torch.no_grad():
            for inputs, targets in validation:
                outputs = model(inputs)
                losses.append(loss_fn(outputs, targets))
                watching.validate(losses[-1], inputs=inputs, outputs=outputs, targets=targets)
    watching.close()
    return 1 - (torch.stack(losses).mean() / data.tensors[1][1024:].var()).item()
