"""Checks of how far signals reach at initialization: to each parameter, up the layers, and back in time."""

import math
from collections import defaultdict
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from failmap.datasets.task import Batch
from failmap.search.preflight.check import Finding, Subject, remedies
from failmap.search.trial.probes.common import MAX_STEPS, shown_steps
from failmap.search.trial.probes.passes import of_one_length
from failmap.search.trial.probes.states import spread
from failmap.search.trial.probes.time import last_label_loss, reach

#: An LSTM at torch's initialization loses a factor of 4 a layer. Below a hundredth, which is four layers of
#: it, trials of 1,500 updates were seen to stay at chance for long stretches of sequence lengths.
MIN_SPREAD_SHARE = 1e-2
#: Below 1e-6 a step's part in a weight's gradient is rounded away beside the last step's (float32: 6e-8).
MIN_GRADIENT_SHARE = 1e-6

#: Why a parameter does not train.
Fault = Literal["not finite", "cut off", "unused", "zero", "frozen"]
#: Meaning and advice of each fault, the worst first.
_FAULTS: dict[Fault, tuple[str, str]] = {
    "not finite": (
        "gradient not finite",
        "look for values that are not finite in the loss and the inputs; train.clip_norm=1.0",
    ),
    "cut off": (
        "affects the loss but has no gradient (its path is detached)",
        "look for detach(), no_grad, argmax or numpy between these parameters and the loss",
    ),
    "unused": (
        "no gradient, and no effect on the loss (disconnected)",
        "use these parameters in the forward pass, or remove them from the network",
    ),
    "zero": (
        "gradient zero in every entry",
        "their inputs are always zero, or their units are dead or saturated",
    ),
    "frozen": ("frozen", "set requires_grad_(True), unless they are meant to stay fixed"),
}
#: Parameter names in a message.
_MAX_NAMES = 4


def gradients(subject: Subject) -> Finding:
    """Check that one backward pass in training mode gives every parameter a gradient."""
    model = subject.model
    model.zero_grad(set_to_none=True)
    loss = subject.loss()
    if loss.requires_grad:
        loss.backward()
    names_by_fault: dict[Fault, list[str]] = defaultdict(list)
    for name, parameter in model.named_parameters():
        fault = _fault(subject, parameter, loss.item())
        if fault is not None:
            names_by_fault[fault].append(name)
    has_untrained_part = any(map(_is_untrained, model.parts().values()))
    model.zero_grad(set_to_none=True)
    if getattr(subject.config.model, "frozen_layers", 0):
        names_by_fault.pop("frozen", None)
    unit = "tensors without gradient"
    if not names_by_fault:
        return Finding("pass", f"all {sum(1 for _ in model.parameters())} parameter tensors", 0, unit)
    worst = next(fault for fault in _FAULTS if fault in names_by_fault)
    is_fatal = has_untrained_part or worst in ("not finite", "cut off", "unused")
    return Finding(
        status="fail" if is_fatal else "warn",
        message="; ".join(f"{_join(names)}: {_FAULTS[fault][0]}" for fault, names in names_by_fault.items()),
        value=sum(map(len, names_by_fault.values())),
        unit=unit,
        advice=_FAULTS[worst][1],
        details={fault: float(len(names)) for fault, names in names_by_fault.items()},
    )


@torch.no_grad()
def reach_in_depth(subject: Subject) -> Finding:
    """Measure how much the last output of each layer varies between sequences.

    The spread of a layer is the standard deviation over the batch of its output at the last step (see
    `spread`), after norm and residual connection if there are any.
    """
    batch = of_one_length(subject.batch)
    layers = subject.trace(batch, training=False).layers
    spreads = {layer.name: spread(layer.outputs[:, -1]).item() for layer in layers}
    details = dict(list(spreads.items())[:MAX_STEPS])
    if len(spreads) < 2:
        value = next(iter(spreads.values()), math.nan)
        message = f"one layer: its last output varies by {value:.2g}"
        return Finding("pass", message, value, "spread", details=details)
    first, *_, last = spreads.values()
    message = f"last outputs vary by {first:.2g} in the first layer, {last:.2g} in the last"
    if last > MIN_SPREAD_SHARE * first:
        return Finding("pass", message, last / first if first else math.nan, "of the first", details=details)
    advice = remedies(subject.config, "model.residual=true", "model.layer_norm=true", "fewer layers")
    message += ": little is left of the input"
    return Finding("warn", message, last / first if first else 0.0, "of the first", advice, details)


def reach_in_time(subject: Subject) -> Finding:
    """Measure how the gradient of the last step's loss decays on its way back to the first input."""
    batch = of_one_length(subject.batch)
    unit = "of the last step's gradient is left at the first"
    norms = gradient_by_step(subject, batch)
    num_steps = len(norms)
    details = {f"step {step + 1}": norms[step].item() for step in shown_steps(num_steps)}
    if num_steps == 1:
        return Finding("pass", "sequences of one step", 1.0, unit, details=details)
    if norms[-1].item() == 0:
        message, advice = "no gradient reaches the last input", "see the check of gradients"
        return Finding("warn", message, math.nan, unit, advice, details)
    measured = reach(norms.tolist())
    share, num_reached = measured["gradient_share_at_first"], measured["gradient_reach_steps"]
    message = f"{share:.1g} of the gradient is left at the first of {num_steps} steps"
    if num_reached < num_steps:
        message += f"; a thousandth after {num_reached} steps back"
    if share >= MIN_GRADIENT_SHARE:
        return Finding("pass", message, share, unit, details=details)
    options = ("model.forget_bias=1", "model.chrono=true", "task.supervision=every_step", "shorter sequences")
    return Finding("warn", message, share, unit, remedies(subject.config, *options), details)


def gradient_by_step(subject: Subject, batch: Batch) -> Float[Tensor, "time"]:
    """Return the norm of d loss / d x_t for each t; with a target at each step, of the last step's loss."""
    batch = batch._replace(inputs=batch.inputs.clone().requires_grad_())
    loss = last_label_loss(subject.objective, subject.trace(batch, training=False).outputs, batch)
    if not loss.requires_grad:
        return torch.zeros(batch.inputs.shape[1])
    (gradient,) = torch.autograd.grad(loss, batch.inputs, materialize_grads=True, allow_unused=True)
    norms: Tensor = gradient.double().norm(dim=(0, 2))
    return norms


def _fault(subject: Subject, parameter: nn.Parameter, loss: float) -> Fault | None:
    if not parameter.requires_grad:
        return "frozen"
    if parameter.grad is None:
        return "cut off" if _affects_loss(subject, parameter, loss) else "unused"
    if not torch.isfinite(parameter.grad).all():
        return "not finite"
    return None if parameter.grad.any() else "zero"


@torch.no_grad()
def _affects_loss(subject: Subject, parameter: nn.Parameter, loss: float) -> bool:
    """Return whether another value of a parameter gives another loss."""
    before = parameter.clone()
    parameter.add_(torch.linspace(0.5, 1.5, parameter.numel()).view_as(parameter))
    try:
        return subject.loss().item() != loss
    finally:
        parameter.copy_(before)


def _is_untrained(part: nn.Module) -> bool:
    """Return whether a part has trainable parameters, and none with a nonzero gradient."""
    trainable = [parameter for parameter in part.parameters() if parameter.requires_grad]
    return bool(trainable) and not any(p.grad is not None and bool(p.grad.any()) for p in trainable)


def _join(names: list[str]) -> str:
    more = f" and {len(names) - _MAX_NAMES} more" if len(names) > _MAX_NAMES else ""
    return ", ".join(names[:_MAX_NAMES]) + more
