"""How far a signal reaches at initialization: up through the layers, and back in time."""

from collections import defaultdict
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from failmap.datasets.task import Batch
from failmap.search.preflight.finding import Finding, listed, remedies
from failmap.search.preflight.subject import Subject
from failmap.search.trial.probes.batches import of_one_length
from failmap.search.trial.probes.common import MAX_STEPS, shown_steps
from failmap.search.trial.probes.states import spread
from failmap.search.trial.probes.time import reach

#: An LSTM at torch's initialization loses a factor of 4 a layer. Below a hundredth, which is four layers of
#: it, trials of 1,500 updates were seen to stay at chance for long stretches of sequence lengths.
MIN_SPREAD_SHARE = 1e-2
#: Below 1e-6 a step's part in a weight's gradient is rounded away beside the last step's (float32: 6e-8).
MIN_GRADIENT_SHARE = 1e-6


@torch.no_grad()
def reach_in_depth(subject: Subject) -> Finding:
    """What is left of the input in each layer: how what it passes on at last differs between sequences.

    By layer: the standard deviation over the batch of its output at the last step (see `spread`), behind a
    norm and a bypass where there are any.
    """
    batch = of_one_length(subject.batch)
    layers = subject.trace(batch, training=False).layers
    spreads = {layer.name: spread(layer.outputs[:, -1]).item() for layer in layers}
    listed = dict(list(spreads.items())[:MAX_STEPS])
    if len(spreads) < 2:
        value = next(iter(spreads.values()), float("nan"))
        return Finding(
            "pass", f"one layer: its last output varies by {value:.2g}", value, "spread", details=listed
        )
    first, *_, last = spreads.values()
    said = f"last outputs vary by {first:.2g} in the first layer, {last:.2g} in the last"
    if last > MIN_SPREAD_SHARE * first:
        return Finding("pass", said, last / first if first else float("nan"), "of the first", details=listed)
    advice = remedies(subject.config, "model.residual=true", "model.layer_norm=true", "fewer layers")
    share = last / first if first else 0.0
    return Finding("warn", f"{said}: little is left of the input", share, "of the first", advice, listed)


def reach_in_time(subject: Subject) -> Finding:
    """How the gradient of the last step's loss fades on its way back to the first input."""
    batch = of_one_length(subject.batch)
    unit = "of the last step's gradient is left at the first"
    norms = gradient_by_step(subject, batch)
    num_steps = len(norms)
    last = norms[-1].item()
    details = {f"step {step + 1}": norms[step].item() for step in shown_steps(num_steps)}
    if num_steps == 1:
        return Finding("pass", "sequences of one step", 1.0, unit, details=details)
    if last == 0:
        return Finding(
            "warn", "no gradient reaches the last input", float("nan"), unit, "see gradients", details
        )
    found = reach(norms.tolist())
    share, reached = found["gradient_share_at_first"], found["gradient_reach_steps"]
    said = f"{share:.1g} of the gradient is left at the first of {num_steps} steps"
    if reached < num_steps:
        said += f"; a thousandth after {reached} steps back"
    if share >= MIN_GRADIENT_SHARE:
        return Finding("pass", said, share, unit, details=details)
    advice = remedies(
        subject.config,
        "model.forget_bias=1",
        "model.chrono=true",
        "task.supervision=every_step",
        "shorter sequences",
    )
    return Finding("warn", said, share, unit, advice, details)


def gradient_by_step(subject: Subject, batch: Batch) -> Float[Tensor, "time"]:
    """Norm of d loss / d x_t for each t; where each step has a target, of the last step's loss alone."""
    batch = batch._replace(inputs=batch.inputs.clone().requires_grad_())
    outputs = subject.trace(batch, training=False).outputs
    asked = batch
    if subject.config.task.target_layout == "step":
        outputs, asked = outputs[:, -1:], batch._replace(targets=batch.targets[:, -1:])
    loss = subject.objective.loss(outputs, asked)
    if not loss.requires_grad:
        return torch.zeros(batch.inputs.shape[1])
    (gradient,) = torch.autograd.grad(loss, batch.inputs, materialize_grads=True, allow_unused=True)
    norms: Tensor = gradient.double().norm(dim=(0, 2))
    return norms


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
