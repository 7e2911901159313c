"""Twenty classes of texts by an LSTM: the accuracy is the same after every batch.

The head was one sigmoid unit followed by a softmax layer of 20 units.
The answer: at least 20 units in between, and
categorical cross-entropy. Here 20 classes are shown by 10 words; only the width differs.
"""

import torch
from torch import nn

from benchmarks.real_faults.case import Case, Watch

CASE = Case(
    source="keras issue 4994",
    fault="one sigmoid unit between LSTM and head",
    fix="20 units in its place",
    causes=("too_small",),
)


class News(nn.Module):
    """An LSTM over word vectors, a narrow layer, and a head."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(20, 16)
        self.lstm = nn.LSTM(16, 32, batch_first=True)
        self.narrow = nn.Linear(32, width)
        self.head = nn.Linear(width, 20)

    def forward(self, words: torch.Tensor) -> torch.Tensor:
        """Return (batch, 20) of (batch, time)."""
        states, _ = self.lstm(self.embedding(words))
        return self.head(torch.sigmoid(self.narrow(states[:, -1])))


def draw(size: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return words, of which 7 in 10 are their class's, and classes."""
    classes = torch.randint(20, (size,))
    return torch.where(torch.rand(size, 10) < 0.7, classes[:, None], torch.randint(20, (size, 10))), classes


def train(watch: Watch, repaired: bool) -> float:
    """Train; return the accuracy above chance."""
    torch.manual_seed(0)
    model = News(20 if repaired else 1)
    loss_fn = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    watching = watch(model, optimizer, loss_fn)
    for _ in range(500):
        inputs, targets = draw(64)
        optimizer.zero_grad()
        loss = loss_fn(model(inputs), targets)
        loss.backward()
        optimizer.step()
        watching.step(loss)
    watching.close()
    inputs, targets = draw(1000)
    with torch.no_grad():
        accuracy = (model(inputs).argmax(-1) == targets).float().mean().item()
    return (accuracy - 0.05) / 0.95
