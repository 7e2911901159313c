"""sherjilozair/char-rnn-tensorflow issue 91: many recurrent layers give poor text.

A commenter advises against more than three layers: one is often enough, and deep stacks of plain recurrent
layers fail to train. The fix is a network of two layers. Here a stack of eight LSTM layers reads a text of
eight words.
"""

import torch
from torch import Tensor, nn

from benchmarks.real_faults.case import Case, Watch

CASE = Case(
    source="sherjilozair/char-rnn-tensorflow issue 91",
    fault="a stack of eight recurrent layers",
    fix="two layers",
    causes=("vanishing_in_depth",),
    solved=0.8,
)

LETTERS, STEPS = 13, 24


class CharRNN(nn.Module):
    """Embedding, recurrent layers, and the scores of the next letter."""

    def __init__(self, layers: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(LETTERS, 16)
        self.rnn = nn.LSTM(16, 32, num_layers=layers, batch_first=True)
        self.softmax_w = nn.Linear(32, LETTERS)

    def forward(self, letters: Tensor) -> Tensor:
        """Return scores (batch, steps, letters)."""
        output, _ = self.rnn(self.embedding(letters))
        return self.softmax_w(output)


def make_text(words: int) -> Tensor:
    """Write random words of a fixed vocabulary, each followed by a space (letter 0)."""
    vocabulary = torch.cat(
        [torch.arange(1, 9).unsqueeze(1), torch.randint(1, LETTERS, (8, 4)), torch.zeros(8, 1).long()], dim=1
    )
    return vocabulary[torch.randint(8, (words,))].flatten()


def train(watch: Watch, repaired: bool) -> float:
    """Train, and return the skill on letters that follow from the word's beginning."""
    torch.manual_seed(11)
    text = make_text(4000)
    pieces = text[: len(text) // (STEPS + 1) * (STEPS + 1)].view(-1, STEPS + 1)
    train_pieces, valid_pieces = pieces[:-80], pieces[-80:]
    model = CharRNN(layers=2 if repaired else 8)
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    loss_fn = nn.CrossEntropyLoss()
    watching = watch(model, optimizer, loss_fn)
    score = 0.0
    for _ in range(16):
        for piece in train_pieces[torch.randperm(len(train_pieces))].split(32):
            scores = model(piece[:, :-1]).flatten(0, 1)
            wanted = piece[:, 1:].flatten()
            loss = loss_fn(scores, wanted)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 5.0)
            optimizer.step()
            watching.step(loss, inputs=piece[:, :-1], outputs=scores, targets=wanted)
        with torch.no_grad():
            scores = model(valid_pieces[:, :-1]).flatten(0, 1)
            wanted = valid_pieces[:, 1:].flatten()
            valid_loss = loss_fn(scores, wanted)
            is_determined = valid_pieces[:, :-1].flatten() != 0
            hits = (scores.argmax(1) == wanted)[is_determined].float().mean().item()
            chance = wanted[is_determined].bincount().max().item() / int(is_determined.sum())
        watching.validate(valid_loss, inputs=valid_pieces[:, :-1], outputs=scores, targets=wanted)
        score = (hits - chance) / (1 - chance)
    watching.close()
    return score
