"""A classifier of texts whose loss is always negative: NLLLoss of a softmax, not of its logarithm.

Read: the issue. It has no answer; the repair, log-softmax, is what the documentation of NLLLoss asks for.
The issue is about a transformer; here an LSTM without any softmax is trained from a DataLoader.
"""

import math

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.real_faults.case import Case, Watch

CASE = Case(
    source="AnubhavGupta3377/Text-Classification-Models-Pytorch issue 9",
    fault="NLLLoss without log-softmax",
    fix="log-softmax",
    causes=("unreachable_output", "labels_or_loss_wrong"),
    solved=0.6,
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
    """Return noisy vectors, one column of which is raised for each class, and classes."""
    classes = torch.randint(4, (size,))
    return torch.randn(size, 10, 4) + 0.8 * nn.functional.one_hot(classes, 4)[:, None], classes


def train(watch: Watch, repaired: bool) -> float:
    """Train; return the share of the loss of blind guessing that is gone."""
    torch.manual_seed(0)
    model = nn.Sequential(Net(4, 4), nn.LogSoftmax(-1)) if repaired else Net(4, 4)
    loss_fn = nn.NLLLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.005)
    loader = DataLoader(TensorDataset(*draw(1024)), batch_size=64, shuffle=True)
    tests = DataLoader(TensorDataset(*draw(512)), batch_size=128)
    watching = watch(model, optimizer, loss_fn)
    for _ in range(15):
        model.train()
        for inputs, targets in loader:
            outputs = model(inputs)
            loss = loss_fn(outputs, targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            watching.step(loss, inputs=inputs, outputs=outputs, targets=targets)
        model.eval()
        with torch.no_grad():
            for inputs, targets in tests:
                outputs = model(inputs)
                watching.validate(loss_fn(outputs, targets), inputs=inputs, outputs=outputs, targets=targets)
    watching.close()
    inputs, targets = draw(1000)
    with torch.no_grad():
        loss = nn.functional.cross_entropy(model(inputs), targets)
    return 1 - loss.item() / math.log(4)
