"""keras issue 2711: the loss does not change from the first epoch on.

One of the causes that commenters found was a learning rate of 0.1, far too large; lowering it cured theirs.
Here an LSTM classifies sequences of 20 noisy steps with Adam.
"""

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.real_faults.case import Case, Watch

CASE = Case(
    source="keras-team/keras issue 2711",
    fault="a learning rate far too large",
    fix="a hundredth of the rate",
    causes=("oscillating", "saturated"),
    solved=0.8,
)


class Classifier(nn.Module):
    """Two LSTM layers and two classes."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(6, 64, num_layers=2, batch_first=True)
        self.fc = nn.Linear(64, 3)

    def forward(self, signals: Tensor) -> Tensor:
        """Return the scores of three classes."""
        _, (last, _) = self.lstm(signals)
        return self.fc(last[-1])


def make_signals(count: int) -> tuple[Tensor, Tensor]:
    """Draw noise in which one of three channels is higher in the first half."""
    labels = torch.randint(3, (count,))
    signals = torch.randn(count, 20, 6)
    signals[torch.arange(count), :10, labels] += 1.0
    return signals, labels


def train(watch: Watch, repaired: bool) -> float:
    """Train, and return the skill on held-out signals."""
    torch.manual_seed(16)
    loader = DataLoader(TensorDataset(*make_signals(1280)), batch_size=32, shuffle=True)
    val_signals, val_labels = make_signals(400)
    model = Classifier()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3 if repaired else 0.1)
    criterion = nn.CrossEntropyLoss()
    watching = watch(model, optimizer, criterion)
    accuracy = 0.0
    for _ in range(10):
        model.train()
        for signals, labels in loader:
            scores = model(signals)
            loss = criterion(scores, labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            watching.step(loss, outputs=scores, targets=labels)
        model.eval()
        with torch.no_grad():
            scores = model(val_signals)
            val_loss = criterion(scores, val_labels)
        accuracy = (scores.argmax(1) == val_labels).float().mean().item()
        watching.validate(val_loss, outputs=scores, targets=val_labels, metric=accuracy)
    watching.close()
    return (accuracy - 1 / 3) * 1.5
