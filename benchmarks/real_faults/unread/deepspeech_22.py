"""SeanNaren/deepspeech.pytorch pull request 22: the test runs in training mode.

The model is tested without a call of eval(), so dropout stays on, and the batch norm between the recurrent
layers takes its statistics from the tested utterances. The fix tests in eval mode. Here utterances are
tested one at a time, and their level, which is the class, is what such statistics remove.
"""

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.real_faults.case import Case, Watch

CASE = Case(
    source="SeanNaren/deepspeech.pytorch pull request 22",
    fault="validation in training mode, with dropout and batch norm",
    fix="model.eval() before the validation",
    causes=("wrong_mode",),
    solved=0.8,
)


class SequenceWise(nn.Module):
    """Applies a layer to all steps of all sequences at once."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, x: Tensor) -> Tensor:
        """Return the layer's output in the shape of x."""
        return self.module(x.flatten(0, 1)).view_as(x)


class Speech(nn.Module):
    """Batch norm, GRU, dropout, dense layer."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = SequenceWise(nn.BatchNorm1d(8))
        self.rnn = nn.GRU(8, 32, batch_first=True)
        self.dropout = nn.Dropout(0.3)
        self.fc = nn.Linear(32, 2)

    def forward(self, frames: Tensor) -> Tensor:
        """Return the scores of two classes."""
        out, _ = self.rnn(self.norm(frames))
        return self.fc(self.dropout(out.mean(1)))


def make_utterances(count: int) -> tuple[Tensor, Tensor]:
    """Draw frames (count, 12, 8); the class is their level."""
    labels = torch.randint(2, (count,))
    level = 0.6 * (2 * labels.float() - 1)
    return 4 + torch.randn(count, 12, 8) + level.view(-1, 1, 1), labels


def train(watch: Watch, repaired: bool) -> float:
    """Train, and return the skill on held-out utterances."""
    torch.manual_seed(21)
    train_loader = DataLoader(TensorDataset(*make_utterances(1000)), batch_size=20, shuffle=True)
    test_loader = DataLoader(TensorDataset(*make_utterances(120)), batch_size=1)
    model = Speech()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, nesterov=True)
    criterion = nn.CrossEntropyLoss()
    watching = watch(model, optimizer, criterion)
    accuracy = 0.0
    for _ in range(10):
        model.train()
        for frames, labels in train_loader:
            scores = model(frames)
            loss = criterion(scores, labels)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 400)
            optimizer.step()
            watching.step(loss, inputs=frames, outputs=scores, targets=labels)
        if repaired:
            model.eval()
        hits = 0
        with torch.no_grad():
            for frames, labels in test_loader:
                scores = model(frames)
                watching.validate(criterion(scores, labels), inputs=frames, outputs=scores, targets=labels)
                hits += int(scores.argmax(1) == labels)
        accuracy = hits / len(test_loader)
    watching.close()
    return 2 * accuracy - 1
