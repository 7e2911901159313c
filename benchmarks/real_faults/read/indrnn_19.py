"""An LSTM cell with ReLU in place of tanh: the loss becomes NaN; with tanh it does not.

Here the cell is written by hand; the target is the sum of the last 10 of 40 steps, and
the loss jumps up to 1e14.
"""

import torch
from torch import nn

from benchmarks.real_faults.case import Case, Watch

CASE = Case(
    source="batzner/indrnn issue 19",
    fault="ReLU in an LSTM cell, without clipping",
    fix="tanh",
    causes=("exploding_gradient", "diverged"),
)


class Cell(nn.Module):
    """An LSTM with a given activation."""

    def __init__(self, repaired: bool) -> None:
        super().__init__()
        self.activation = torch.tanh if repaired else torch.relu
        self.gates = nn.Linear(1 + 32, 4 * 32)
        self.head = nn.Linear(32, 1)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return (batch, 1)."""
        state = memory = inputs.new_zeros(len(inputs), 32)
        for now in inputs.unbind(1):
            i, f, o, new = self.gates(torch.cat([now, state], 1)).chunk(4, 1)
            memory = torch.sigmoid(f) * memory + torch.sigmoid(i) * self.activation(new)
            state = torch.sigmoid(o) * self.activation(memory)
        return self.head(state)


def train(watch: Watch, repaired: bool) -> float:
    """Train; return the share of explained variance."""
    torch.manual_seed(0)
    model = Cell(repaired)
    loss_fn = nn.MSELoss()
    optimizer = torch.optim.RMSprop(model.parameters(), lr=0.01)
    watching = watch(model, optimizer, loss_fn)
    for _ in range(300):
        inputs = torch.randn(64, 40, 1)
        targets = inputs[:, -10:].sum(1) / 10**0.5
        optimizer.zero_grad()
        outputs = model(inputs)
        loss = loss_fn(outputs, targets)
        loss.backward()
        optimizer.step()
        watching.step(loss, inputs=inputs, outputs=outputs, targets=targets)
    watching.close()
    return 1 - loss.item()
