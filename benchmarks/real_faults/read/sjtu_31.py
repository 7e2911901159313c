"""A course's language model trained with ReLU units: the loss becomes NaN.

Read: the issue; the answer: another activation, or a lower rate. Here sequences have 60 steps, and
the twin has tanh units.
"""

import torch
from torch import nn

from benchmarks.real_faults.case import Case, Watch

CASE = Case(
    source="chenxie95/deeplearning_course_sjtu issue 31",
    fault="ReLU units, without clipping",
    fix="tanh units",
    causes=("exploding_gradient", "diverged"),
    solved=0.6,
)


class Net(nn.Module):
    """A plain network that reads the last step."""

    def __init__(self, repaired: bool) -> None:
        super().__init__()
        self.rnn = nn.RNN(1, 32, nonlinearity="tanh" if repaired else "relu", batch_first=True)
        nn.init.normal_(self.rnn.weight_hh_l0, std=1.8 / 32**0.5)
        self.head = nn.Linear(32, 1)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return (batch, 1)."""
        states, _ = self.rnn(inputs)
        return self.head(states[:, -1])


def draw(size: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return sequences and the sum of their last steps."""
    inputs = torch.randn(size, 60, 1)
    return inputs, inputs[:, -3:].sum(1) / 3**0.5


def train(watch: Watch, repaired: bool) -> float:
    """Train; return the share of explained variance."""
    torch.manual_seed(0)
    model = Net(repaired)
    loss_fn = nn.MSELoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
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
    inputs, targets = draw(500)
    with torch.no_grad():
        return 1 - ((model(inputs) - targets).square().mean() / targets.var()).item()
