"""Three classes of a text by an LSTM of word vectors; the loss fell below -8.

One sigmoid unit with binary cross-entropy was trained on the class numbers 0, 1 and 2: with the target 2
the loss
has no minimum. The answer: one unit for each class. Here the vectors are 8 wide and the texts 10 long.
"""

import torch
from torch import nn

from benchmarks.real_faults.case import Case, Watch

CASE = Case(
    source="keras issue 2172",
    fault="class numbers 0 to 2 as targets of one sigmoid",
    fix="one output for each class",
    causes=("unreachable_output", "labels_or_loss_wrong"),
)


class Texts(nn.Module):
    """An LSTM over vectors."""

    def __init__(self, num_outputs: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(8, 32, batch_first=True)
        self.head = nn.Linear(32, num_outputs)

    def forward(self, vectors: torch.Tensor) -> torch.Tensor:
        """Return (batch, outputs)."""
        states, _ = self.lstm(vectors)
        return self.head(states[:, -1])


def draw(size: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return vectors whose first three columns carry the class, and classes."""
    classes = torch.randint(3, (size,))
    vectors = torch.randn(size, 10, 8)
    vectors[:, :, :3] += nn.functional.one_hot(classes, 3)[:, None]
    return vectors, classes


def train(watch: Watch, repaired: bool) -> float:
    """Train; return the accuracy above chance."""
    torch.manual_seed(0)
    model = Texts(3 if repaired else 1)
    loss_fn = nn.CrossEntropyLoss() if repaired else nn.BCEWithLogitsLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    watching = watch(model, optimizer, loss_fn)
    for _ in range(300):
        inputs, classes = draw(64)
        targets = classes if repaired else classes[:, None].float()
        optimizer.zero_grad()
        outputs = model(inputs)
        loss = loss_fn(outputs, targets)
        loss.backward()
        optimizer.step()
        watching.step(loss, inputs=inputs, outputs=outputs, targets=targets)
    watching.close()
    inputs, classes = draw(1000)
    with torch.no_grad():
        outputs = model(inputs)
    guess = outputs.argmax(-1) if repaired else torch.sigmoid(outputs[:, 0]).round()
    return ((guess == classes).float().mean().item() - 1 / 3) / (2 / 3)
