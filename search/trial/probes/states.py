"""What a pass over validation sequences shows of a network's layers and of its outputs."""

from functools import lru_cache

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from datasets.task import Batch, hashed_seed
from models.gates import gate_activations
from models.network import LayerTrace, Trace
from search.trial.probes.gates import Gates, gate_signals
from search.trial.probes.host import Signals
from search.trial.probes.steps import at_last_step, own_steps

#: Validation sequences whose states are looked at, and those of them whose gates are.
MAX_SEQUENCES, MAX_GATE_SEQUENCES = 64, 16
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
    seen, shown = _first(trace, batch, _places(len(batch.inputs)))
    signals: Signals = {}
    for one in seen.layers:
        for kind, value in _layer_signals(one, shown).items():
            signals.setdefault(kind, {})[one.name] = value
    return signals | {"outputs": _output_signals(seen.outputs, shown)}


def spread(states: Float[Tensor, "batch units"]) -> Float[Tensor, ""]:
    """Standard deviation over the batch, root mean square over units."""
    return states.double().var(dim=0).mean().sqrt()


def _layer_signals(one: LayerTrace, batch: Batch) -> Signals:
    states = own_steps(one, one.states, batch)
    largest = states.abs().amax(dim=0)
    signals: Signals = {
        "activation_mean_by_layer": states.mean(),
        "dead_units_by_layer": (largest == 0).double().mean(),
    }
    if len(batch.inputs) > 1:
        signals["spread_by_layer"] = spread(at_last_step(one, one.outputs, batch))
    few, shown = _few(one, batch)
    gates = gate_activations(few.layer, few.inputs, few.states)
    if gates:
        signals |= gate_signals(few, gates, shown)
    if one.is_bounded:
        signals["saturated_units_by_layer"] = _saturated_units(few, gates, shown)
    return signals


def _saturated_units(one: LayerTrace, gates: Gates, batch: Batch) -> Float[Tensor, ""]:
    """The share of units that stand at their bounds nearly always.

    A state h = o tanh(c) of an LSTM is held against its output gate o, where that is known: so tanh(c) is
    what is looked at. All others are held against 1.
    """
    is_beyond = one.states.abs() > SATURATED_STATE * gates.get("output", torch.ones_like(one.states))
    share = own_steps(one, is_beyond, batch).double().mean(dim=0)
    return (share > SATURATED_STEPS).double().mean()


def _output_signals(outputs: Float[Tensor, "batch *label outputs"], batch: Batch) -> Signals:
    """Raw outputs, before an activation that the head may put on them."""
    if batch.lengths is not None and outputs.ndim == 3 and outputs.shape[1] == batch.inputs.shape[1]:
        is_own = torch.arange(outputs.shape[1]) < batch.lengths[:, None]
        outputs = outputs[is_own.to(outputs.device)]
    return {
        "least": outputs.min(),
        "largest": outputs.max(),
        "mean": outputs.mean(),
        "spread": outputs.std(correction=0),
    }


def _few(one: LayerTrace, batch: Batch) -> tuple[LayerTrace, Batch]:
    """The first MAX_GATE_SEQUENCES sequences."""
    few = slice(MAX_GATE_SEQUENCES)
    lengths = None if batch.lengths is None else batch.lengths[few]
    shown = Batch(batch.inputs[few], batch.targets[few], lengths)
    return one._replace(inputs=one.inputs[few], states=one.states[few]), shown


def _first(trace: Trace, batch: Batch, rows: Int64[Tensor, "rows"]) -> tuple[Trace, Batch]:
    """The pass of some of its sequences."""
    lengths = None if batch.lengths is None else batch.lengths[rows]
    rows = rows.to(batch.inputs.device)
    layers = [
        one._replace(inputs=one.inputs[rows], states=one.states[rows], outputs=one.outputs[rows])
        for one in trace.layers
    ]
    shown = Batch(batch.inputs[rows], batch.targets[rows], lengths)
    return Trace(trace.outputs[rows], layers), shown


@lru_cache(maxsize=8)
def _places(num_sequences: int) -> Int64[Tensor, "rows"]:
    """MAX_SEQUENCES of them at random, the same at every evaluation: sets may come in an order."""
    generator = torch.Generator().manual_seed(hashed_seed(0, 0, num_sequences))
    return torch.randperm(num_sequences, generator=generator)[:MAX_SEQUENCES]
