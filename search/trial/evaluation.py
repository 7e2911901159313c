"""One measurement on data that training does not see."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from datasets.task import Batch
from models.recurrent import RecurrentNetwork
from search.trial.objective import Objective
from search.trial.probes import saturation

#: Numbers of hidden state kept at once, over all layers and steps: 256 MB in float32.
MAX_STATE_ENTRIES = 2**26


@dataclass(frozen=True)
class Measurement:
    """Mean loss and metric over a whole set, and how saturated its gates are."""

    loss: float
    metric: float
    saturation_by_layer: dict[str, Any]


@torch.no_grad()
def measure(model: RecurrentNetwork, objective: Objective, batch: Batch) -> Measurement:
    """Measures a network without dropout, in as many chunks as memory asks for."""
    model.eval()
    num_sequences, num_steps, _ = batch.inputs.shape
    entries = num_steps * model.readout.in_features * len(model.layers)
    size = min(num_sequences, max(1, MAX_STATE_ENTRIES // entries))
    losses: list[Tensor] = []
    metrics: list[Tensor] = []
    saturated: dict[str, Any] = {}
    for inputs, targets in zip(batch.inputs.split(size), batch.targets.split(size), strict=True):
        states = model.hidden_states(inputs)
        outputs = model.read(states[-1])
        weight = len(inputs) / num_sequences
        losses.append(objective.loss(outputs, targets).double() * weight)
        metrics.append(objective.metric(outputs, targets) * weight)
        saturated = saturated or saturation(model, inputs, states)
    model.train()
    return Measurement(torch.stack(losses).sum().item(), torch.stack(metrics).sum().item(), saturated)
