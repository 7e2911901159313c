"""A sigmoid before BCEWithLogitsLoss, which applies it again: the loss does not converge.

Read: the pull request's text. It is about a recommender; here an LSTM finds a rare mark in a sequence.
"""

import torch
from torch import nn

from benchmarks.real_faults.case import Case, Watch

CASE = Case(
    source="yudi-mars/daisyRec PR 15",
    fault="sigmoid before BCEWithLogitsLoss",
    fix="no sigmoid",
    causes=("unreachable_output",),
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


def draw(size: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return sequences, one in five with a mark, and whether they have one."""
    targets = (torch.rand(size, 1) < 0.2).float()
    inputs = torch.randn(size, 12, 3)
    inputs[:, 4, 0] += 4 * targets[:, 0]
    return inputs, targets


def train(watch: Watch, repaired: bool) -> float:
    """Train; return the mean recall above chance."""
    torch.manual_seed(0)
    model = Net(3, 1) if repaired else nn.Sequential(Net(3, 1), nn.Sigmoid())
    loss_fn = nn.BCEWithLogitsLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.005)
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
    inputs, targets = draw(2000)
    with torch.no_grad():
        guess = torch.sigmoid(model(inputs)) > 0.5
    recalls = [(guess == targets)[targets == one].float().mean().item() for one in (0, 1)]
    return sum(recalls) - 1
