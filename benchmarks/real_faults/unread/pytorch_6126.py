"""pytorch issue 6126: the outputs of a hand-written RNN are huge and end as NaN, it learns nothing.

The loop calls backward, then zero_grad, then the optimizer's step, so there is no gradient left to apply.
The order zero_grad, backward, step is the repair. Here: the next letter of a repeated text of 12 letters.
"""

import torch
from torch import Tensor, nn

from benchmarks.real_faults.case import Case, Watch

CASE = Case(
    source="pytorch/pytorch issue 6126",
    fault="zero_grad between backward and step",
    fix="zero_grad before backward",
    causes=("training_loop",),
    solved=0.8,
)

LETTERS = 6


class RNN(nn.Module):
    """A recurrent cell of three linear layers."""

    def __init__(self) -> None:
        super().__init__()
        self.i2h = nn.Linear(LETTERS, 24)
        self.h2h = nn.Linear(24, 24)
        self.h2o = nn.Linear(24, LETTERS)

    def forward(self, letters: Tensor) -> Tensor:
        """Return log probabilities (batch, time, letters) of the next letters."""
        hidden = letters.new_zeros(letters.size(0), 24)
        outputs = []
        for letter in letters.unbind(1):
            hidden = torch.tanh(self.i2h(letter) + self.h2h(hidden))
            outputs.append(torch.log_softmax(self.h2o(hidden), dim=1))
        return torch.stack(outputs, dim=1)


def train(watch: Watch, repaired: bool) -> float:
    """Train, and return the skill in the training text."""
    torch.manual_seed(18)
    text = torch.tensor([0, 1, 0, 2, 3, 3, 4, 1, 5, 2, 4, 5]).repeat(60)
    pieces = text.unfold(0, 17, 5)
    model = RNN()
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    criterion = nn.NLLLoss()
    watching = watch(model, optimizer, criterion)
    accuracy = 0.0
    for _ in range(50):
        hits = []
        for piece in pieces[torch.randperm(len(pieces))].split(16):
            inputs = nn.functional.one_hot(piece[:, :-1], LETTERS).float()
            targets = piece[:, 1:]
            outputs = model(inputs)
            loss = criterion(outputs.transpose(1, 2), targets)
            if repaired:
                optimizer.zero_grad()
                loss.backward()
            else:
                loss.backward()
                optimizer.zero_grad()
            optimizer.step()
            watching.step(loss, inputs=inputs, outputs=outputs.transpose(1, 2), targets=targets)
            hits.append((outputs.argmax(2) == targets)[:, 4:].float().mean().item())
        accuracy = sum(hits) / len(hits)
    watching.close()
    return (accuracy - 1 / LETTERS) / (1 - 1 / LETTERS)
