#!/bin/sh
# Under PyTorch Lightning (2.6.6) a hook of torch's `register_step_pre_hook` sees the gradients of the step before:
# forward, backward and clipping run within `optimizer.step`, as its closure, and torch calls the hook before.
# Whoever reads gradients in such a hook is one step behind, and finds none in the first step.
# Needs: pip install torch lightning. Prints the gradient in the hook, and in Lightning's own, for three steps.
cd "$(mktemp -d)" && exec "${PYTHON:-python3}" - <<'PY' 2>/dev/null
import torch
from lightning.pytorch import LightningModule, Trainer


class Module(LightningModule):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(()))

    def training_step(self, batch, batch_idx):
        return (self.weight * batch).sum()  # Its gradient is the batch: 1, 2, 3.

    def on_before_optimizer_step(self, optimizer):
        print("Lightning's on_before_optimizer_step:", float(self.weight.grad))

    def configure_optimizers(self):
        optimizer = torch.optim.SGD(self.parameters(), 0.1)
        optimizer.register_step_pre_hook(lambda *_: print("torch's step pre-hook:", self.weight.grad))
        return optimizer


data = torch.utils.data.DataLoader(torch.tensor([1.0, 2.0, 3.0]), batch_size=1)
options = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False, "accelerator": "cpu"}
Trainer(max_epochs=1, enable_model_summary=False, **options).fit(Module(), data)
PY
