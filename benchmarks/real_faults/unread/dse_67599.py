"""datascience.SE question 67599: an LSTM predicts nearly one value for each sequence.

Sequences of n zeros and then ones; the target is the share of ones. The zeros are masked, so the network
counts what is left. Ten units, a ReLU behind the last layer, Adam, 50 epochs of 45 sequences in batches of
32: a hundred updates. The answer: batches of one, more than twenty times as many updates. Here: 130 steps
instead of 2000.
"""

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.real_faults.case import Case, Watch

CASE = Case(
    source="datascience.SE question 67599",
    fault="a hundred updates at a small rate",
    fix="batches of one sequence",
    causes=("too_slow",),
    solved=0.7,
)

STEPS = 130


class ShareOfOnes(nn.Module):
    """An LSTM that skips zeros, and a dense layer with a ReLU."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(1, 10, batch_first=True)
        self.dense = nn.Linear(10, 1)
        # As Keras starts the forget gate; the head starts on the ReLU's open side.
        with torch.no_grad():
            self.lstm.bias_ih_l0[10:20].fill_(1.0)
            self.dense.bias.fill_(0.3)

    def forward(self, sequences: Tensor) -> Tensor:
        """Return the share of ones (batch, 1)."""
        counts = sequences.sum((1, 2)).long()
        ones = sequences.flip(1)
        packed = pack_padded_sequence(ones, counts, batch_first=True, enforce_sorted=False)
        _, (last, _) = self.lstm(packed)
        return torch.relu(self.dense(last[0]))


def make_sequences(count: int) -> tuple[Tensor, Tensor]:
    """Draw sequences of zeros and then ones, and their share of ones."""
    ones = torch.randint(2, STEPS * 3 // 4, (count, 1))
    sequences = (torch.arange(STEPS) >= STEPS - ones).float().unsqueeze(-1)
    return sequences, sequences.mean(1)


def train(watch: Watch, repaired: bool) -> float:
    """Train, and return the explained part of the variance on other sequences."""
    torch.manual_seed(24)
    train_set = TensorDataset(*make_sequences(45))
    test_sequences, test_shares = make_sequences(100)
    model = ShareOfOnes()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    loss_fn = nn.MSELoss()
    watching = watch(model, optimizer, loss_fn)
    score = 0.0
    for _ in range(50):
        model.train()
        for sequences, shares in DataLoader(train_set, batch_size=1 if repaired else 32, shuffle=True):
            outputs = model(sequences)
            loss = loss_fn(outputs, shares)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            watching.step(loss, outputs=outputs, targets=shares)
        model.eval()
        with torch.no_grad():
            outputs = model(test_sequences)
            test_loss = loss_fn(outputs, test_shares)
        watching.validate(test_loss, outputs=outputs, targets=test_shares)
        score = 1 - test_loss.item() / test_shares.var().item()
    watching.close()
    return score
