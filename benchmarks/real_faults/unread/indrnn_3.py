"""StefOe/indrnn-pytorch issue 3: the LSTM baseline does not learn the adding problem.

The batches are (batch, time, feature) for the repository's own layers, while nn.LSTM expects the time
first, so it recurs over the batch. The fix brings the axes into the expected order. Here: ten steps.
"""

import torch
from torch import Tensor, nn

from benchmarks.real_faults.case import Case, Watch

CASE = Case(
    source="StefOe/indrnn-pytorch issue 3",
    fault="(batch, time, feature) given to an LSTM that takes time first",
    fix="batch_first=True",
    causes=("axes_mixed",),
    solved=0.8,
)

TIME_STEPS, BATCH_SIZE = 10, 50


class Net(nn.Module):
    """An LSTM and a linear layer on its last output."""

    def __init__(self, batch_first: bool) -> None:
        super().__init__()
        self.lstm = nn.LSTM(2, 48, batch_first=batch_first)
        self.lin = nn.Linear(48, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return the sum that is asked for (batch,)."""
        out, _ = self.lstm(x)
        return self.lin(out[:, -1, :]).squeeze(1)


def get_batch(size: int = BATCH_SIZE) -> tuple[Tensor, Tensor]:
    """Draw numbers from 0 to 1, two of them marked, and the sum of these two."""
    values = torch.rand(size, TIME_STEPS)
    marks = torch.zeros(size, TIME_STEPS)
    first = torch.randint(TIME_STEPS // 2, (size, 1))
    second = torch.randint(TIME_STEPS // 2, TIME_STEPS, (size, 1))
    marks.scatter_(1, first, 1.0).scatter_(1, second, 1.0)
    return torch.stack([values, marks], dim=-1), (values * marks).sum(1)


def train(watch: Watch, repaired: bool) -> float:
    """Train, and return the explained part of the variance on new batches."""
    torch.manual_seed(5)
    model = Net(batch_first=repaired)
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    criterion = nn.MSELoss()
    watching = watch(model, optimizer, criterion)
    for step in range(1, 1201):
        data, target = get_batch()
        optimizer.zero_grad()
        out = model(data)
        loss = criterion(out, target)
        loss.backward()
        optimizer.step()
        watching.step(loss, inputs=data, outputs=out, targets=target)
        if step % 200 == 0:
            with torch.no_grad():
                data, target = get_batch(BATCH_SIZE)
                out = model(data)
                watching.validate(criterion(out, target), inputs=data, outputs=out, targets=target)
    losses, variances = [], []
    with torch.no_grad():
        for _ in range(20):
            data, target = get_batch()
            losses.append(criterion(model(data), target).item())
            variances.append(target.var().item())
    watching.close()
    return 1 - sum(losses) / sum(variances)
