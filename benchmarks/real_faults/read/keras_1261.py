"""Classes 0 to 5 of a text by an LSTM; the output was 1 for every input.

The head had one unit with a softmax, which is 1 whatever the unit computes.
The answer: as many units as classes.
Here the texts are 12 words, and the class is that of the most frequent word.
"""

import torch
from torch import nn

from benchmarks.real_faults.case import Case, Watch

CASE = Case(
    source="keras issue 1261",
    fault="softmax over a single unit",
    fix="one unit for each class",
    causes=("unreachable_output",),
)


class Texts(nn.Module):
    """An LSTM over word vectors with a softmax head."""

    def __init__(self, num_outputs: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(6, 16)
        self.lstm = nn.LSTM(16, 32, batch_first=True)
        self.head = nn.Linear(32, num_outputs)

    def forward(self, words: torch.Tensor) -> torch.Tensor:
        """Return (batch, outputs) of (batch, time)."""
        states, _ = self.lstm(self.embedding(words))
        return torch.softmax(self.head(states[:, -1]), dim=-1)


def draw(size: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return texts and one-hot classes."""
    classes = torch.randint(6, (size,))
    words = torch.where(torch.rand(size, 12) < 0.6, classes[:, None], torch.randint(6, (size, 12)))
    return words, nn.functional.one_hot(classes, 6).float()


def train(watch: Watch, repaired: bool) -> float:
    """Train; return the accuracy above chance."""
    torch.manual_seed(0)
    model = Texts(6 if repaired else 1)
    loss_fn = nn.BCELoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    watching = watch(model, optimizer, loss_fn)
    for _ in range(300):
        inputs, targets = draw(64)
        optimizer.zero_grad()
        outputs = model(inputs)
        if not repaired:
            targets = targets[:, 1:2]  # the one unit was taken for one of the classes
        loss = loss_fn(outputs, targets)
        loss.backward()
        optimizer.step()
        watching.step(loss, inputs=inputs, outputs=outputs, targets=targets)
    watching.close()
    inputs, targets = draw(1000)
    with torch.no_grad():
        outputs = model(inputs)
    guess = outputs.argmax(-1) if repaired else outputs[:, 0].round()
    accuracy = (guess == targets.argmax(-1)).float().mean().item()
    return (accuracy - 1 / 6) / (5 / 6)
