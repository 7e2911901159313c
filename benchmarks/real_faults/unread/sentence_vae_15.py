"""timbmg/Sentence-VAE issue 15 (also LASER 138, fairseq 239): the examples of a batch get mixed up.

The final state of a bidirectional encoder is (directions, batch, hidden) also with batch_first, and is
brought to (batch, directions * hidden) by a view: each row holds states of other examples. The fix
concatenates the directions. Here the encoder's code is classified into the four pairs of first and last
token parity.
"""

import torch
from torch import Tensor, nn

from benchmarks.real_faults.case import Case, Watch

CASE = Case(
    source="timbmg/Sentence-VAE issue 15",
    fault="the state of a bidirectional encoder goes through a view where a transpose is meant",
    fix="the states of both directions concatenated for each example",
    causes=("axes_mixed",),
    solved=0.8,
)


class SentenceEncoder(nn.Module):
    """A bidirectional GRU, its code, and a classifier of the code."""

    def __init__(self, concatenates: bool) -> None:
        super().__init__()
        self.embedding = nn.Embedding(12, 16)
        self.encoder_rnn = nn.GRU(16, 24, bidirectional=True, batch_first=True)
        self.hidden2code = nn.Linear(48, 16)
        self.code2class = nn.Linear(16, 4)
        self.concatenates = concatenates

    def forward(self, sentences: Tensor) -> Tensor:
        """Return the scores of four classes."""
        _, hidden = self.encoder_rnn(self.embedding(sentences))
        if self.concatenates:
            hidden = torch.cat([hidden[0], hidden[1]], dim=1)
        else:
            hidden = hidden.view(sentences.size(0), 48)
        return self.code2class(torch.tanh(self.hidden2code(hidden)))


def train(watch: Watch, repaired: bool) -> float:
    """Train, and return the skill on held-out sentences."""
    torch.manual_seed(7)
    sentences = torch.randint(12, (2304, 8))
    classes = 2 * (sentences[:, 0] % 2) + sentences[:, -1] % 2
    valid_sentences, valid_classes = sentences[2048:], classes[2048:]
    model = SentenceEncoder(concatenates=repaired)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    loss_fn = nn.CrossEntropyLoss()
    watching = watch(model, optimizer, loss_fn)
    for _ in range(10):
        for rows in torch.randperm(2048).split(32):
            scores = model(sentences[rows])
            loss = loss_fn(scores, classes[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            watching.step(loss, inputs=sentences[rows], outputs=scores, targets=classes[rows])
        with torch.no_grad():
            scores = model(valid_sentences)
            valid_loss = loss_fn(scores, valid_classes)
        watching.validate(valid_loss, inputs=valid_sentences, outputs=scores, targets=valid_classes)
    watching.close()
    accuracy = (scores.argmax(1) == valid_classes).float().mean().item()
    return (accuracy - 0.25) / 0.75
