"""Checks that no output depends, by its gradient, on other sequences of the batch or on the future."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn

from failmap.models.network import Teacher
from failmap.search.preflight.check import Finding
from failmap.search.preflight.subject import Subject
from failmap.search.trial.probes.batches import first_of

#: Sequences of the batch that is checked.
_NUM_SEQUENCES = 4


class _Leak(NamedTuple):
    """The share of a gradient that comes from forbidden inputs, and the lowest layer affected."""

    share: float
    layer: str


def leak_across_batch(subject: Subject) -> Finding:
    """Check that a sequence's outputs in training mode do not depend on other sequences of its batch."""
    leak = _measure(subject, pick=lambda values: values[:1], forbidden=lambda inputs: inputs[1:])
    unit = "of the gradient comes from other sequences"
    if leak is None:
        return _no_gradient(unit)
    if leak.share == 0:
        return Finding("pass", "each output depends only on its own sequence", 0.0, unit)
    message = f"outputs depend on other sequences of the batch, first in {leak.layer}"
    return _leaking(
        subject, message, leak.share, unit, "look for a mean, sort or reshape over the batch there"
    )


def leak_from_future(subject: Subject) -> Finding:
    """Check that no output depends on later steps of its input, or of the truth that a decoder receives."""
    unit = "of the gradient comes from the future"
    layout, config = subject.config.task.target_layout, subject.config.model
    num_steps = subject.batch.inputs.shape[1]
    if layout == "decoded":
        return _leak_from_truth(subject, unit)
    if layout == "sequence":
        return Finding("pass", "one output for a whole sequence: it has no future", 0.0, unit)
    if getattr(config, "bidirectional", False):
        return Finding("pass", "exempt: a bidirectional network sees the future by design", 0.0, unit)
    if num_steps == 1:
        return Finding("pass", "sequences of one step have no future", 0.0, unit)
    step = (num_steps - 1) // 2
    leak = _measure(
        subject, pick=lambda values: values[:, step], forbidden=lambda inputs: inputs[:, step + 1 :]
    )
    if leak is None:
        return _no_gradient(unit)
    if leak.share == 0:
        return Finding("pass", "each output depends only on its past", 0.0, unit)
    message = f"the output of step {step + 1} depends on later steps, first in {leak.layer}"
    return _leaking(subject, message, leak.share, unit, "make the network causal: mask or shift its inputs")


def _measure(
    subject: Subject, *, pick: Callable[[Tensor], Tensor], forbidden: Callable[[Tensor], Tensor]
) -> _Leak | None:
    """Return how much of the gradient of the picked outputs comes from forbidden inputs, None without any."""
    batch = first_of(subject.batch, _NUM_SEQUENCES)
    batch = batch._replace(inputs=batch.inputs.clone().requires_grad_())
    trace = subject.trace(batch, training=True)

    def share(values: Tensor) -> float | None:
        gradient = _gradient(pick(values), batch.inputs)
        return None if gradient is None else float(forbidden(gradient).norm() / gradient.norm())

    leaked = share(trace.outputs)
    if not leaked:
        return None if leaked is None else _Leak(leaked, "")
    return _Leak(leaked, next((layer.name for layer in trace.layers if share(layer.outputs)), "the outputs"))


def _leak_from_truth(subject: Subject, unit: str) -> Finding:
    """Check that no decoded step depends on the true frame of that step or of a later one."""
    batch = first_of(subject.batch, _NUM_SEQUENCES)
    if not batch.targets.is_floating_point():
        return Finding("pass", "decoders receive no classes", 0.0, unit)
    targets = batch.targets.clone().requires_grad_()
    outputs = subject.trace(batch, training=True, teacher=Teacher(targets, 0.0)).outputs
    if not outputs.requires_grad:
        return _no_gradient(unit)
    for start, step, end in _decoded_steps(subject.config.task.decoded_steps):
        gradient = _gradient(outputs[:, start + step], targets)
        if gradient is None:
            continue
        share = (gradient[:, start + step : end].norm() / gradient.norm()).item()
        if share:
            message = f"the decoder's step {step + 1} sees the true frame of that step or a later one"
            return Finding("fail", message, share, unit, "shift the true frames: step k may see k - 1")
    return Finding("pass", "each decoded step depends only on earlier ones", 0.0, unit)


def _decoded_steps(lengths: tuple[int, ...]) -> Iterator[tuple[int, int, int]]:
    """Yield start, step and end of each decoded sequence, for its first and its middle step."""
    start = 0
    for length in lengths:
        for step in dict.fromkeys((0, length // 2)):
            yield start, step, start + length
        start += length


def _gradient(outputs: Tensor, inputs: Tensor) -> Tensor | None:
    """Return the gradient of the sum of squared outputs; None if there is none or all of it is zero."""
    if not outputs.requires_grad:
        return None
    (gradient,) = torch.autograd.grad(outputs.square().sum(), inputs, retain_graph=True, allow_unused=True)
    return gradient if gradient is not None and gradient.any() else None


def _leaking(subject: Subject, message: str, share: float, unit: str, advice: str) -> Finding:
    """Return a failure, or a warning for batch norm, whose statistics are known to span batch and time."""
    kinds = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
    for name, module in subject.model.named_modules():
        if isinstance(module, kinds):
            advice = "batch norm does that in training; model.layer_norm=true does not"
            return Finding("warn", f"{message} (batch norm: {name})", share, unit, advice)
    return Finding("fail", message, share, unit, advice)


def _no_gradient(unit: str) -> Finding:
    message, advice = "no gradient reaches the inputs: leaks cannot be measured", "see the check of gradients"
    return Finding("warn", message, 0.0, unit, advice)
