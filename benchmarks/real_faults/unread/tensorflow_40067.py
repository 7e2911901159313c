"""tensorflow issue 40067: the tutorial on text generation carries the GRU's state on over shuffled batches.

The layer is stateful, so each batch starts from the states of other, unrelated texts; the fix is a layer
that is not. Here the class of a text is its first letter, which must be told from what was carried on.
"""

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.real_faults.case import Case, Watch

CASE = Case(
    source="tensorflow/tensorflow issue 40067",
    fault="a stateful GRU with shuffled batches",
    fix="each batch from a zero state",
    causes=("state_carried",),
    solved=0.8,
)

LETTERS, LENGTH, BATCH = 5, 7, 32


class TextModel(nn.Module):
    """Embedding, GRU, dense layer; the GRU may keep its state."""

    def __init__(self, stateful: bool) -> None:
        super().__init__()
        self.embedding = nn.Embedding(LETTERS, 16)
        self.gru = nn.GRU(16, 48, batch_first=True)
        self.dense = nn.Linear(48, LETTERS)
        self.stateful = stateful
        self.state: Tensor | None = None

    def forward(self, texts: Tensor) -> Tensor:
        """Return the scores of the first letter."""
        out, state = self.gru(self.embedding(texts), self.state)
        if self.stateful:
            self.state = state.detach()
        return self.dense(out[:, -1])


def train(watch: Watch, repaired: bool) -> float:
    """Train, and return the skill on held-out texts."""
    torch.manual_seed(20)
    texts = torch.randint(LETTERS, (BATCH * 70, LENGTH))
    train_loader = DataLoader(
        TensorDataset(texts[: BATCH * 60]), batch_size=BATCH, shuffle=True, drop_last=True
    )
    valid_loader = DataLoader(TensorDataset(texts[BATCH * 60 :]), batch_size=BATCH, drop_last=True)
    model = TextModel(stateful=not repaired)
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    loss_fn = nn.CrossEntropyLoss()
    watching = watch(model, optimizer, loss_fn)
    accuracy = 0.0
    for _ in range(15):
        for (batch,) in train_loader:
            scores = model(batch)
            loss = loss_fn(scores, batch[:, 0])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            watching.step(loss, inputs=batch, outputs=scores, targets=batch[:, 0])
        hits = []
        with torch.no_grad():
            for (batch,) in valid_loader:
                scores = model(batch)
                watching.validate(
                    loss_fn(scores, batch[:, 0]), inputs=batch, outputs=scores, targets=batch[:, 0]
                )
                hits.append((scores.argmax(1) == batch[:, 0]).float().mean().item())
        accuracy = sum(hits) / len(hits)
    watching.close()
    return (accuracy - 1 / LETTERS) / (1 - 1 / LETTERS)
