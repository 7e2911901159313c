"""The training of stuck.py under PyTorch Lightning, watched."""

import torch
from lightning.pytorch import LightningModule, Trainer
from stuck import Classifier, draw
from torch.utils.data import DataLoader, TensorDataset

from failmap.watcher.lightning import WatchCallback


class Stuck(LightningModule):
    """Trains the classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.model, self.loss_fn = Classifier(), torch.nn.CrossEntropyLoss()

    def training_step(self, batch: list[torch.Tensor]) -> torch.Tensor:
        """Return the loss of a batch."""
        symbols, targets = batch
        return self.loss_fn(self.model(symbols), targets)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Return the optimizer."""
        return torch.optim.Adam(self.parameters(), lr=3e-3)


if __name__ == "__main__":
    torch.manual_seed(0)
    symbols, _, targets = draw(4096, torch.Generator().manual_seed(1))
    data = DataLoader(TensorDataset(symbols, targets), batch_size=64, shuffle=True)
    trainer = Trainer(max_epochs=3, callbacks=[WatchCallback()], logger=False, enable_checkpointing=False)
    trainer.fit(Stuck(), data)
