"""The hidden state of one batch of clips is given to the next one, of other clips.

Read: the issue, which has no answer; it suggests the repair, a zero state for each batch. Here the
first of 8 steps must be remembered.
"""

import torch
from torch import nn

from benchmarks.real_faults.case import Case, Watch

CASE = Case(
    source="loliverhennigh/Convolutional-LSTM-in-Tensorflow issue 3",
    fault="the last batch's state starts the next batch",
    fix="a zero state for each batch",
    causes=("state_carried",),
)


class Counter(nn.Module):
    """A cell that is called step by step, and keeps its state."""

    def __init__(self, repaired: bool) -> None:
        super().__init__()
        self.repaired = repaired
        self.rnn = nn.GRU(1, 24, batch_first=True)
        self.head = nn.Linear(24, 1)
        self.state: torch.Tensor | None = None

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return (batch, 1)."""
        states, last = self.rnn(inputs, None if self.repaired else self.state)
        self.state = last.detach()
        return self.head(states[:, -1])


def draw(size: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return sequences of signs and their first one."""
    inputs = torch.randint(2, (size, 8, 1)).float() * 2 - 1
    return inputs, inputs[:, 0]


def train(watch: Watch, repaired: bool) -> float:
    """Train; return the share of explained variance."""
    torch.manual_seed(0)
    model = Counter(repaired)
    loss_fn = nn.MSELoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    watching = watch(model, optimizer, loss_fn)
    for _ in range(300):
        inputs, targets = draw(64)
        outputs = model(inputs)
        loss = loss_fn(outputs, targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        watching.step(loss, inputs=inputs, outputs=outputs, targets=targets)
    watching.close()
    inputs, targets = draw(64)
    with torch.no_grad():
        return 1 - ((model(inputs) - targets).square().mean() / targets.var()).item()
