"""The bare loop that is watched: an LSTM that learns which of four classes a sequence belongs to."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

#: Steps and features of a sequence, sequences of a batch, classes.
LENGTH, FEATURES, BATCH, CLASSES = 50, 8, 64, 4
#: Batches, drawn before the loop and shown again and again: drawing them is no part of the measurement.
NUM_BATCHES = 64
#: Steps between two validations.
VALIDATE_EVERY = 100

Batch = tuple[Tensor, Tensor]


class Net(nn.Module):
    """An LSTM and a readout of its last step.

    Args:
        network: Layers and units, as in "2x128".
    """

    def __init__(self, network: str) -> None:
        super().__init__()
        depth, units = (int(number) for number in network.split("x"))
        self.rnn = nn.LSTM(FEATURES, units, depth, batch_first=True)
        self.head = nn.Linear(units, CLASSES)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the logits of a batch, shape (batch, classes)."""
        logits: Tensor = self.head(self.rnn(inputs)[0][:, -1])
        return logits


def draw_batches(number: int = NUM_BATCHES, seed: int = 0) -> list[Batch]:
    """Return batches of random sequences; a class is the signs of a sum and of the last value."""
    generator = torch.Generator().manual_seed(seed)
    batches = []
    for _ in range(number):
        inputs = torch.randn(BATCH, LENGTH, FEATURES, generator=generator)
        labels = (inputs[:, :, 0].sum(1) > 0).long() + 2 * (inputs[:, -1, 1] > 0).long()
        batches.append((inputs, labels))
    return batches


class Training:
    """A training that can be run a few steps at a time.

    Args:
        network: As `Net` takes it.
        validates: Whether a batch is validated every VALIDATE_EVERY steps.
    """

    def __init__(self, network: str, *, validates: bool = False) -> None:
        torch.manual_seed(0)
        self.model: nn.Module = Net(network)
        self.optimizer = torch.optim.Adam(self.model.parameters())
        self.loss_fn = nn.CrossEntropyLoss()
        self.batches = draw_batches()
        self.held = draw_batches(1, seed=1)[0]
        self.validates = validates

    def run(self, updates: Iterable[int]) -> None:
        """Make some optimizer steps."""
        for update in updates:
            inputs, targets = self.batches[update % NUM_BATCHES]
            outputs = self.model(inputs)
            loss = self.loss_fn(outputs, targets)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            self.after_step(loss, inputs, outputs, targets)
            if self.validates and update % VALIDATE_EVERY == 0:
                inputs, targets = self.held
                with torch.no_grad():
                    outputs = self.model(inputs)
                    loss = self.loss_fn(outputs, targets)
                self.after_validation(loss, inputs, outputs, targets)

    def after_step(self, loss: Tensor, inputs: Tensor, outputs: Tensor, targets: Tensor) -> None:
        """See a step."""

    def after_validation(self, loss: Tensor, inputs: Tensor, outputs: Tensor, targets: Tensor) -> None:
        """See a validation."""

    def close(self) -> None:
        """End the training."""
