"""vitez.me/lstm-xor (OpenAI's Requests for Research 2.0): an LSTM is to learn the parity of bit strings.

With one label at the end of strings of one length it stays at chance; it learns where the parity so far is
the label at every step. Here: strings of 24 bits.
"""

import torch
from torch import Tensor, nn

from benchmarks.real_faults.case import Case, Watch

CASE = Case(
    source="vitez.me/lstm-xor, OpenAI Requests for Research 2.0",
    fault="one label at the end of 24 bits",
    fix="a label at every step",
    causes=("no_signal", "vanishing_in_time"),
    solved=0.8,
)

BITS = 24


class ParityLSTM(nn.Module):
    """An LSTM and a logit for each step."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(1, 16, batch_first=True)
        self.dense = nn.Linear(16, 1)

    def forward(self, bits: Tensor) -> Tensor:
        """Return a logit for each step (batch, time)."""
        out, _ = self.lstm(bits)
        return self.dense(out).squeeze(-1)


def make_strings(count: int) -> tuple[Tensor, Tensor]:
    """Draw bits, and the parity so far."""
    bits = torch.randint(2, (count, BITS))
    return bits.unsqueeze(-1).float(), (bits.cumsum(1) % 2).float()


def train(watch: Watch, repaired: bool) -> float:
    """Train, and return the skill in the parity of whole strings."""
    torch.manual_seed(14)
    model = ParityLSTM()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    loss_fn = nn.BCEWithLogitsLoss()
    watching = watch(model, optimizer, loss_fn)
    test_bits, test_parities = make_strings(500)
    accuracy = 0.5
    for _ in range(10):
        for _ in range(90):
            bits, parities = make_strings(32)
            logits = model(bits)
            if not repaired:
                logits, parities = logits[:, -1], parities[:, -1]
            loss = loss_fn(logits, parities)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            watching.step(loss, inputs=bits, outputs=logits, targets=parities)
        with torch.no_grad():
            logits, wanted = model(test_bits), test_parities
            accuracy = ((logits[:, -1] > 0) == wanted[:, -1].bool()).float().mean().item()
            if not repaired:
                logits, wanted = logits[:, -1], wanted[:, -1]
            test_loss = loss_fn(logits, wanted)
        watching.validate(test_loss, inputs=test_bits, outputs=logits, targets=wanted, metric=accuracy)
    watching.close()
    return 2 * accuracy - 1
