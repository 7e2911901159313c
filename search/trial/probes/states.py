"""Signals of a network's layers and outputs, from a pass over validation sequences."""

from functools import lru_cache

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from failmap.datasets.task import Batch, hashed_seed
from failmap.models.gates import KEEPING_GATE, gate_activations
from failmap.models.network import LayerTrace, Trace
from failmap.search.trial.probes.common import Signals, at_last_step, own_steps, rows_of, without_padding

#: Maximum number of sequences whose states are examined, and of those whose gates are.
MAX_SEQUENCES, MAX_GATE_SEQUENCES = 32, 8
#: A gate below or above these counts as saturated (Karpathy, Johnson and Fei-Fei 2015).
SATURATED_BELOW, SATURATED_ABOVE = 0.1, 0.9
#: A unit is saturated if it exceeds this share of its bound at more than that share of all steps.
SATURATED_STATE, SATURATED_STEPS = 0.99, 0.95
#: Longest memory reported: float32 has no number between 1 - 6e-8 and 1.
MAX_MEMORY_STEPS = 1e6

#: Activations by the gate's name.
Gates = dict[str, Float[Tensor, "batch time hidden"]]


@torch.no_grad()
def state_signals(trace: Trace, batch: Batch) -> Signals:
    """Return each layer's activations, saturated and dead units, gates and spread, and the outputs' range.

    Args:
        trace: A pass in evaluation mode.
        batch: The sequences of the pass.

    Returns:
        Tensors on the device.
    """
    rows = _sampled_rows(len(batch.inputs))
    # Of a batch without padding, only the shape is read.
    sampled = batch if batch.lengths is None else rows_of(batch, rows)
    rows = rows.to(batch.inputs.device)
    signals: Signals = {}
    for layer in trace.layers:
        for kind, value in layer_signals(layer, rows, sampled).items():
            signals.setdefault(kind, {})[layer.name] = value
    return signals | {"outputs": output_signals(trace.outputs.index_select(0, rows), sampled)}


def spread(states: Float[Tensor, "batch units"]) -> Float[Tensor, ""]:
    """Return the standard deviation over the batch, as the root mean square over units."""
    return states.double().var(dim=0).mean().sqrt()


def memory_steps(kept: Float[Tensor, "*any"]) -> Float[Tensor, ""]:
    """Return after how many steps a gate has let 1/e of a state pass: -1 / mean(ln f), capped.

    Args:
        kept: Activations f of the gate that multiplies the old state: an LSTM's forget gate (Gers et al.
            2000; Tallec and Ollivier 2018), or a GRU's update gate as torch defines it.
    """
    return kept.log().mean(dtype=torch.float64).reciprocal().abs().clamp(max=MAX_MEMORY_STEPS)


def layer_signals(layer: LayerTrace, rows: Int64[Tensor, "rows"], batch: Batch) -> Signals:
    """Return the signals of a layer at some sequences, as tensors on the device.

    Args:
        layer: The layer's trace.
        rows: Indices of sequences in the trace, on its device.
        batch: The inputs of these sequences; without lengths, only their number of steps is read.
    """
    # States are stored time-major: indexing them by a tensor takes seven times as long as this.
    states = layer.states.index_select(0, rows)
    own = own_steps(layer, states, batch)
    signals: Signals = {
        "activation_mean_by_layer": own.mean(),
        "dead_units_by_layer": (own.abs().amax(dim=0) == 0).mean(dtype=torch.float32),
    }
    if len(rows) > 1:
        signals["spread_by_layer"] = spread(at_last_step(layer, layer.outputs, rows, batch))
    few = slice(MAX_GATE_SEQUENCES)
    states, batch = states[few], rows_of(batch, few)
    gates = gate_activations(layer.layer, layer.inputs.index_select(0, rows[few]), states)
    if gates:
        signals |= _gate_signals(layer, gates, batch)
    if layer.is_bounded:
        signals["saturated_units_by_layer"] = _saturated_units(layer, states, gates, batch)
    return signals


def _gate_signals(layer: LayerTrace, gates: Gates, batch: Batch) -> Signals:
    """Return the saturation and mean of each gate of a layer, and the layer's memory."""
    stacked = torch.stack([own_steps(layer, values, batch) for values in gates.values()])
    is_saturated = (stacked < SATURATED_BELOW) | (stacked > SATURATED_ABOVE)
    shares, means = is_saturated.mean(dim=(1, 2), dtype=torch.float32), stacked.mean(dim=(1, 2))
    kept = stacked[list(gates).index(KEEPING_GATE[type(layer.layer)])]
    return {
        "saturation_by_layer": dict(zip(gates, shares.unbind(), strict=True)),
        "gate_mean_by_layer": dict(zip(gates, means.unbind(), strict=True)),
        "memory_steps_by_layer": memory_steps(kept),
    }


def _saturated_units(
    layer: LayerTrace, states: Float[Tensor, "batch time units"], gates: Gates, batch: Batch
) -> Float[Tensor, ""]:
    """Return the share of units that are at their bounds nearly always.

    An LSTM's state h = o tanh(c) is compared with its output gate o where that is known, so that tanh(c) is
    what counts; all others are compared with 1.
    """
    is_beyond = states.abs() > SATURATED_STATE * gates.get("output", 1.0)
    share = own_steps(layer, is_beyond, batch).mean(dim=0, dtype=torch.float32)
    return (share > SATURATED_STEPS).mean(dtype=torch.float32)


def output_signals(outputs: Float[Tensor, "batch *label outputs"], batch: Batch) -> Signals:
    """Return the range, mean and spread of the raw outputs, before the head's activation."""
    if batch.lengths is not None and outputs.ndim == 3 and outputs.shape[1] == batch.inputs.shape[1]:
        outputs = without_padding(outputs, batch.lengths)
    least, largest = outputs.aminmax()
    deviation, mean = torch.std_mean(outputs, correction=0)
    return {"least": least, "largest": largest, "mean": mean, "spread": deviation}


@lru_cache(maxsize=8)
def _sampled_rows(num_sequences: int) -> Int64[Tensor, "rows"]:
    """Return random rows, the same at every evaluation; not the first ones, because sets may be sorted."""
    generator = torch.Generator().manual_seed(hashed_seed(0, 0, num_sequences))
    return torch.randperm(num_sequences, generator=generator)[:MAX_SEQUENCES]
