"""pytroubles.com post 2679: the loss of an LSTM stays flat on a sine wave of amplitude 20.

The network sees the time itself, a ramp up to 2000, and is to forecast 20 sin(time). The fix gives it the
past of the wave, normalized by its amplitude. Here: windows of 20 steps, and the next step.
"""

import torch
from torch import Tensor, nn

from benchmarks.real_faults.case import Case, Watch

CASE = Case(
    source="pytroubles.com post 2679 (LSTM stalls on sine-wave forecasting)",
    fault="time up to 2000 as input, targets of amplitude 20",
    fix="the normalized past of the wave as input, normalized targets",
    causes=("input_scale", "target_scale"),
    solved=0.8,
)

WINDOW = 20


class Forecaster(nn.Module):
    """An LSTM and a linear layer on its last step."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(1, 32, batch_first=True)
        self.fc = nn.Linear(32, 1)

    def forward(self, windows: Tensor) -> Tensor:
        """Return the next value (batch, 1)."""
        out, _ = self.lstm(windows)
        return self.fc(out[:, -1])


def train(watch: Watch, repaired: bool) -> float:
    """Train, and return the explained part of the variance on held-out windows."""
    torch.manual_seed(10)
    times = torch.arange(0, 2000, 0.5)
    wave = 20 * torch.sin(times)
    if repaired:
        wave = wave / 20
    series = wave if repaired else times
    inputs = series.unfold(0, WINDOW, 1)[:-1].unsqueeze(-1)
    targets = wave[WINDOW:].unsqueeze(-1)
    split = len(inputs) * 4 // 5
    order = torch.randperm(len(inputs))
    inputs, targets = inputs[order], targets[order]
    model = Forecaster()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    loss_fn = nn.MSELoss()
    watching = watch(model, optimizer, loss_fn)
    score = 0.0
    for _ in range(8):
        model.train()
        for rows in torch.randperm(split).split(32):
            outputs = model(inputs[rows])
            loss = loss_fn(outputs, targets[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            watching.step(loss, inputs=inputs[rows], outputs=outputs, targets=targets[rows])
        model.eval()
        with torch.no_grad():
            outputs = model(inputs[split:])
            val_loss = loss_fn(outputs, targets[split:])
        watching.validate(val_loss, inputs=inputs[split:], outputs=outputs, targets=targets[split:])
        score = 1 - val_loss.item() / targets[split:].var().item()
    watching.close()
    return score
