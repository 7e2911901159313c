"""PyTorch forum topic 1745: how to set the forget gate's bias, which nn.LSTM starts near 0.

With it, about half of the cell is forgotten at each step, and what lies many steps back does not get
through. The answer fills the forget gate's part of both bias vectors with 1. Here: name the first symbol at
the end.
"""

import torch
from torch import Tensor, nn

from benchmarks.real_faults.case import Case, Watch

CASE = Case(
    source="PyTorch forum topic 1745",
    fault="the forget gate starts half closed for a lag of 30 steps",
    fix="both biases of the forget gate filled with 1",
    causes=("vanishing_in_time",),
    solved=0.8,
)

LAG, SYMBOLS = 30, 4


class Recall(nn.Module):
    """An LSTM and the scores of the first symbol."""

    def __init__(self, opens_forget_gate: bool) -> None:
        super().__init__()
        self.lstm = nn.LSTM(2 * SYMBOLS, 24)
        self.linear = nn.Linear(24, SYMBOLS)
        if opens_forget_gate:
            for name, values in self.lstm.named_parameters():
                if "bias" in name:
                    quarter = values.numel() // 4
                    values.data[quarter : 2 * quarter].fill_(1.0)

    def forward(self, steps: Tensor) -> Tensor:
        """Return scores (batch, symbols) for steps (time, batch, feature)."""
        states, _ = self.lstm(steps)
        return self.linear(states[-1])


def make_batch(size: int) -> tuple[Tensor, Tensor]:
    """Draw a symbol, then other symbols of a second alphabet."""
    first = torch.randint(SYMBOLS, (1, size))
    others = torch.randint(SYMBOLS, 2 * SYMBOLS, (LAG, size))
    return nn.functional.one_hot(torch.cat([first, others]), 2 * SYMBOLS).float(), first[0]


def train(watch: Watch, repaired: bool) -> float:
    """Train, and return the skill on new sequences."""
    torch.manual_seed(12)
    model = Recall(opens_forget_gate=repaired)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    loss_fn = nn.CrossEntropyLoss()
    watching = watch(model, optimizer, loss_fn)
    test_steps, test_first = make_batch(500)
    accuracy = 0.0
    for iteration in range(1, 1001):
        steps, first = make_batch(32)
        scores = model(steps)
        loss = loss_fn(scores, first)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        watching.step(loss, inputs=steps, outputs=scores, targets=first)
        if iteration % 100 == 0:
            with torch.no_grad():
                scores = model(test_steps)
                test_loss = loss_fn(scores, test_first)
            accuracy = (scores.argmax(1) == test_first).float().mean().item()
            watching.validate(
                test_loss, inputs=test_steps, outputs=scores, targets=test_first, metric=accuracy
            )
    watching.close()
    return (accuracy - 1 / SYMBOLS) / (1 - 1 / SYMBOLS)
