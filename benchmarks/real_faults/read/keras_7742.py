"""A series with a spike every 200 steps or so: the LSTM learned to repeat the last value.

No window held two spikes, so none showed when the next one is due. The report has no answer; the repair
here is a
window that is longer than the gap. Here the gap is 20 steps, and a window has 8 or 24.
"""

import torch
from torch import nn

from benchmarks.real_faults.case import Case, Watch

CASE = Case(
    source="keras issue 7742",
    fault="window of 8 steps, period of 20",
    fix="a window of 24 steps (ours)",
    causes=("window_too_short",),
)


class Series(nn.Module):
    """A GRU that reads the last step."""

    def __init__(self) -> None:
        super().__init__()
        self.gru = nn.GRU(1, 32, batch_first=True)
        self.head = nn.Linear(32, 1)

    def forward(self, windows: torch.Tensor) -> torch.Tensor:
        """Return (batch, 1)."""
        states, _ = self.gru(windows)
        return self.head(states[:, -1])


def train(watch: Watch, repaired: bool) -> float:
    """Train; return the share of explained variance on the later part of the series."""
    torch.manual_seed(0)
    series = 0.05 * torch.randn(3000)
    series[::20] += 3
    length = 24 if repaired else 8
    windows = series.unfold(0, length + 1, 1)
    inputs, targets = windows[:, :-1, None], windows[:, -1:]
    model = Series()
    loss_fn = nn.MSELoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    watching = watch(model, optimizer, loss_fn)
    for step in range(500):
        batch = torch.randint(2400, (64,))
        optimizer.zero_grad()
        outputs = model(inputs[batch])
        loss = loss_fn(outputs, targets[batch])
        loss.backward()
        optimizer.step()
        watching.step(loss, inputs=inputs[batch], outputs=outputs, targets=targets[batch])
        if step % 50 == 49:
            with torch.no_grad():
                outputs = model(inputs[2400:])
            loss = loss_fn(outputs, targets[2400:])
            watching.validate(loss, inputs=inputs[2400:], outputs=outputs, targets=targets[2400:])
    watching.close()
    return 1 - (loss / targets[2400:].var()).item()
