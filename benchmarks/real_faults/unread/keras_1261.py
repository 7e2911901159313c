"""keras issue 1261: an LSTM text classifier prints the value 1 for every text, whatever its class.

The network was adapted from the two-class IMDB example. Its last layer has one unit with a softmax, which
is 1 for any input; the answer was to give it one unit for each class. Here: texts of 20 words, two classes.
"""

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.real_faults.case import Case, Watch

CASE = Case(
    source="keras-team/keras issue 1261",
    fault="a softmax over one unit: the output is 1 for every input",
    fix="one unit for each class under the softmax",
    causes=("unreachable_output",),
    solved=0.8,
)

WORDS, LENGTH = 40, 20


class TextClassifier(nn.Module):
    """Embedding, bidirectional LSTM, dropout, softmax."""

    def __init__(self, units: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(WORDS, 16)
        self.lstm = nn.LSTM(16, 16, batch_first=True, bidirectional=True)
        self.dropout = nn.Dropout(0.2)
        self.dense = nn.Linear(32, units)

    def forward(self, words: Tensor) -> Tensor:
        """Return class probabilities."""
        states, _ = self.lstm(self.embedding(words))
        return torch.softmax(self.dense(self.dropout(states.mean(1))), dim=1)


def make_texts(count: int) -> tuple[Tensor, Tensor]:
    """Draw texts; the class is whether words below 20 are more frequent than the others."""
    labels = torch.randint(2, (count,))
    leaning = torch.rand(count, LENGTH) < 0.7
    first_half = leaning == labels.bool().unsqueeze(1)
    words = torch.randint(WORDS // 2, (count, LENGTH)) + (~first_half) * (WORDS // 2)
    return words, labels


def train(watch: Watch, repaired: bool) -> float:
    """Train, and return the skill on held-out texts."""
    torch.manual_seed(1)
    units = 2 if repaired else 1
    train_set = TensorDataset(*make_texts(1600))
    test_words, test_labels = make_texts(400)
    model = TextClassifier(units)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    loss_fn = nn.BCELoss()
    watching = watch(model, optimizer, loss_fn)

    def as_targets(labels: Tensor) -> Tensor:
        return nn.functional.one_hot(labels, 2).float() if units == 2 else labels.float().unsqueeze(1)

    accuracy = 0.0
    for _ in range(8):
        model.train()
        for words, labels in DataLoader(train_set, batch_size=32, shuffle=True):
            outputs = model(words)
            loss = loss_fn(outputs, as_targets(labels))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            watching.step(loss, inputs=words, outputs=outputs, targets=as_targets(labels))
        model.eval()
        with torch.no_grad():
            outputs = model(test_words)
            test_loss = loss_fn(outputs, as_targets(test_labels))
            predicted = outputs.argmax(1) if units == 2 else (outputs > 0.5).long().squeeze(1)
            accuracy = (predicted == test_labels).float().mean().item()
        watching.validate(test_loss, inputs=test_words, outputs=outputs, targets=as_targets(test_labels))
    watching.close()
    return 2 * accuracy - 1
