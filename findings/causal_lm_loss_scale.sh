#!/bin/sh
# Hugging Face's Trainer (transformers 5.24.0, accelerate 1.15.0) trains GPT2LMHeadModel on (T-1)/T of its loss.
# The Trainer counts labels from the second step on if `model.loss_type` names the causal loss. GPT2LMHeadModel
# has loss_type None, and gets that loss as a default: all T labels are counted, of which T-1 have a loss. The
# learning rate is (T-1)/T of what was set, and `loss` and `eval_loss` are too small by as much.
# Needs: pip install torch transformers accelerate. Prints 0.875 and 1.000 for T = 8.
cd "$(mktemp -d)" && HF_HUB_OFFLINE=1 exec "${PYTHON:-python3}" - <<'PY'
import torch
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM, Trainer, TrainingArguments


class Compared(Trainer):
    def compute_loss(self, model, inputs, **options):
        loss = super().compute_loss(model, inputs, **options)
        with torch.no_grad():
            own = model(input_ids=inputs["input_ids"], labels=inputs["labels"]).loss
        print(f"{type(model).__name__}: loss_type {model.loss_type}, Trainer's loss / its own {float(loss / own):.3f}")
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
