"""A chatbot whose decoder's optimizer was given other parameters than the decoder's.

Read: the issue, confirmed by the author; not the training code. Here the LSTM is left out of the optimizer.
"""

import torch
from torch import nn

from benchmarks.real_faults.case import Case, Watch

CASE = Case(
    source="zhaoyingjun/chatbot issue 115",
    fault="the optimizer lacks a part of the network",
    fix="all parameters in the optimizer",
    causes=("frozen",),
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
    """Return sequences and the product of their last two steps."""
    inputs = torch.randn(size, 10, 1)
    return inputs, inputs[:, -1] * inputs[:, -2]


def train(watch: Watch, repaired: bool) -> float:
    """Train; return the share of explained variance."""
    torch.manual_seed(0)
    model = Net(1, 1)
    trained = model if repaired else model.head
    loss_fn = nn.MSELoss()
    optimizer = torch.optim.Adam(trained.parameters(), lr=0.01)
    watching = watch(model, optimizer, loss_fn)
    for _ in range(1000):
        inputs, targets = draw(128)
        outputs = model(inputs)
        loss = loss_fn(outputs, targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        watching.step(loss, inputs=inputs, outputs=outputs, targets=targets)
    watching.close()
    inputs, targets = draw(1000)
    with torch.no_grad():
        return 1 - ((model(inputs) - targets).square().mean() / targets.var()).item()
