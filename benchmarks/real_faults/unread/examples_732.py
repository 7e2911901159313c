"""pytorch/examples pull request 732: the loss of the word language model with an LSTM is negative.

The criterion was changed to NLLLoss, but the recurrent model still returned its decoder's scores and not
their logarithmic softmax. The fix returns log_softmax from the model. Optimized by SGD at a high rate with
clipping. Here: a text of eight words of five letters, letter by letter.
"""

import torch
from torch import Tensor, nn

from benchmarks.real_faults.case import Case, Watch

CASE = Case(
    source="pytorch/examples pull request 732",
    fault="NLLLoss of raw scores: no log_softmax in the model",
    fix="log_softmax on the decoder's scores",
    causes=("labels_or_loss_wrong", "unreachable_output"),
    solved=0.8,
)

LETTERS, STEPS, BATCH = 13, 24, 20


class RNNModel(nn.Module):
    """Encoder, LSTM, decoder."""

    def __init__(self, log_softmax: bool) -> None:
        super().__init__()
        self.encoder = nn.Embedding(LETTERS, 16)
        self.rnn = nn.LSTM(16, 48)
        self.decoder = nn.Linear(48, LETTERS)
        self.log_softmax = log_softmax

    def forward(self, letters: Tensor, hidden: tuple[Tensor, Tensor]) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Return the flat scores of the next letters (steps * batch, letters) and the state."""
        output, hidden = self.rnn(self.encoder(letters), hidden)
        decoded = self.decoder(output).view(-1, LETTERS)
        return (torch.log_softmax(decoded, dim=1) if self.log_softmax else decoded), hidden


def make_text(words: int) -> Tensor:
    """Write random words of a fixed vocabulary, each followed by a space (letter 0)."""
    vocabulary = torch.cat(
        [torch.arange(1, 9).unsqueeze(1), torch.randint(1, LETTERS, (8, 4)), torch.zeros(8, 1).long()], dim=1
    )
    return vocabulary[torch.randint(8, (words,))].flatten()


def train(watch: Watch, repaired: bool) -> float:
    """Train, and return the skill on letters that follow from the word's beginning."""
    torch.manual_seed(2)
    text = make_text(BATCH * 440)
    columns = text[: len(text) // BATCH * BATCH].view(BATCH, -1).t().contiguous()
    train_text, valid_text = columns[:2160], columns[2160:]
    model = RNNModel(log_softmax=repaired)
    optimizer = torch.optim.SGD(model.parameters(), lr=2.0)
    criterion = nn.NLLLoss()
    watching = watch(model, optimizer, criterion)

    def validate() -> float:
        model.eval()
        hidden = (torch.zeros(1, BATCH, 48), torch.zeros(1, BATCH, 48))
        with torch.no_grad():
            output, _ = model(valid_text[:-1], hidden)
            target = valid_text[1:].flatten()
            loss = criterion(output, target)
            is_determined = valid_text[:-1].flatten() != 0
            hits = (output.argmax(1) == target)[is_determined].float().mean().item()
            chance = target[is_determined].bincount().max().item() / int(is_determined.sum())
        watching.validate(loss, inputs=valid_text[:-1], outputs=output, targets=target)
        return (hits - chance) / (1 - chance)

    score = 0.0
    for _ in range(6):
        model.train()
        hidden = (torch.zeros(1, BATCH, 48), torch.zeros(1, BATCH, 48))
        for start in range(0, len(train_text) - 1, STEPS):
            length = min(STEPS, len(train_text) - 1 - start)
            data = train_text[start : start + length]
            target = train_text[start + 1 : start + 1 + length].flatten()
            hidden = (hidden[0].detach(), hidden[1].detach())
            optimizer.zero_grad()
            output, hidden = model(data, hidden)
            loss = criterion(output, target)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 0.25)
            optimizer.step()
            watching.step(loss, inputs=data, outputs=output, targets=target)
        score = validate()
    watching.close()
    return score
