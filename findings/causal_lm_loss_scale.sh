#!/bin/sh
# The loss of GPT2LMHeadModel in Hugging Face's Trainer.
# Versions: transformers 5.24.0, accelerate 1.15.0, torch 2.13.0, numpy 2.4.6; seen on 2026-11-29 with Python 3.11.
# Most would guess: the Trainer trains a causal language model on the loss that the model returns, and logs it.
# Seen: it trains GPT2LMHeadModel on (T-1)/T of it, for T steps, and LlamaForCausalLM on all of it:
#     GPT2LMHeadModel: Trainer's loss / its own 0.875
#     LlamaForCausalLM: Trainer's loss / its own 1.000
#   The Trainer counts labels from the second step on if `model.loss_type` names the causal loss. GPT2LMHeadModel
#   has None there, and the causal loss by default: all T labels are counted, of which T-1 have a loss.
# Why it matters: gradients, and `loss` and `eval_loss` in the logs, are too small by the same factor, an eighth for
#   8 steps: losses of two models that are compared in one Trainer are in different units.
# Exits with 1 if this changes.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/env"
"$folder/env/bin/python" -m pip install --quiet torch==2.13.0 transformers==5.24.0 accelerate==1.15.0 numpy==2.4.6
cd "$folder"
cat >train.py <<'PY'
import torch
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM, Trainer, TrainingArguments


class Compared(Trainer):
    def compute_loss(self, model, inputs, **options):
        loss = super().compute_loss(model, inputs, **options)
        with torch.no_grad():
            own = model(input_ids=inputs["input_ids"], labels=inputs["labels"]).loss
        print(f"{type(model).__name__}: Trainer's loss / its own {float(loss / own):.3f}")
        return loss


torch.manual_seed(0)
rows = [{"input_ids": row, "labels": row} for row in torch.randint(11, (8, 8))]
ends = {"bos_token_id": 0, "eos_token_id": 0, "vocab_size": 11}
gpt2 = GPT2Config(n_embd=16, n_layer=1, n_head=2, n_positions=8, embd_pdrop=0, attn_pdrop=0, resid_pdrop=0, **ends)
llama = LlamaConfig(hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2, **ends)
for model in (GPT2LMHeadModel(gpt2), LlamaForCausalLM(llama)):
    arguments = TrainingArguments("checkpoints", max_steps=1, report_to=[], use_cpu=True, save_strategy="no")
    Compared(model, arguments, train_dataset=rows).train()
PY
HF_HUB_OFFLINE=1 "$folder/env/bin/python" train.py 2>stderr.txt | tee all.txt
grep "its own" all.txt >seen.txt || true
cat >expected.txt <<'END'
GPT2LMHeadModel: Trainer's loss / its own 0.875
LlamaForCausalLM: Trainer's loss / its own 1.000
END
diff expected.txt seen.txt || { cat stderr.txt; exit 1; }
