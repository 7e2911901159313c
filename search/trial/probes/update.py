"""One update measured: its gradients before clipping, and how far the weights moved."""

import math
from collections.abc import Callable, Iterable, Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn

from failmap.models.network import Network
from failmap.search.trial.probes.host import Signals, shown_steps, to_host

#: What is measured of those parameters alone that have a gradient.
_OF_GRADIENTS = ("gradient", "num_alive", "product")


def groups(model: Network) -> dict[str, list[nn.Parameter]]:
    """The parameters of each part that trains, by name, from the bottom up."""
    trained = {
        name: [parameter for parameter in part.parameters() if parameter.requires_grad]
        for name, part in model.parts().items()
    }
    return {name: parameters for name, parameters in trained.items() if parameters}


class UpdateProbe:
    """Measures the last update before an evaluation: its gradients, and how far the weights moved.

    That update's own gradients are read, and its inputs take a gradient too, so that probing costs no forward
    or backward pass of its own.
    """

    def __init__(self, model: Network) -> None:
        self.model = model
        self.trained = {name: p for name, p in model.named_parameters() if p.requires_grad}
        self.before = [p.detach().clone() for p in self.trained.values()]
        self.changes: list[Tensor] = []
        names = {parameter: name for name, parameter in self.trained.items()}
        self.names_by_part = {
            part: [names[parameter] for parameter in parameters] for part, parameters in groups(model).items()
        }
        self.gradients: dict[str, Tensor] = {}
        self.measured: dict[str, Tensor] = {}
        self.steps: list[int] = []

    def after_backward(self, inputs: Float[Tensor, "batch time features"]) -> None:
        """Keeps the gradients as they are before they are clipped."""
        self.gradients = {name: p.grad.clone() for name, p in self.trained.items() if p.grad is not None}
        if inputs.grad is not None:
            self.steps = shown_steps(inputs.shape[1])
            by_step = inputs.grad.norm(dim=(0, 2))
            is_shown_whole = len(self.steps) == len(by_step)
            self.measured["by_step"] = by_step if is_shown_whole else by_step[self.steps]

    @torch.no_grad()
    def after_step(self) -> None:
        """Measures, once the optimizer has moved the weights; the numbers stay on the device."""
        weights: list[Tensor] = list(self.trained.values())
        self.changes = changes = list(torch._foreach_sub(weights, self.before))
        self.measured["weight"] = torch.stack(torch._foreach_norm(weights))
        self.measured["change"] = torch.stack(torch._foreach_norm(changes))
        if self.gradients:
            gradients = list(self.gradients.values())
            moved = [
                change for name, change in zip(self.trained, changes, strict=True) if name in self.gradients
            ]
            self.measured["gradient"] = torch.stack(torch._foreach_norm(gradients))
            self.measured["num_alive"] = torch.stack([one.count_nonzero() for one in gradients]).double()
            pairs = zip(gradients, moved, strict=True)
            self.measured["product"] = torch.stack([torch.vdot(g.flatten(), c.flatten()) for g, c in pairs])

    def signals(self) -> Signals:
        """What was measured, brought to the host."""
        measured = to_host(self.measured)
        by_step = measured.pop("by_step", None)
        named = {
            kind: dict(zip(self.gradients if kind in _OF_GRADIENTS else self.trained, values, strict=True))
            for kind, values in measured.items()
        }
        gradient, weight, change = named.get("gradient", {}), named["weight"], named["change"]
        alive = named.get("num_alive", {})
        signals: Signals = {
            "gradient_norm": _norm(gradient),
            "gradient_norm_by_layer": self._by_part(lambda names: _norm(gradient, names)),
            "weight_norm_by_layer": self._by_part(lambda names: _norm(weight, names)),
            "update_ratio_by_layer": self._by_part(
                lambda names: _ratio(_norm(change, names), _norm(weight, names))
            ),
            "gradient_zeros_by_layer": self._by_part(
                lambda names: 1 - sum(alive.get(name, 0.0) for name in names) / self._size(names)
            ),
        }
        if by_step is not None:
            signals |= {"gradient_norm_by_step": by_step, "gradient_steps": self.steps}
        size = _norm(gradient) * _norm(change, gradient)
        if size != 0:
            signals["update_alignment"] = -sum(named["product"].values()) / size
        unusual = {
            "gradient_missing": [name for name in self.trained if name not in gradient],
            "frozen_parameters": [
                name for name, parameter in self.model.named_parameters() if not parameter.requires_grad
            ],
            "unmoved_parameters": [
                # The norm of a tiny change rounds to zero too.
                name
                for name, one in zip(self.trained, self.changes, strict=True)
                if alive.get(name) and change[name] == 0 and not one.any()
            ],
        }
        return signals | {kind: names for kind, names in unusual.items() if names}

    def _by_part(self, measure: Callable[[list[str]], float]) -> dict[str, float]:
        """A number for the parameters of each part that trains."""
        return {part: measure(names) for part, names in self.names_by_part.items()}

    def _size(self, names: list[str]) -> int:
        return sum(self.trained[name].numel() for name in names)


def _norm(norms: Mapping[str, float], names: Iterable[str] | None = None) -> float:
    """The Euclidean norm of several tensors together; those without one count as zero."""
    return math.hypot(*(norms.get(name, 0.0) for name in (norms if names is None else names)))


def _ratio(value: float, size: float) -> float:
    return value / size if size else math.nan


def loss_signals(losses: Float[Tensor, "updates"]) -> Signals:
    """Their first, their largest, and their standard deviation; tensors, on the device."""
    return {
        "loss_first": losses[0],
        "loss_max": losses.max(),
        "loss_spread": losses.std(correction=0),
    }
