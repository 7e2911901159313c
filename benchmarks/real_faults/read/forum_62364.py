"""A text reader whose LSTM got batch_first=True while its inputs stayed (time, batch, features).

Read: the question's text: training is normal without batch_first, and the loss does not fall with it. The
reader is a CNN with an LSTM; here the target is the mean of 12 steps.
"""

import torch
from torch import nn

from benchmarks.real_faults.case import Case, Watch

CASE = Case(
    source="PyTorch forum 62364",
    fault="batch_first for inputs (time, batch, features)",
    fix="batch_first=False",
    causes=("axes_mixed",),
)


class Reader(nn.Module):
    """An LSTM that reads the last step of (time, batch, features)."""

    def __init__(self, repaired: bool) -> None:
        super().__init__()
        self.lstm = nn.LSTM(1, 24, batch_first=not repaired)
        self.head = nn.Linear(24, 1)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return (batch, 1)."""
        states, _ = self.lstm(inputs)
        return self.head(states[-1])


def draw(size: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return inputs (time, batch, 1) and targets."""
    inputs = torch.randn(12, size, 1)
    return inputs, inputs.mean(0) * 12**0.5


def train(watch: Watch, repaired: bool) -> float:
    """Train; return the share of explained variance."""
    torch.manual_seed(0)
    model = Reader(repaired)
    loss_fn = nn.MSELoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    watching = watch(model, optimizer, loss_fn)
    for _ in range(400):
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
