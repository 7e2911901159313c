"""A generator that is trained on the step that it sees, and not on the next one.

Read: the issue; the fix shifts the targets. It is about transformers; here a GRU reads cycles of words, and
is scored on the next word.
"""

import torch
from torch import nn

from benchmarks.real_faults.case import Case, Watch

CASE = Case(
    source="Project-MONAI/GenerativeModels issue 314",
    fault="targets are the inputs, not shifted by a step",
    fix="targets are the next steps",
    causes=("leak", "labels_or_loss_wrong"),
)


class Words(nn.Module):
    """A GRU over words, with a score for each word at each step."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(14, 16)
        self.gru = nn.GRU(16, 24, batch_first=True)
        self.head = nn.Linear(24, 14)

    def forward(self, words: torch.Tensor) -> torch.Tensor:
        """Return (batch, time, words)."""
        return self.head(self.gru(self.embedding(words))[0])


def draw(size: int) -> torch.Tensor:
    """Return walks through 14 words by a step of 1 or 3, (size, 13)."""
    start, stride = torch.randint(14, (size, 1)), 1 + 2 * torch.randint(2, (size, 1))
    return (start + stride * torch.arange(13)) % 14


def train(watch: Watch, repaired: bool) -> float:
    """Train; return the accuracy of the next word, from the third on, above chance."""
    torch.manual_seed(0)
    model = Words()
    loss_fn = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    watching = watch(model, optimizer, loss_fn)
    for _ in range(300):
        words = draw(32)
        inputs = words[:, :-1]
        targets = words[:, 1:] if repaired else inputs
        outputs = model(inputs)
        loss = loss_fn(outputs.flatten(0, 1), targets.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        watching.step(loss, inputs=inputs, outputs=outputs, targets=targets)
    watching.close()
    words = draw(500)
    with torch.no_grad():
        guess = model(words[:, :-1]).argmax(-1)
    return ((guess == words[:, 1:])[:, 1:].float().mean().item() - 1 / 14) / (13 / 14)
