"""An own training function: recall a bit after a lag, by a small GRU in plain PyTorch."""

import torch
from torch import nn


class Net(nn.Module):
    """A GRU and a linear layer on its last state."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gru = nn.GRU(1, width, batch_first=True)
        self.head = nn.Linear(width, 1)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return a logit for each sequence of shape (batch, time, 1)."""
        outputs, _ = self.gru(inputs)
        return self.head(outputs[:, -1]).squeeze(1)


def batch(lag: int, size: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return noise whose first step holds the bit, and the bits."""
    bits = torch.randint(2, (size,)).float()
    inputs = 0.3 * torch.randn(size, lag + 1, 1)
    inputs[:, 0, 0] = 2 * bits - 1
    return inputs, bits


def train(config, trial):
    """Train until `train.updates`, or until trial.report says that it is decided."""
    lag = config["data.lag"]
    model = Net(config["model.width"])
    optimizer = torch.optim.Adam(model.parameters(), lr=config["train.learning_rate"])
    loss_fn = nn.BCEWithLogitsLoss()
    if trial.state is not None:
        model.load_state_dict(trial.state["model"])
        optimizer.load_state_dict(trial.state["optimizer"])
    watch = trial.watch(model, optimizer, loss_fn)
    for update in range(trial.first_update, config["train.updates"]):
        inputs, bits = batch(lag, 32)
        outputs = model(inputs)
        loss = loss_fn(outputs, bits)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        watch.step(loss, inputs=inputs, outputs=outputs, targets=bits)
        if update % 25 == 24:
            with torch.no_grad():
                inputs, bits = batch(lag, 1000)
                accuracy = ((model(inputs) > 0) == bits.bool()).float().mean()
            state = {"model": model.state_dict(), "optimizer": optimizer.state_dict()}
            if trial.report(update=update, loss=loss.item(), score=accuracy, state=state):
                return
