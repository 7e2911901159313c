"""How far a layer's gates are open, and how long the one that keeps its memory keeps it."""

import torch
from jaxtyping import Float
from torch import Tensor

from failmap.datasets.task import Batch
from failmap.models.gates import KEEPING_GATE
from failmap.models.network import LayerTrace
from failmap.search.trial.probes.host import Signals
from failmap.search.trial.probes.steps import own_steps

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
