"""Parity of random bits by an LSTM: with a label at the end, it stays at chance.

OpenAI's second list of requests for research asks what makes it learn. Here are 12
bits, and the repair is a label at every step.
"""

import torch
from torch import nn

from benchmarks.real_faults.case import Case, Watch

CASE = Case(
    source="OpenAI, Requests for Research 2.0: parity",
    fault="one label at the end",
    fix="a label at every step",
    causes=("no_signal", "partial_solution", "vanishing_in_time"),
)


class Parity(nn.Module):
    """An LSTM with a score at every step."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(1, 32, batch_first=True)
        self.head = nn.Linear(32, 1)

    def forward(self, bits: torch.Tensor) -> torch.Tensor:
        """Return (batch, time)."""
        states, _ = self.lstm(bits)
        return self.head(states).squeeze(-1)


def train(watch: Watch, repaired: bool) -> float:
    """Train; return the accuracy of the last step above chance."""
    torch.manual_seed(0)
    length = 12
    model = Parity()
    loss_fn = nn.BCEWithLogitsLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    watching = watch(model, optimizer, loss_fn)
    right = 0.0
    for step in range(700):
        bits = torch.randint(2, (64, length, 1)).float()
        targets = bits.squeeze(-1).cumsum(1) % 2
        outputs = model(bits)
        if not repaired:
            outputs, targets = outputs[:, -1], targets[:, -1]
        optimizer.zero_grad()
        loss = loss_fn(outputs, targets)
        loss.backward()
        optimizer.step()
        watching.step(loss, inputs=bits, outputs=outputs, targets=targets)
        if step >= 650:
            last = ((outputs > 0) == targets).view(64, -1)[:, -1]
            right += last.float().mean().item() / 50
    watching.close()
    return 2 * right - 1
