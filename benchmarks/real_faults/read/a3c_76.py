"""An actor's LSTM cell whose states are detached at each step: nothing is learned about earlier steps.

Read: the issue; it has no answer. Here the first of 8 steps must be remembered.
"""

import torch
from torch import nn

from benchmarks.real_faults.case import Case, Watch

CASE = Case(
    source="ikostrikov/pytorch-a3c issue 76",
    fault="states are detached at each step",
    fix="states keep their graph",
    causes=("disconnected", "vanishing_in_time"),
)


class Memory(nn.Module):
    """An LSTM cell called step by step."""

    def __init__(self, repaired: bool) -> None:
        super().__init__()
        self.repaired = repaired
        self.cell = nn.LSTMCell(1, 24)
        self.head = nn.Linear(24, 1)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return (batch, 1)."""
        state = cell = inputs.new_zeros(len(inputs), 24)
        for now in inputs.unbind(1):
            if not self.repaired:
                state, cell = state.detach(), cell.detach()
            state, cell = self.cell(now, (state, cell))
        return self.head(state)


def draw(size: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return sequences and their first step."""
    inputs = torch.randn(size, 8, 1)
    return inputs, inputs[:, 0]


def train(watch: Watch, repaired: bool) -> float:
    """Train; return the share of explained variance."""
    torch.manual_seed(0)
    model = Memory(repaired)
    loss_fn = nn.MSELoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    watching = watch(model, optimizer, loss_fn)
    for _ in range(700):
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
