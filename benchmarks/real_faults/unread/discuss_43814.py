"""PyTorch forum topic 43814: the cross-entropy loss of ten classes stays at 2.30, up and down by 0.01.

An answer names a softmax in the network before CrossEntropyLoss, which has its own, as the first thing to
remove. Here the ten classes are patterns that a GRU reads row by row, trained by SGD.
"""

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.real_faults.case import Case, Watch

CASE = Case(
    source="PyTorch forum topic 43814",
    fault="a softmax before CrossEntropyLoss",
    fix="raw scores into CrossEntropyLoss",
    causes=("unreachable_output",),
    solved=0.8,
)


class RowReader(nn.Module):
    """A GRU over the eight rows of a picture."""

    def __init__(self, use_softmax: bool) -> None:
        super().__init__()
        self.gru = nn.GRU(8, 32, batch_first=True)
        self.fc = nn.Linear(32, 10)
        self.softmax = nn.Softmax(dim=1) if use_softmax else nn.Identity()

    def forward(self, pictures: Tensor) -> Tensor:
        """Return the scores of ten classes."""
        out, _ = self.gru(pictures)
        return self.softmax(self.fc(out[:, -1]))


def train(watch: Watch, repaired: bool) -> float:
    """Train, and return the skill on held-out pictures."""
    torch.manual_seed(3)
    patterns = torch.randn(10, 8, 8)
    labels = torch.randint(10, (2500,))
    pictures = patterns[labels] + 0.4 * torch.randn(2500, 8, 8)
    train_loader = DataLoader(TensorDataset(pictures[:2000], labels[:2000]), batch_size=50, shuffle=True)
    test_pictures, test_labels = pictures[2000:], labels[2000:]
    model = RowReader(use_softmax=not repaired)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.5)
    criterion = nn.CrossEntropyLoss()
    watching = watch(model, optimizer, criterion)
    accuracy = 0.0
    for _ in range(10):
        model.train()
        for batch, batch_labels in train_loader:
            optimizer.zero_grad()
            outputs = model(batch)
            loss = criterion(outputs, batch_labels)
            loss.backward()
            optimizer.step()
            watching.step(loss, inputs=batch, outputs=outputs, targets=batch_labels)
        model.eval()
        with torch.no_grad():
            outputs = model(test_pictures)
            test_loss = criterion(outputs, test_labels)
        accuracy = (outputs.argmax(1) == test_labels).float().mean().item()
        watching.validate(
            test_loss, inputs=test_pictures, outputs=outputs, targets=test_labels, metric=accuracy
        )
    watching.close()
    return (accuracy - 0.1) / 0.9
