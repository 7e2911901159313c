"""Signals of the training itself: one update's gradients and weight changes, and the interval's losses."""

import math
from collections.abc import Iterable, Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn

from failmap.models.network import Network
from failmap.search.trial.probes.common import Signals, shown_steps, to_host

#: Measurements of only those parameters that have a gradient.
_OF_GRADIENTS = ("gradient", "num_alive", "product")


class UpdateProbe:
    """Measures the last update before an evaluation: its gradients, and how far the weights moved.

    It reads the update's own gradients, including those to its inputs, so that probing needs no extra pass.

    Args:
        parameters: All parameters by name, each once; those that require no gradient count as frozen.
        parts: Parameters of each part of the network; every trained parameter is in exactly one of them.
    """

    def __init__(
        self, parameters: Mapping[str, nn.Parameter], parts: Mapping[str, Iterable[nn.Parameter]]
    ) -> None:
        self.frozen = [name for name, p in parameters.items() if not p.requires_grad]
        self.trained = {name: p for name, p in parameters.items() if p.requires_grad}
        self.before = [p.detach().clone() for p in self.trained.values()]
        self.changes: list[Tensor] = []
        names = {parameter: name for name, parameter in self.trained.items()}
        by_part = {part: [names[p] for p in own if p.requires_grad] for part, own in parts.items()}
        self.names_by_part = {part: trained for part, trained in by_part.items() if trained}
        self.gradients: dict[str, Tensor] = {}
        self.measured: dict[str, Tensor] = {}
        self.steps: list[int] = []

    @classmethod
    def of_network(cls, model: Network) -> "UpdateProbe":
        """Return a probe of all parameters of one of our networks, by its own parts."""
        parts = {part: list(module.parameters()) for part, module in model.parts().items()}
        return cls(dict(model.named_parameters()), parts)

    def after_backward(
        self, inputs: Float[Tensor, "batch time features"] | None = None, scale: Tensor | None = None
    ) -> None:
        """Store the gradients as they are now: in our trainings before they are clipped.

        Args:
            inputs: Inputs of the pass, if their gradient by time step is to be measured.
            scale: Factor of the loss, in mixed precision, that the gradients still have.
        """
        self.gradients = {
            name: p.grad.to_dense() if p.grad.is_sparse else p.grad.clone()
            for name, p in self.trained.items()
            if p.grad is not None
        }
        if scale is not None:
            self.gradients = {name: g / scale.to(g.device, g.dtype) for name, g in self.gradients.items()}
        if inputs is not None and inputs.grad is not None:
            self.steps = shown_steps(inputs.shape[1])
            by_step = inputs.grad.norm(dim=(0, 2))
            is_shown_whole = len(self.steps) == len(by_step)
            self.measured["by_step"] = by_step if is_shown_whole else by_step[self.steps]

    @torch.no_grad()
    def after_step(self) -> None:
        """Measure the step that the optimizer made; the numbers stay on the device."""
        weights: list[Tensor] = list(self.trained.values())
        self.changes = changes = list(torch._foreach_sub(weights, self.before))
        self.measured["weight"] = norms_of(weights)
        self.measured["change"] = norms_of(changes)
        if self.gradients:
            gradients = list(self.gradients.values())
            moved = [
                change for name, change in zip(self.trained, changes, strict=True) if name in self.gradients
            ]
            self.measured["gradient"] = norms_of(gradients)
            self.measured["num_alive"] = _stacked(
                [gradient.count_nonzero() for gradient in gradients]
            ).double()
            pairs = zip(map(_wide, gradients), map(_wide, moved), strict=True)
            self.measured["product"] = _stacked([torch.vdot(g.flatten(), c.flatten()) for g, c in pairs])

    def signals(self) -> Signals:
        """Return the measurements, transferred to the host."""
        measured = to_host(self.measured)
        by_step = measured.pop("by_step", None)
        named = {
            kind: dict(zip(self.gradients if kind in _OF_GRADIENTS else self.trained, values, strict=True))
            for kind, values in measured.items()
        }
        gradient, weight, change = named.get("gradient", {}), named["weight"], named["change"]
        alive = named.get("num_alive", {})
        parts, sizes = self.names_by_part, {name: p.numel() for name, p in self.trained.items()}
        signals: Signals = {
            "gradient_norm": _norm(gradient),
            "gradient_norm_by_layer": {part: _norm(gradient, names) for part, names in parts.items()},
            "weight_norm_by_layer": {part: _norm(weight, names) for part, names in parts.items()},
            "update_ratio_by_layer": {
                part: _ratio(_norm(change, names), _norm(weight, names)) for part, names in parts.items()
            },
            "gradient_zeros_by_layer": {
                part: 1 - sum(alive.get(name, 0.0) for name in names) / sum(sizes[name] for name in names)
                for part, names in parts.items()
            },
        }
        if by_step is not None:
            signals |= {"gradient_norm_by_step": by_step, "gradient_steps": self.steps}
        size = _norm(gradient) * _norm(change, gradient)
        if size != 0:
            signals["update_alignment"] = -sum(named["product"].values()) / size
        unusual = {
            "gradient_missing": [name for name in self.trained if name not in gradient],
            "frozen_parameters": self.frozen,
            "unmoved_parameters": [
                # The norm of a tiny change rounds to zero too, hence `any`.
                name
                for name, difference in zip(self.trained, self.changes, strict=True)
                if alive.get(name) and change[name] == 0 and not difference.any()
            ],
        }
        return signals | {kind: names for kind, names in unusual.items() if names}


def loss_signals(losses: Float[Tensor, "updates"]) -> Signals:
    """Return the first, the largest and the standard deviation of an interval's losses, on the device."""
    return {
        "loss_first": losses[0],
        "loss_max": losses.max(),
        "loss_spread": losses.std(correction=0),
    }


def norms_of(tensors: Iterable[Tensor]) -> Float[Tensor, "tensors"]:
    """Return each tensor's Euclidean norm, on the device of the first; halves are computed as float32."""
    return _stacked(list(torch._foreach_norm([_wide(tensor) for tensor in tensors])))


def _wide(tensor: Tensor) -> Tensor:
    """Return the tensor in at least single precision: squares of float16 overflow."""
    return tensor.float() if tensor.dtype in (torch.float16, torch.bfloat16) else tensor


def _stacked(scalars: list[Tensor]) -> Tensor:
    """Return scalars as one vector; parts of a network may be on several devices."""
    return torch.stack([scalar.to(scalars[0].device) for scalar in scalars])


def _norm(norms: Mapping[str, float], names: Iterable[str] | None = None) -> float:
    """Return the Euclidean norm of several tensors together; missing ones count as zero."""
    return math.hypot(*(norms.get(name, 0.0) for name in (norms if names is None else names)))


def _ratio(value: float, size: float) -> float:
    return value / size if size else math.nan
