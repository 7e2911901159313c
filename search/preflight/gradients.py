"""Whether every parameter receives a gradient; where not, why not, by name."""

from collections import defaultdict
from typing import Literal

import torch
from torch import nn

from failmap.search.preflight.finding import Finding, listed
from failmap.search.preflight.subject import Subject

#: Why a parameter does not train, the worst first.
Fault = Literal["not finite", "cut off", "unused", "zero", "frozen"]
_MEANINGS: dict[Fault, str] = {
    "not finite": "gradient not finite",
    "cut off": "moves the loss but has no gradient (its path is detached)",
    "unused": "no gradient, and no effect on the loss (disconnected)",
    "zero": "gradient zero in every entry",
    "frozen": "frozen",
}
_ADVICE: dict[Fault, str] = {
    "not finite": "look at the loss and the inputs for what is not finite; train.clip_norm=1.0",
    "cut off": "look for detach(), no_grad, argmax or numpy between these parameters and the loss",
    "unused": "use these parameters in the pass, or take them out of the network",
    "zero": "what they multiply is always zero, or their units are dead or saturated",
    "frozen": "set requires_grad_(True), unless they are to stay as they are",
}


def gradients(subject: Subject) -> Finding:
    """One backward pass in training mode."""
    model = subject.model
    model.zero_grad(set_to_none=True)
    loss = subject.loss()
    if loss.requires_grad:
        loss.backward()
    faults: dict[Fault, list[str]] = defaultdict(list)
    for name, parameter in model.named_parameters():
        fault = _fault(subject, parameter, loss.item())
        if fault is not None:
            faults[fault].append(name)
    untrained_parts = _untrained_parts(model.parts())
    model.zero_grad(set_to_none=True)
    num_parameters = sum(1 for _ in model.parameters())
    if _frozen_on_purpose(subject):
        faults.pop("frozen", None)
    missing = sum(map(len, faults.values()))
    details: dict[str, float] = {fault: float(len(names)) for fault, names in faults.items()}
    if not faults:
        return Finding("pass", f"all {num_parameters} parameter tensors", 0, "tensors without gradient")
    first = next(fault for fault in _MEANINGS if fault in faults)
    message = "; ".join(f"{listed(names)}: {_MEANINGS[fault]}" for fault, names in faults.items())
    is_fatal = first in ("not finite", "cut off", "unused") or bool(untrained_parts)
    return Finding(
        "fail" if is_fatal else "warn", message, missing, "tensors without gradient", _ADVICE[first], details
    )


def _fault(subject: Subject, parameter: nn.Parameter, loss: float) -> Fault | None:
    if not parameter.requires_grad:
        return "frozen"
    if parameter.grad is None:
        return "cut off" if _moves_the_loss(subject, parameter, loss) else "unused"
    if not torch.isfinite(parameter.grad).all():
        return "not finite"
    return None if parameter.grad.any() else "zero"


@torch.no_grad()
def _moves_the_loss(subject: Subject, parameter: nn.Parameter, loss: float) -> bool:
    """Whether another value of a parameter gives another loss."""
    before = parameter.clone()
    parameter.add_(torch.linspace(0.5, 1.5, parameter.numel()).view_as(parameter))
    try:
        return subject.loss().item() != loss
    finally:
        parameter.copy_(before)


def _untrained_parts(parts: dict[str, nn.Module]) -> list[str]:
    """Parts that are to train, and none of whose parameters has a gradient other than zero."""
    trained = {name: [p for p in part.parameters() if p.requires_grad] for name, part in parts.items()}
    return [
        name
        for name, parameters in trained.items()
        if parameters and not any(p.grad is not None and bool(p.grad.any()) for p in parameters)
    ]


def _frozen_on_purpose(subject: Subject) -> bool:
    return bool(getattr(subject.config.model, "frozen_layers", 0))
