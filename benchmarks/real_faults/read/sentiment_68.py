"""13 emotions by an LSTM: 80 % accuracy in training, 30 to 34 % in validation.

Read: the issue; its answer asks for the number of examples. Here 24 examples of 4 classes; the twin has 3000.
"""

import torch
from torch import nn

from benchmarks.real_faults.case import Case, Watch

CASE = Case(
    source="bentrevett/pytorch-sentiment-analysis issue 68",
    fault="few examples of noisy sequences",
    fix="more examples (ours)",
    causes=("too_little_data", "overfit"),
    solved=0.6,
)


class Net(nn.Module):
    """An LSTM that reads the last step."""

    def __init__(self, num_inputs: int, num_outputs: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(num_inputs, 24, batch_first=True)
        self.head = nn.Linear(24, num_outputs)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return (batch, outputs)."""
        states, _ = self.lstm(inputs)
        return self.head(states[:, -1])


def draw(size: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return vectors, one column of which is raised for each class, and classes."""
    classes = torch.randint(4, (size,))
    return torch.randn(size, 10, 8) + 0.6 * nn.functional.one_hot(classes, 8)[:, None], classes


def train(watch: Watch, repaired: bool) -> float:
    """Train; return the validated accuracy above chance."""
    torch.manual_seed(0)
    questions, answers = draw(3000 if repaired else 24)
    others, labels = draw(500)
    model = Net(8, 4)
    loss_fn = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.005)
    watching = watch(model, optimizer, loss_fn)
    for step in range(400):
        batch = torch.randint(len(questions), (32,))
        inputs, targets = questions[batch], answers[batch]
        outputs = model(inputs)
        loss = loss_fn(outputs, targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        watching.step(loss, inputs=inputs, outputs=outputs, targets=targets)
        if step % 40 == 39:
            with torch.no_grad():
                outputs = model(others)
            watching.validate(loss_fn(outputs, labels), inputs=others, outputs=outputs, targets=labels)
    watching.close()
    return ((outputs.argmax(-1) == labels).float().mean().item() - 0.25) / 0.75
