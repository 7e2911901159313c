"""What a pass over validation sequences shows of a network's layers and of its outputs."""

from functools import lru_cache

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from failmap.datasets.task import Batch, hashed_seed
from failmap.models.gates import gate_activations
from failmap.models.network import LayerTrace, Trace
from failmap.search.trial.probes.gates import Gates, gate_signals
from failmap.search.trial.probes.host import Signals
from failmap.search.trial.probes.steps import at_last_step, own_steps

#: Validation sequences whose states are looked at, and those of them whose gates are.
MAX_SEQUENCES, MAX_GATE_SEQUENCES = 32, 8
#: A unit is saturated if it is beyond this share of its bound at more than that share of all steps.
SATURATED_STATE, SATURATED_STEPS = 0.99, 0.95


@torch.no_grad()
def state_signals(trace: Trace, batch: Batch) -> Signals:
    """Of each layer: activations, saturated and dead units, gates, what is left of the input; of the outputs.

    Args:
        trace: of a pass, in evaluation mode.
        batch: what was passed through.

    Returns:
        Tensors, on the device.
    """
    rows = _places(len(batch.inputs))
    shown = _rows_of(batch, rows)
    rows = rows.to(batch.inputs.device)
    signals: Signals = {}
    for one in trace.layers:
        for kind, value in _layer_signals(one, rows, shown).items():
            signals.setdefault(kind, {})[one.name] = value
    return signals | {"outputs": _output_signals(trace.outputs.index_select(0, rows), shown)}


def spread(states: Float[Tensor, "batch units"]) -> Float[Tensor, ""]:
    """Standard deviation over the batch, root mean square over units."""
    return states.double().var(dim=0).mean().sqrt()


def _layer_signals(one: LayerTrace, rows: Int64[Tensor, "rows"], batch: Batch) -> Signals:
    """Of a layer, looked at in those rows of its trace that the batch holds."""
    # Of states that lie in the order of time, indexing by a tensor takes seven times as long as this.
    states = one.states.index_select(0, rows)
    own = own_steps(one, states, batch)
    signals: Signals = {
        "activation_mean_by_layer": own.mean(),
        "dead_units_by_layer": (own.abs().amax(dim=0) == 0).mean(dtype=torch.float32),
    }
    if len(rows) > 1:
        signals["spread_by_layer"] = spread(at_last_step(one, one.outputs, rows, batch))
    few, shown = slice(MAX_GATE_SEQUENCES), _rows_of(batch, slice(MAX_GATE_SEQUENCES))
    states = states[few]
    gates = gate_activations(one.layer, one.inputs.index_select(0, rows[few]), states)
    if gates:
        signals |= gate_signals(one, gates, shown)
    if one.is_bounded:
        signals["saturated_units_by_layer"] = _saturated_units(one, states, gates, shown)
    return signals


def _saturated_units(
    one: LayerTrace, states: Float[Tensor, "batch time units"], gates: Gates, batch: Batch
) -> Float[Tensor, ""]:
    """The share of units that stand at their bounds nearly always.

    A state h = o tanh(c) of an LSTM is held against its output gate o, where that is known: so tanh(c) is
    what is looked at. All others are held against 1.
    """
    is_beyond = states.abs() > SATURATED_STATE * gates.get("output", 1.0)
    share = own_steps(one, is_beyond, batch).mean(dim=0, dtype=torch.float32)
    return (share > SATURATED_STEPS).mean(dtype=torch.float32)


def _output_signals(outputs: Float[Tensor, "batch *label outputs"], batch: Batch) -> Signals:
    """Raw outputs, before an activation that the head may put on them."""
    if batch.lengths is not None and outputs.ndim == 3 and outputs.shape[1] == batch.inputs.shape[1]:
        is_own = torch.arange(outputs.shape[1]) < batch.lengths[:, None]
        outputs = outputs[is_own.to(outputs.device)]
    least, largest = outputs.aminmax()
    spread_of_all, mean = torch.std_mean(outputs, correction=0)
    return {"least": least, "largest": largest, "mean": mean, "spread": spread_of_all}


def _rows_of(batch: Batch, rows: Tensor | slice) -> Batch:
    """Some of the sequences, of which only lengths are looked at; the rows lie on the host."""
    if batch.lengths is None:
        return batch
    lengths = batch.lengths[rows]
    if isinstance(rows, Tensor):
        rows = rows.to(batch.inputs.device)
    return Batch(batch.inputs[rows], batch.targets[rows], lengths)


@lru_cache(maxsize=8)
def _places(num_sequences: int) -> Int64[Tensor, "rows"]:
    """MAX_SEQUENCES of them at random, the same at every evaluation: sets may come in an order."""
    generator = torch.Generator().manual_seed(hashed_seed(0, 0, num_sequences))
    return torch.randperm(num_sequences, generator=generator)[:MAX_SEQUENCES]
