"""One measurement on data that training does not see."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from datasets.task import Batch
from models.network import Network
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
def measure(model: Network, objective: Objective, batch: Batch) -> Measurement:
    """Measures a network without dropout, in as many chunks as memory asks for."""
    model.eval()
    num_sequences, num_steps = batch.inputs.shape[:2]
    size = min(num_sequences, max(1, MAX_STATE_ENTRIES // model.state_entries(num_steps)))
    losses: list[Tensor] = []
    metrics: list[Tensor] = []
    saturated: dict[str, Any] = {}
    for part in batch.split(size):
        trace = model.trace(part.inputs, part.lengths)
        weight = objective.num_labels(part) / objective.num_labels(batch)
        losses.append(objective.loss(trace.outputs, part).double() * weight)
        metrics.append(objective.metric(trace.outputs, part) * weight)
        saturated = saturated or saturation(trace)
    model.train()
    return Measurement(torch.stack(losses).sum().item(), torch.stack(metrics).sum().item(), saturated)
