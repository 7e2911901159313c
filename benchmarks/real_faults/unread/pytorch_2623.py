"""pytorch issue 2623 (and PyTorch forum topic 655): the loss of the tutorial's RNN explodes and becomes NaN.

The cell is one linear layer on the input and the previous state, without a squashing function, and the data
are the reporter's own. The remedy that was used is to clip the gradient before the update. Here 50 units
keep the running sum of 30 numbers, trained by SGD with momentum.
"""

import torch
from torch import Tensor, nn

from benchmarks.real_faults.case import Case, Watch

CASE = Case(
    source="pytorch/pytorch issue 2623",
    fault="a linear recurrence whose gradient explodes",
    fix="gradient clipping",
    causes=("exploding_gradient", "diverged"),
    solved=0.8,
)


class LinearRNN(nn.Module):
    """A recurrence without a squashing function."""

    def __init__(self) -> None:
        super().__init__()
        self.i2h = nn.Linear(1 + 50, 50)
        self.h2o = nn.Linear(50, 1)

    def forward(self, numbers: Tensor) -> Tensor:
        """Return a number for each step (batch, time, 1)."""
        hidden = numbers.new_zeros(numbers.size(0), 50)
        outputs = []
        for step in range(numbers.size(1)):
            hidden = self.i2h(torch.cat([numbers[:, step], hidden], dim=1))
            outputs.append(self.h2o(hidden))
        return torch.stack(outputs, dim=1)


def make_batch(size: int) -> tuple[Tensor, Tensor]:
    """Draw numbers and their running sums."""
    numbers = torch.randn(size, 30, 1)
    return numbers, numbers.cumsum(1)


def train(watch: Watch, repaired: bool) -> float:
    """Train, and return the explained part of the variance on new sequences."""
    torch.manual_seed(13)
    model = LinearRNN()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
    criterion = nn.MSELoss()
    watching = watch(model, optimizer, criterion)
    for _ in range(700):
        numbers, sums = make_batch(16)
        outputs = model(numbers)
        loss = criterion(outputs, sums)
        optimizer.zero_grad()
        loss.backward()
        if repaired:
            nn.utils.clip_grad_norm_(model.parameters(), 0.5)
        optimizer.step()
        watching.step(loss, outputs=outputs, targets=sums)
    watching.close()
    with torch.no_grad():
        numbers, sums = make_batch(200)
        score = 1 - criterion(model(numbers), sums).item() / sums.var().item()
    return score if score == score and score > 0 else 0.0
