"""What is measured at an evaluation besides loss and score. docs/signals.md lists names and units.

The last update before an evaluation is the instrumented one: its own gradients are read, and its inputs take
a gradient too, so that probing costs no forward or backward pass of its own.
"""

import math
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from datasets.task import Batch
from models.gates import gate_activations
from models.network import Network, Trace

#: Time steps at most for which a gradient norm is recorded.
MAX_STEPS = 32
#: Validation sequences whose gates are looked at.
MAX_GATE_SEQUENCES = 16
#: A gate below or above these counts as saturated (Karpathy, Johnson and Fei-Fei 2015).
SATURATED_BELOW, SATURATED_ABOVE = 0.1, 0.9

Signals = dict[str, Any]


def groups(model: Network) -> dict[str, list[nn.Parameter]]:
    """The parameters of each part that trains, by name, from the bottom up."""
    trained = {
        name: [parameter for parameter in part.parameters() if parameter.requires_grad]
        for name, part in model.parts().items()
    }
    return {name: parameters for name, parameters in trained.items() if parameters}


class UpdateProbe:
    """Measures one update: gradients before clipping, and how far the weights moved against their size."""

    def __init__(self, model: Network) -> None:
        self.model = model
        self.groups = groups(model)
        self.before = [parameter.detach().clone() for parameter in model.parameters()]
        self.tensors: dict[str, Tensor] = {}
        self.steps: list[int] = []

    def after_backward(self, inputs: Float[Tensor, "batch time features"]) -> None:
        """Reads the gradients, before they are clipped."""
        for name, parameters in self.groups.items():
            self.tensors[f"gradient/{name}"] = _norm([p.grad for p in parameters if p.grad is not None])
        if inputs.grad is not None:
            self.steps = shown_steps(inputs.shape[1])
            self.tensors["by_step"] = inputs.grad.norm(dim=(0, 2))[self.steps]

    def after_step(self) -> None:
        """Reads the weights, once the optimizer has moved them."""
        moved = dict(zip(self.model.parameters(), self.before, strict=True))
        for name, parameters in self.groups.items():
            weight = _norm([parameter.detach() for parameter in parameters])
            change = _norm([parameter.detach() - moved[parameter] for parameter in parameters])
            self.tensors[f"weight/{name}"] = weight
            self.tensors[f"ratio/{name}"] = change / weight

    def signals(self) -> Signals:
        """What was measured, brought to the host."""
        by_layer = {
            kind: {name: _plain(self.tensors[f"{kind}/{name}"]) for name in self.groups}
            for kind in ("gradient", "weight", "ratio")
        }
        norms = [norm if norm is not None else math.nan for norm in by_layer["gradient"].values()]
        signals: Signals = {
            "gradient_norm": _finite(math.hypot(*norms)),
            "gradient_norm_by_layer": by_layer["gradient"],
            "weight_norm_by_layer": by_layer["weight"],
            "update_ratio_by_layer": by_layer["ratio"],
        }
        if "by_step" in self.tensors:
            signals["gradient_norm_by_step"] = [_finite(norm) for norm in self.tensors["by_step"].tolist()]
            signals["gradient_steps"] = self.steps
        return signals


@torch.no_grad()
def saturation(trace: Trace, batch: Batch) -> dict[str, dict[str, float | None]]:
    """Share of gate activations near 0 or 1, by layer and gate, over a pass' first sequences.

    Args:
        trace: of the pass.
        batch: what was passed through. Steps that fill a sequence up are not counted; blank ones that follow
            it, at which outputs are decoded, are.
    """
    shares: dict[str, dict[str, float | None]] = {}
    for one in trace.layers:
        states = one.states[:MAX_GATE_SEQUENCES]
        gates = gate_activations(one.layer, one.inputs[:MAX_GATE_SEQUENCES], states)
        if not gates:
            continue
        is_inside = _is_inside(batch, states.shape[1]).to(states.device)
        shares[one.name] = {
            gate: _plain(((values < SATURATED_BELOW) | (values > SATURATED_ABOVE))[is_inside].double().mean())
            for gate, values in gates.items()
        }
    return shares


def _is_inside(batch: Batch, num_steps: int) -> Bool[Tensor, "batch time"]:
    """Which of a layer's steps, blank ones included, belong to each of the first sequences; on the host."""
    inputs, lengths = batch.inputs[:MAX_GATE_SEQUENCES], batch.lengths
    if lengths is None:
        return torch.ones(len(inputs), num_steps, dtype=torch.bool)
    num_blanks = num_steps - inputs.shape[1]
    return torch.arange(num_steps) < (lengths[:MAX_GATE_SEQUENCES, None] + num_blanks)


def shown_steps(num_steps: int) -> list[int]:
    """At most MAX_STEPS time steps, from the first to the last, evenly apart."""
    if num_steps <= MAX_STEPS:
        return list(range(num_steps))
    return [round(index * (num_steps - 1) / (MAX_STEPS - 1)) for index in range(MAX_STEPS)]


def _norm(tensors: list[Tensor]) -> Tensor:
    """The Euclidean norm of all entries together."""
    if not tensors:
        return torch.zeros(())
    norm: Tensor = torch.stack([tensor.norm() for tensor in tensors]).norm()
    return norm


def _plain(value: Tensor) -> float | None:
    return _finite(value.item())


def _finite(value: float) -> float | None:
    """JSON has no word for what is not finite: None."""
    return value if math.isfinite(value) else None
