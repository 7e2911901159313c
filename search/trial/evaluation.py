"""Evaluation of a network on data that it is not trained on."""

from dataclasses import dataclass

import torch
from torch import Tensor

from failmap.datasets.files.class_metrics import class_metric
from failmap.datasets.task import Batch
from failmap.models.network import Network
from failmap.search.trial.objective import Objective
from failmap.search.trial.precision import Precision
from failmap.search.trial.probes.common import Signals, to_host
from failmap.search.trial.probes.states import state_signals

#: Maximum numbers held at a time for hidden states and outputs: 256 MB in float32.
MAX_ENTRIES = 2**26
#: Tensors of the outputs' size held while measuring: outputs, targets, predictions, losses.
_COPIES_OF_OUTPUTS = 4


@dataclass(frozen=True)
class Measurement:
    """Results over a whole set of sequences.

    Attributes:
        loss: Mean training loss.
        metric: The task's metric.
        losses: Losses that compare trainings, by name (see `Objective.losses`).
        signals: Of states, gates and outputs, on some of the sequences (see `state_signals`).
    """

    loss: float
    metric: float
    losses: dict[str, float]
    signals: Signals


@torch.no_grad()
def measure(model: Network, objective: Objective, batch: Batch, precision: Precision) -> Measurement:
    """Measure a network in evaluation mode and a training's precision, in chunks that fit in memory."""
    model.eval()
    measured: list[dict[str, Tensor]] = []
    scores: list[tuple[Tensor, Tensor]] = []
    signals: Signals = {}
    num_labels = objective.num_labels(batch)
    for part in batch.split(_chunk_size(model, objective, batch)):
        trace = precision.trace(model, part.inputs, part.lengths)
        share = objective.num_labels(part) / num_labels
        values = {"loss": objective.loss(trace.outputs, part), **objective.losses(trace.outputs, part)}
        if objective.class_metric is None:
            values["metric"] = objective.metric(trace.outputs, part)
        else:
            scores.append(objective.class_scores(trace.outputs, part))
        measured.append({name: value.double() * share for name, value in values.items()})
        signals = signals or state_signals(trace, part)
    model.train()
    sums = {name: torch.stack([part[name] for part in measured]).sum() for name in measured[0]}
    if objective.class_metric is not None:
        probabilities, labels = (torch.cat(parts) for parts in zip(*scores, strict=True))
        sums["metric"] = class_metric(objective.class_metric, probabilities, labels)
    means, signals = to_host({"means": sums, "signals": signals}).values()
    return Measurement(means.pop("loss"), means.pop("metric"), means, signals)


def _chunk_size(model: Network, objective: Objective, batch: Batch) -> int:
    """Return the number of sequences whose states and outputs fit in memory."""
    num_outputs = batch.targets[0].numel() * (objective.head.size if objective.kind == "category" else 1)
    entries = model.state_entries(batch.inputs.shape[1]) + _COPIES_OF_OUTPUTS * num_outputs
    return max(1, MAX_ENTRIES // entries)
