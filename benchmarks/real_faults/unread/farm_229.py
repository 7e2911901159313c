"""deepset-ai/FARM issue 229: a text regression of labels from 0 to 16 ends near their mean.

Predictions of shape (32,) meet labels of shape (32, 1): the squared error broadcasts to all pairs, with no
more than a warning. The fix gives both the same shape. Here a GRU reads the text, and the labels are
divided by 16.
"""

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.real_faults.case import Case, Watch

CASE = Case(
    source="deepset-ai/FARM issue 229",
    fault="predictions (n,) against labels (n, 1): the error is that of all pairs",
    fix="labels squeezed to the shape of the predictions",
    causes=("axes_mixed",),
    solved=0.8,
)


class RegressionHead(nn.Module):
    """Embedding, GRU, and one number from its last state."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(20, 12)
        self.encoder = nn.GRU(12, 32, batch_first=True)
        self.head = nn.Linear(32, 1)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return the logits, squeezed (batch,)."""
        _, last = self.encoder(self.embed(tokens))
        return self.head(last[0]).squeeze(-1)


def squared_error(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the mean squared error."""
    return ((logits - labels) ** 2).mean()


def train(watch: Watch, repaired: bool) -> float:
    """Train, and return the explained part of the variance on held-out texts."""
    torch.manual_seed(6)
    tokens = torch.randint(20, (2400, 16))
    labels = (tokens < 8).sum(1, keepdim=True).float() / 16
    if repaired:
        labels = labels.squeeze(1)
    dev_tokens, dev_labels = tokens[2000:], labels[2000:]
    loader = DataLoader(TensorDataset(tokens[:2000], labels[:2000]), batch_size=32, shuffle=True)
    model = RegressionHead()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    watching = watch(model, optimizer, squared_error)
    for _ in range(12):
        model.train()
        for batch, batch_labels in loader:
            logits = model(batch)
            loss = squared_error(logits, batch_labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            watching.step(loss, inputs=batch, outputs=logits, targets=batch_labels)
        model.eval()
        with torch.no_grad():
            logits = model(dev_tokens)
            watching.validate(
                squared_error(logits, dev_labels), inputs=dev_tokens, outputs=logits, targets=dev_labels
            )
    watching.close()
    wanted = dev_labels.flatten()
    return 1 - squared_error(logits, wanted).item() / wanted.var().item()
