"""A tagger ported from Keras: its loss stayed at 2.79, and fell to 0.02 without the softmax.

A bidirectional LSTM ended with a softmax over axis 1 of (batch, time, labels), the time, before
cross-entropy.
The fix: return the scores. Here are 40 labels, and 12 steps of words that carry them.
"""

import math

import torch
from torch import nn

from benchmarks.real_faults.case import Case, Watch

CASE = Case(
    source="Stack Overflow, Understanding the softmax output layer of RNN",
    fault="softmax over time, before cross-entropy",
    fix="no softmax",
    causes=("unreachable_output", "axes_mixed"),
)


class Tagger(nn.Module):
    """Embedding, bidirectional LSTM, and a head."""

    def __init__(self, repaired: bool) -> None:
        super().__init__()
        self.repaired = repaired
        self.embedding = nn.Embedding(80, 16)
        self.lstm = nn.LSTM(16, 24, bidirectional=True, batch_first=True)
        self.head = nn.Linear(48, 40)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return the outputs."""
        states, _ = self.lstm(self.embedding(inputs))
        scores = self.head(states)
        return scores if self.repaired else torch.softmax(scores, dim=1)


def draw(size: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return inputs and targets."""
    words = torch.randint(80, (size, 12))
    return words, words // 2


def train(watch: Watch, repaired: bool) -> float:
    """Train; return how far the loss is from blind guessing, as a share."""
    torch.manual_seed(0)
    model = Tagger(repaired)
    loss_fn = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    watching = watch(model, optimizer, loss_fn)
    for step in range(150):
        inputs, targets = draw(64)
        optimizer.zero_grad()
        outputs = model(inputs)
        loss = loss_fn(outputs.flatten(0, 1), targets.flatten())
        loss.backward()
        optimizer.step()
        watching.step(loss, inputs=inputs, outputs=outputs, targets=targets)
        if step % 50 == 49:
            model.eval()
            with torch.no_grad():
                inputs, targets = draw(256)
                outputs = model(inputs)
                loss = loss_fn(outputs.flatten(0, 1), targets.flatten())
                watching.validate(loss, inputs=inputs, outputs=outputs, targets=targets)
            model.train()
    watching.close()
    inputs, targets = draw(500)
    with torch.no_grad():
        loss = loss_fn(model(inputs).flatten(0, 1), targets.flatten())
    return 1 - loss.item() / math.log(40)
