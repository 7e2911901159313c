"""eubinean/the-clean-rnns issue 16: the loss of an LSTM text classifier hardly falls, whatever its rate.

Weights, rate and size were tried; what changed the outcome was the padding: the texts were padded at the
end, and the classifier reads the last step. The fix pads at the beginning. Here: texts of 6 to 12 words,
padded to 60.
"""

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.real_faults.case import Case, Watch

CASE = Case(
    source="eubinean/the-clean-rnns issue 16",
    fault="the last step that is read is padding",
    fix="padding at the beginning",
    causes=("padding", "vanishing_in_time"),
    solved=0.8,
)

WORDS, LONGEST, PAD = 30, 60, 0


class LSTMClassifier(nn.Module):
    """Embedding, LSTM, and a linear layer on the last step."""

    def __init__(self) -> None:
        super().__init__()
        self.embeddings = nn.Embedding(WORDS, 16, padding_idx=PAD)
        self.lstm = nn.LSTM(16, 32, batch_first=True)
        self.classifier = nn.Linear(32, 1)

    def forward(self, texts: Tensor) -> Tensor:
        """Return a logit for each text."""
        states, _ = self.lstm(self.embeddings(texts))
        return self.classifier(states[:, -1]).squeeze(1)


def make_texts(count: int, pad_first: bool) -> tuple[Tensor, Tensor]:
    """Draw padded texts; positive if it has more words of the upper half."""
    texts = torch.full((count, LONGEST), PAD)
    labels = torch.randint(2, (count,)).float()
    for row in range(count):
        length = int(torch.randint(6, 13, ()))
        is_upper = (torch.rand(length) < 0.8) == bool(labels[row])
        words = torch.randint(1, WORDS // 2, (length,)) + is_upper * (WORDS // 2)
        texts[row, LONGEST - length if pad_first else 0 :][:length] = words
    return texts, labels


def train(watch: Watch, repaired: bool) -> float:
    """Train, and return the skill on held-out texts."""
    torch.manual_seed(8)
    train_data = TensorDataset(*make_texts(1280, pad_first=repaired))
    val_texts, val_labels = make_texts(300, pad_first=repaired)
    model = LSTMClassifier()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    criterion = nn.BCEWithLogitsLoss()
    watching = watch(model, optimizer, criterion)
    accuracy = 0.5
    for _ in range(8):
        model.train()
        for texts, labels in DataLoader(train_data, batch_size=32, shuffle=True):
            logits = model(texts)
            loss = criterion(logits, labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            watching.step(loss, inputs=texts, outputs=logits, targets=labels)
        model.eval()
        with torch.no_grad():
            logits = model(val_texts)
            val_loss = criterion(logits, val_labels)
        accuracy = ((logits > 0) == val_labels.bool()).float().mean().item()
        watching.validate(val_loss, inputs=val_texts, outputs=logits, targets=val_labels)
    watching.close()
    return 2 * accuracy - 1
