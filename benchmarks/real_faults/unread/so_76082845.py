"""Stack Overflow question 76082845: the validation of an LSTM tweet classifier does not follow its training.

Five thousand tweets of two classes, as often each, wide word vectors and 150 units: training accuracy
rises, validation stays. The answer: too few texts for so many parameters; it memorizes them. Here: 48 texts
of 16 words, against 3000 in the repaired twin, as many updates in both.
"""

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, RandomSampler, TensorDataset

from benchmarks.real_faults.case import Case, Watch

CASE = Case(
    source="Stack Overflow 76082845",
    fault="too few training texts for the network",
    fix="more texts",
    causes=("too_little_data", "overfit"),
    solved=0.7,
)

WORDS, LENGTH = 300, 16


class TweetClassifier(nn.Module):
    """Embedding, dropout, LSTM, sigmoid unit."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(WORDS, 48)
        self.dropout = nn.Dropout(0.2)
        self.lstm = nn.LSTM(48, 48, batch_first=True)
        self.dense = nn.Linear(48, 1)

    def forward(self, tweets: Tensor) -> Tensor:
        """Return the probability of the second class."""
        states, _ = self.lstm(self.dropout(self.embedding(tweets)))
        return torch.sigmoid(self.dense(states.mean(1))).squeeze(1)


def make_tweets(count: int) -> tuple[Tensor, Tensor]:
    """Draw tweets; words of even number are more frequent in one class, those of odd number in the other."""
    labels = torch.randint(2, (count,))
    is_typical = torch.rand(count, LENGTH) < 0.75
    parity = torch.where(is_typical, labels.unsqueeze(1), 1 - labels.unsqueeze(1))
    return 2 * torch.randint(WORDS // 2, (count, LENGTH)) + parity, labels.float()


def train(watch: Watch, repaired: bool) -> float:
    """Train, and return the skill on held-out tweets."""
    torch.manual_seed(22)
    train_set = TensorDataset(*make_tweets(3000 if repaired else 48))
    sampler = RandomSampler(train_set, replacement=True, num_samples=1600)
    val_tweets, val_labels = make_tweets(400)
    model = TweetClassifier()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    loss_fn = nn.BCELoss()
    watching = watch(model, optimizer, loss_fn)
    accuracy = 0.5
    for _ in range(10):
        model.train()
        for tweets, labels in DataLoader(train_set, batch_size=32, sampler=sampler):
            outputs = model(tweets)
            loss = loss_fn(outputs, labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            watching.step(loss, inputs=tweets, outputs=outputs, targets=labels)
        model.eval()
        with torch.no_grad():
            outputs = model(val_tweets)
            val_loss = loss_fn(outputs, val_labels)
        accuracy = ((outputs > 0.5) == val_labels.bool()).float().mean().item()
        watching.validate(val_loss, inputs=val_tweets, outputs=outputs, targets=val_labels, metric=accuracy)
    watching.close()
    return 2 * accuracy - 1
