"""ivadomed pull request 55: the scheduler is stepped after each batch, and not after each epoch.

The decay that was meant for epochs ends the training within the first of them. The fix moves the
scheduler's step out of the loop over batches. Here: a GRU that adds marked numbers, with an exponential
decay.
"""

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.real_faults.case import Case, Watch

CASE = Case(
    source="ivadomed/ivadomed pull request 55",
    fault="the rate decays at each batch instead of at each epoch",
    fix="scheduler.step() after the epoch",
    causes=("too_slow", "training_loop"),
    solved=0.8,
)


class MarkedSum(nn.Module):
    """A GRU and a linear layer on its last step."""

    def __init__(self) -> None:
        super().__init__()
        self.gru = nn.GRU(2, 32, batch_first=True)
        self.head = nn.Linear(32, 1)

    def forward(self, steps: Tensor) -> Tensor:
        """Return the sum of the marked numbers (batch, 1)."""
        out, _ = self.gru(steps)
        return self.head(out[:, -1])


def make_examples(count: int) -> tuple[Tensor, Tensor]:
    """Draw eight numbers, of which some are marked, and the mean of the marked ones' sum."""
    numbers = torch.randn(count, 8)
    marks = (torch.rand(count, 8) < 0.4).float()
    return torch.stack([numbers, marks], dim=-1), (numbers * marks).sum(1, keepdim=True) / 2


def train(watch: Watch, repaired: bool) -> float:
    """Train, and return the explained part of the variance on held-out examples."""
    torch.manual_seed(17)
    loader = DataLoader(TensorDataset(*make_examples(1600)), batch_size=32, shuffle=True)
    val_steps, val_sums = make_examples(400)
    model = MarkedSum()
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.9)
    loss_fn = nn.MSELoss()
    watching = watch(model, optimizer, loss_fn)
    score = 0.0
    for _ in range(15):
        model.train()
        for steps, sums in loader:
            outputs = model(steps)
            loss = loss_fn(outputs, sums)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            watching.step(loss)
            if not repaired:
                scheduler.step()
        if repaired:
            scheduler.step()
        model.eval()
        with torch.no_grad():
            outputs = model(val_steps)
            val_loss = loss_fn(outputs, val_sums)
        watching.validate(val_loss)
        score = 1 - val_loss.item() / val_sums.var().item()
    watching.close()
    return score
