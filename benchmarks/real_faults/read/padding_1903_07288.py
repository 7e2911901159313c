"""Texts padded with zeros to 93 steps: 50 % accuracy with zeros at the end, 80 % with zeros before.

The LSTM reads its last state, which lies up to 80 steps after the text. The fix: pad at the start.
Here the class is the sign of the sum of 8 numbers, in 93 steps.
"""

import torch
from torch import nn

from benchmarks.real_faults.case import Case, Watch

CASE = Case(
    source="arXiv 1903.07288",
    fault="padding at the end, last state read",
    fix="padding at the start",
    causes=("padding", "vanishing_in_time"),
)


class Texts(nn.Module):
    """An LSTM that reads the last step."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(1, 16, batch_first=True)
        self.head = nn.Linear(16, 1)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return a score for each sequence."""
        states, _ = self.lstm(inputs)
        return self.head(states[:, -1, :]).squeeze(-1)


def draw(size: int, before: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """Return padded sequences and classes."""
    numbers, zeros = torch.randn(size, 8, 1), torch.zeros(size, 85, 1)
    inputs = torch.cat([zeros, numbers] if before else [numbers, zeros], dim=1)
    return inputs, (numbers.sum((1, 2)) > 0).float()


def train(watch: Watch, repaired: bool) -> float:
    """Train; return the accuracy above chance."""
    torch.manual_seed(0)
    model = Texts()
    loss_fn = nn.BCEWithLogitsLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    watching = watch(model, optimizer, loss_fn)
    for _ in range(200):
        inputs, targets = draw(32, before=repaired)
        optimizer.zero_grad()
        outputs = model(inputs)
        loss = loss_fn(outputs, targets)
        loss.backward()
        optimizer.step()
        watching.step(loss, inputs=inputs, outputs=outputs, targets=targets)
    inputs, targets = draw(500, before=repaired)
    with torch.no_grad():
        outputs = model(inputs)
        watching.validate(loss_fn(outputs, targets), inputs=inputs, outputs=outputs, targets=targets)
    watching.close()
    return 2 * ((outputs > 0) == targets).float().mean().item() - 1
