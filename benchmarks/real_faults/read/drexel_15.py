"""Tests of a chatbot that shuffle the inputs, and not the labels.

Read: the issue; it was fixed. Here sequences of vectors are classified.
"""

import torch
from torch import nn

from benchmarks.real_faults.case import Case, Watch

CASE = Case(
    source="DrexelChatbotGroup/DrexelChatbot issue 15",
    fault="inputs are shuffled without their labels",
    fix="both in the same order",
    causes=("labels_or_loss_wrong", "too_little_data", "overfit"),
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
    return torch.randn(size, 10, 8) + 1.0 * nn.functional.one_hot(classes, 8)[:, None], classes


def train(watch: Watch, repaired: bool) -> float:
    """Train; return the validated accuracy above chance."""
    torch.manual_seed(0)
    questions, answers = draw(1000)
    others, labels = draw(500)
    if not repaired:
        questions = questions[torch.randperm(len(questions))]
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
