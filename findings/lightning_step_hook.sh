#!/bin/sh
# Gradients in torch's step pre-hook, under PyTorch Lightning.
# Versions: lightning 2.6.6, torch 2.13.0, numpy 2.4.6; seen on 2026-11-29 with Python 3.11.
# Most would guess: `optimizer.register_step_pre_hook` is called when the gradients of the step are there, as in a
#   loop that calls loss.backward() and optimizer.step().
# Seen: it is called before forward and backward of the step, which Lightning runs within `optimizer.step`, as its
#   closure; so the hook sees the gradients of the step before, and none in the first:
#     hook None, Lightning's own 1.0
#     hook 1.0, Lightning's own 2.0
#     hook 2.0, Lightning's own 3.0
# Why it matters: whoever watches or changes gradients in such a hook (clipping, logging, a monitor) works on the
#   wrong step, without an error. `on_before_optimizer_step` of Lightning is called at the right time.
# Exits with 1 if this changes.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/env"
"$folder/env/bin/python" -m pip install --quiet torch==2.13.0 lightning==2.6.6 numpy==2.4.6
cd "$folder"
cat >train.py <<'PY'
import torch
from lightning.pytorch import LightningModule, Trainer

pairs = []


class Module(LightningModule):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(()))

    def training_step(self, batch, batch_idx):
        return (self.weight * batch).sum()  # Its gradient is the batch: 1, 2, 3.

    def on_before_optimizer_step(self, optimizer):
        pairs[-1].append(float(self.weight.grad))

    def in_hook(self, *_):
        gradient = self.weight.grad
        pairs.append([None if gradient is None else float(gradient)])

    def configure_optimizers(self):
        optimizer = torch.optim.SGD(self.parameters(), 0.1)
        optimizer.register_step_pre_hook(self.in_hook)
        return optimizer


data = torch.utils.data.DataLoader(torch.tensor([1.0, 2.0, 3.0]), batch_size=1)
options = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False, "accelerator": "cpu"}
Trainer(max_epochs=1, enable_model_summary=False, **options).fit(Module(), data)
for hook, own in pairs:
    print(f"hook {hook}, Lightning's own {own}")
PY
"$folder/env/bin/python" train.py 2>stderr.txt | tee seen.txt
cat >expected.txt <<'END'
hook None, Lightning's own 1.0
hook 1.0, Lightning's own 2.0
hook 2.0, Lightning's own 3.0
END
diff expected.txt seen.txt || { cat stderr.txt; exit 1; }
