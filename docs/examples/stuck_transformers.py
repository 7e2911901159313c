"""The training of stuck.py under Hugging Face's Trainer, watched."""

import torch
from stuck import Classifier, draw
from transformers import Trainer, TrainingArguments

from failmap.watcher.transformers import WatchCallback


class Stuck(Classifier):
    """Returns the loss beside the outputs."""

    def forward(self, symbols: torch.Tensor, labels: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return loss and outputs."""
        outputs = super().forward(symbols)
        return {"loss": torch.nn.functional.cross_entropy(outputs, labels), "logits": outputs}


if __name__ == "__main__":
    torch.manual_seed(0)
    symbols, _, targets = draw(4096, torch.Generator().manual_seed(1))
    data = [{"symbols": row, "labels": label} for row, label in zip(symbols, targets, strict=True)]
    options = {"per_device_train_batch_size": 64, "num_train_epochs": 3, "learning_rate": 3e-3}
    arguments = TrainingArguments("checkpoints", save_strategy="no", report_to=[], **options)
    Trainer(Stuck(), arguments, train_dataset=data, callbacks=[WatchCallback()]).train()
