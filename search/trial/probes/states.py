"""What a pass over validation sequences shows of a network's layers and of its outputs."""

from functools import lru_cache

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from failmap.datasets.task import Batch, hashed_seed
from failmap.models.gates import KEEPING_GATE, gate_activations
from failmap.models.network import LayerTrace, Trace
from failmap.search.trial.probes.host import Signals, at_last_step, own_steps

#: A gate below or above these counts as saturated (Karpathy, Johnson and Fei-Fei 2015).
SATURATED_BELOW, SATURATED_ABOVE = 0.1, 0.9
#: A memory of more steps is told as this: float32 knows no gate between 1 - 6e-8 and 1.
MAX_MEMORY_STEPS = 1e6

#: Activations by the gate's name.
Gates = dict[str, Float[Tensor, "batch time hidden"]]


def gate_signals(one: LayerTrace, gates: Gates, batch: Batch) -> Signals:
    """Of one layer: how saturated its gates are, their means, and its memory; tensors, on the device.

    The memory is the number of steps after which the gate that keeps has let 1/e of a state pass:
    -1 / mean(ln f), with f an LSTM's forget gate (Gers et al. 2000; Tallec and Ollivier 2018) or a GRU's
    update gate, which in torch multiplies the old state.

    Args:
        one: the layer's trace.
        gates: their activations by name, one or more.
        batch: the sequences that all of these are of.
    """
    stacked = torch.stack([own_steps(one, values, batch) for values in gates.values()])
    is_saturated = (stacked < SATURATED_BELOW) | (stacked > SATURATED_ABOVE)
    shares, means = is_saturated.mean(dim=(1, 2), dtype=torch.float32), stacked.mean(dim=(1, 2))
    kept = stacked[list(gates).index(KEEPING_GATE[type(one.layer)])]
    return {
        "saturation_by_layer": dict(zip(gates, shares.unbind(), strict=True)),
        "gate_mean_by_layer": dict(zip(gates, means.unbind(), strict=True)),
        "memory_steps_by_layer": memory_steps(kept),
    }


def memory_steps(kept: Float[Tensor, "*any"]) -> Float[Tensor, ""]:
    """Steps after which a gate has let 1/e pass, by its geometric mean; MAX_MEMORY_STEPS at most."""
    return kept.log().mean(dtype=torch.float64).reciprocal().abs().clamp(max=MAX_MEMORY_STEPS)


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
