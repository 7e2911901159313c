#!/bin/sh
# nn.LSTM under torch's autocast to bfloat16, on a CPU without AVX-512.
# Versions: torch 2.13.0 (CPU), numpy 2.4.6; seen on 2026-11-29 with Python 3.11 on an x86-64 CPU with AVX2.
#   ONEDNN_MAX_CPU_ISA below holds newer CPUs to that: seen alike on one with AVX-512.
# Most would guess: a layer that runs in bfloat16 when the module is converted runs under autocast as well; else none of
#   the recurrent layers does.
# Seen: RNN and GRU run, and so do the same LSTM converted, with projections, as a cell, and without oneDNN. Only the
#   plain LSTM raises, "could not create a primitive descriptor for the LSTM forward propagation primitive":
#     RNN bfloat16
#     GRU float32
#     LSTM RuntimeError
#     LSTM converted bfloat16
#     LSTM with projections bfloat16
#     LSTM without oneDNN float32
#   The float32 of the GRU and of the last line is that of the states; the products are made in bfloat16.
# Why it matters: a training script in mixed precision runs on one CPU and ends with an error of oneDNN on another. A
#   search over precisions must try the layer first; torch.backends.mkldnn.flags(enabled=False) is a way around it.
# Exits with 1 if this changes.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/env"
"$folder/env/bin/python" -m pip install --quiet torch==2.13.0 numpy==2.4.6
cd "$folder"
cat >layers.py <<'PY'
from contextlib import nullcontext

import torch
from torch import nn

inputs = torch.randn(4, 7, 3)


def show(name, layer, inputs=inputs, autocast=True, one_dnn=True):
    off = nullcontext() if one_dnn else torch.backends.mkldnn.flags(enabled=False)
    try:
        with off, torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast):
            seen = str(layer(inputs)[0].dtype).removeprefix("torch.")
    except RuntimeError:
        seen = "RuntimeError"
    print(name, seen)


show("RNN", nn.RNN(3, 5))
show("GRU", nn.GRU(3, 5))
show("LSTM", nn.LSTM(3, 5))
show("LSTM converted", nn.LSTM(3, 5).bfloat16(), inputs.bfloat16(), autocast=False)
show("LSTM with projections", nn.LSTM(3, 5, proj_size=2))
show("LSTM without oneDNN", nn.LSTM(3, 5), one_dnn=False)
PY
ONEDNN_MAX_CPU_ISA=AVX2 "$folder/env/bin/python" layers.py 2>stderr.txt | tee seen.txt
cat >expected.txt <<'END'
RNN bfloat16
GRU float32
LSTM RuntimeError
LSTM converted bfloat16
LSTM with projections bfloat16
LSTM without oneDNN float32
END
diff expected.txt seen.txt || { cat stderr.txt; exit 1; }
