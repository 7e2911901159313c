"""A guitar effect by an LSTM: the samples lie within 27 of zero, the outputs within 0 to 1.

Read: the question and the start of its answer: the last layer was a softmax. Here it is tanh, with the mean
squared error; the twin's head is linear.
"""

import torch
from torch import nn

from benchmarks.real_faults.case import Case, Watch

CASE = Case(
    source="TensorFlow forum 3471",
    fault="bounded head, targets beyond its bounds",
    fix="a linear head",
    causes=("unreachable_output", "target_scale"),
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
    """Return samples, and ten times the mean of the last ones."""
    inputs = torch.randn(size, 12, 1)
    return inputs, 10 * inputs[:, -4:].mean(1)


def train(watch: Watch, repaired: bool) -> float:
    """Train; return the share of explained variance."""
    torch.manual_seed(0)
    model = Net(1, 1) if repaired else nn.Sequential(Net(1, 1), nn.Tanh())
    loss_fn = nn.MSELoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    watching = watch(model, optimizer, loss_fn)
    for _ in range(500):
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
