"""A training that is stuck: which of four symbols was sent three times as often?

Sequences of 8 to 20 symbols are padded at their end to 100 steps.
"""

import torch
from torch import nn

NUM_SYMBOLS, NUM_STEPS = 4, 100
PADDING = NUM_SYMBOLS


def draw(size: int, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return symbols (size, 100), lengths (size,) and the most frequent symbols (size,)."""
    targets = torch.randint(NUM_SYMBOLS, (size,), generator=generator)
    noise = torch.randint(NUM_SYMBOLS, (size, NUM_STEPS), generator=generator)
    is_target = torch.rand(size, NUM_STEPS, generator=generator) < 0.5
    symbols = torch.where(is_target, targets[:, None], noise)
    lengths = torch.randint(8, 21, (size,), generator=generator)
    is_padding = torch.arange(NUM_STEPS) >= lengths[:, None]
    return symbols.masked_fill(is_padding, PADDING), lengths, targets


class Classifier(nn.Module):
    """An embedding, an LSTM, and a readout of its last step."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(NUM_SYMBOLS + 1, 16)
        self.lstm = nn.LSTM(16, 32, batch_first=True)
        self.readout = nn.Linear(32, NUM_SYMBOLS)

    def forward(self, symbols: torch.Tensor) -> torch.Tensor:
        """Return the probability of each class."""
        states, _ = self.lstm(self.embedding(symbols))
        return torch.softmax(self.readout(states[:, -1]), dim=-1)


def main(num_steps: int = 500) -> None:
    """Train and print the loss now and then."""
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(1)
    model, loss_fn = Classifier(), nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for step in range(1, num_steps + 1):
        symbols, _, targets = draw(64, generator)
        outputs = model(symbols)
        loss = loss_fn(outputs, targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 100 == 0:
            accuracy = (outputs.argmax(1) == targets).float().mean()
            print(f"step {step}: loss {loss.item():.3f}, accuracy {accuracy.item():.2f}")


if __name__ == "__main__":
    main()
