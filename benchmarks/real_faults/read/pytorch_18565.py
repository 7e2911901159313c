"""The smooth L1 loss compares shapes that broadcast: outputs (n, 1) with targets (n,).

Read: the pull request, which adds to the L1 losses the warning that the squared error has had. It names
no network; here an LSTM forecasts the mean of 12 steps.
"""

import torch
from torch import nn

from benchmarks.real_faults.case import Case, Watch

CASE = Case(
    source="pytorch PR 18565",
    fault="outputs (n, 1) against targets (n,), smooth L1",
    fix="targets (n, 1)",
    causes=("axes_mixed",),
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


def train(watch: Watch, repaired: bool) -> float:
    """Train; return the share of explained variance."""
    torch.manual_seed(0)
    model = Net(1, 1)
    loss_fn = nn.SmoothL1Loss()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    watching = watch(model, optimizer, loss_fn)
    for _ in range(400):
        inputs = torch.randn(64, 12, 1)
        targets = inputs.mean((1, 2)) * 12**0.5
        if repaired:
            targets = targets.unsqueeze(1)
        outputs = model(inputs)
        loss = loss_fn(outputs, targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        watching.step(loss, inputs=inputs, outputs=outputs, targets=targets)
    watching.close()
    inputs = torch.randn(500, 12, 1)
    targets = inputs.mean(1) * 12**0.5
    with torch.no_grad():
        return 1 - ((model(inputs) - targets).square().mean() / targets.var()).item()
