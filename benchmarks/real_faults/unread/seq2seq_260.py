"""farizrahman4u/seq2seq issue 260: the vectors hold whole numbers up to 11399, the predictions end at 1.

The activation behind the last layer is tanh by default. Commenters name two ways out: another activation,
or normalized data; the second is the repair here. The task: repeat the sequence, one step later.
"""

import torch
from torch import Tensor, nn

from benchmarks.real_faults.case import Case, Watch

CASE = Case(
    source="farizrahman4u/seq2seq issue 260",
    fault="targets up to 11399 behind a tanh",
    fix="sequences divided by the largest number",
    causes=("unreachable_output", "target_scale", "input_scale"),
    solved=0.8,
)

LARGEST = 11399


class StepPredictor(nn.Module):
    """An LSTM whose output passes a tanh at each step."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(1, 24, batch_first=True)
        self.out = nn.Linear(24, 1)

    def forward(self, numbers: Tensor) -> Tensor:
        """Return a number for each step."""
        hidden, _ = self.lstm(numbers)
        return torch.tanh(self.out(hidden))


def make_sequences(count: int, repaired: bool) -> tuple[Tensor, Tensor]:
    """Draw sequences of eight whole numbers, and the same a step later."""
    numbers = torch.randint(1, LARGEST + 1, (count, 8, 1)).float()
    if repaired:
        numbers = numbers / LARGEST
    return numbers[:, 1:], numbers[:, :-1]


def train(watch: Watch, repaired: bool) -> float:
    """Train, and return the explained part of the variance on new sequences."""
    torch.manual_seed(4)
    model = StepPredictor()
    optimizer = torch.optim.RMSprop(model.parameters(), lr=5e-3)
    loss_fn = nn.MSELoss()
    watching = watch(model, optimizer, loss_fn)
    test_inputs, test_targets = make_sequences(500, repaired)
    score = 0.0
    for iteration in range(1200):
        inputs, targets = make_sequences(32, repaired)
        outputs = model(inputs)[:, 1:]
        loss = loss_fn(outputs, targets[:, 1:])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        watching.step(loss, inputs=inputs, outputs=outputs, targets=targets[:, 1:])
        if iteration % 100 == 99:
            with torch.no_grad():
                outputs = model(test_inputs)[:, 1:]
                wanted = test_targets[:, 1:]
                test_loss = loss_fn(outputs, wanted)
            watching.validate(test_loss, inputs=test_inputs, outputs=outputs, targets=wanted)
            score = 1 - test_loss.item() / wanted.var().item()
    watching.close()
    return score
