"""A task and a network for tests of adapters: the sign of a feature at the last step."""

import torch
from torch import Tensor, nn

NUM_EXAMPLES, BATCH_SIZE = 2048, 32


class Classifier(nn.Module):
    """An LSTM and a readout of its last state, possibly with a softmax too many."""

    def __init__(self, *, has_softmax: bool = False) -> None:
        super().__init__()
        self.lstm = nn.LSTM(3, 16, batch_first=True)
        self.readout = nn.Linear(16, 2)
        self.has_softmax = has_softmax

    def forward(self, x: Tensor) -> Tensor:
        states, _ = self.lstm(x)
        logits: Tensor = self.readout(states[:, -1])
        return logits.softmax(-1) if self.has_softmax else logits


def examples(seed: int, count: int = NUM_EXAMPLES) -> tuple[Tensor, Tensor]:
    """Return inputs (count, 5, 3) and classes (count,)."""
    inputs = torch.randn(count, 5, 3, generator=torch.Generator().manual_seed(seed))
    return inputs, (inputs[:, -1, 0] > 0).long()
