"""spro/torch-seq2seq pull request 2: errors fall for some thousand epochs, then nothing happens.

The decoder starts from the encoder's last state, but the decoder's gradient is not handed back to the
encoder, which keeps its first weights. The fix hands it back. Here: GRUs, and three words to repeat after
eleven fillers.
"""

import torch
from torch import Tensor, nn

from benchmarks.real_faults.case import Case, Watch

CASE = Case(
    source="spro/torch-seq2seq pull request 2",
    fault="no gradient from the decoder to the encoder",
    fix="the encoder's state with its gradient",
    causes=("disconnected", "frozen"),
    solved=0.8,
)

WORDS, FILLERS, LENGTH, START = 6, 6, 14, 6


class Seq2Seq(nn.Module):
    """A GRU encoder and a GRU decoder."""

    def __init__(self, connected: bool) -> None:
        super().__init__()
        self.embedding = nn.Embedding(WORDS + FILLERS, 16)
        self.encoder = nn.GRU(16, 48, batch_first=True)
        self.decoder_embedding = nn.Embedding(WORDS + 1, 16)
        self.decoder = nn.GRU(16, 48, batch_first=True)
        self.out = nn.Linear(48, WORDS)
        self.connected = connected

    def forward(self, source: Tensor, previous: Tensor) -> Tensor:
        """Return scores (batch, time, words), given the true previous words."""
        _, state = self.encoder(self.embedding(source))
        if not self.connected:
            state = state.detach()
        states, _ = self.decoder(self.decoder_embedding(previous), state)
        return self.out(states)


def make_pairs(count: int) -> tuple[Tensor, Tensor, Tensor]:
    """Draw three words and fillers, the decoder's inputs, and the three words."""
    target = torch.randint(WORDS, (count, 3))
    fillers = torch.randint(WORDS, WORDS + FILLERS, (count, LENGTH - 3))
    source = torch.cat([target, fillers], dim=1)
    start = torch.full((count, 1), START)
    return source, torch.cat([start, target[:, :-1]], dim=1), target


def train(watch: Watch, repaired: bool) -> float:
    """Train, and return the skill per word on new sources."""
    torch.manual_seed(19)
    model = Seq2Seq(connected=repaired)
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    criterion = nn.CrossEntropyLoss()
    watching = watch(model, optimizer, criterion)
    accuracy = 0.0
    for epoch in range(1, 901):
        source, previous, target = make_pairs(32)
        scores = model(source, previous)
        loss = criterion(scores.flatten(0, 1), target.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        watching.step(loss, inputs=source, outputs=scores.flatten(0, 1), targets=target.flatten())
        if epoch % 100 == 0:
            with torch.no_grad():
                source, previous, target = make_pairs(300)
                scores = model(source, previous)
                valid_loss = criterion(scores.flatten(0, 1), target.flatten())
            accuracy = (scores.argmax(2) == target).float().mean().item()
            watching.validate(
                valid_loss, inputs=source, outputs=scores.flatten(0, 1), targets=target.flatten()
            )
    watching.close()
    return (accuracy - 1 / WORDS) / (1 - 1 / WORDS)
