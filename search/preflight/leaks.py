"""Whether an output depends, by its gradient, on what it must not know: other sequences, or the future."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn

from failmap.models.network import Teacher, Trace
from failmap.search.preflight.finding import Finding
from failmap.search.preflight.subject import Subject
from failmap.search.trial.probes.batches import first_of

#: Sequences that are looked at.
_NUM_SEQUENCES = 4


class _Leak(NamedTuple):
    """The share of a gradient that comes from where none may come, and the first layer that has it."""

    share: float
    where: str


def leak_across_batch(subject: Subject) -> Finding:
    """Whether a sequence's outputs depend on other sequences of its batch, in training mode."""
    leak = _leak(subject, pick=lambda values: values[:1], forbidden=lambda inputs: inputs[1:])
    unit = "of the gradient comes from other sequences"
    if leak is None:
        return _no_gradient(unit)
    if leak.share == 0:
        return Finding("pass", "each output depends on its own sequence alone", 0.0, unit)
    message = f"outputs depend on other sequences of the batch, first in {leak.where}"
    advice = "look for a mean, sort or reshape over the batch there"
    return _leaking(subject, message, leak.share, unit, advice)


def leak_from_future(subject: Subject) -> Finding:
    """Whether an output depends on later steps: of its input, or of the truth that a decoder is shown."""
    unit = "of the gradient comes from the future"
    layout, config = subject.config.task.target_layout, subject.config.model
    num_steps = subject.batch.inputs.shape[1]
    if layout == "decoded":
        return _leak_from_truth(subject, unit)
    if layout == "sequence":
        return Finding("pass", "one output for a whole sequence: nothing lies in its future", 0.0, unit)
    if getattr(config, "bidirectional", False):
        return Finding("pass", "excepted: a bidirectional network is meant to see the future", 0.0, unit)
    if num_steps == 1:
        return Finding("pass", "sequences of one step have no future", 0.0, unit)
    step = (num_steps - 1) // 2
    leak = _leak(subject, pick=lambda values: values[:, step], forbidden=lambda inputs: inputs[:, step + 1 :])
    if leak is None:
        return _no_gradient(unit)
    if leak.share == 0:
        return Finding("pass", "each output depends on its past alone", 0.0, unit)
    message = f"the output of step {step + 1} depends on later steps, first in {leak.where}"
    advice = "make the network causal: mask or shift what it sees"
    return _leaking(subject, message, leak.share, unit, advice)


def _leaking(subject: Subject, message: str, share: float, unit: str, advice: str) -> Finding:
    """A failure, unless batch norm was asked for: that its statistics go over batch and time is known."""
    if (norm := _batch_norm(subject)) is None:
        return Finding("fail", message, share, unit, advice)
    advice = "batch norm does that in training; model.layer_norm=true does not"
    return Finding("warn", f"{message} (batch norm: {norm})", share, unit, advice)


def _leak(
    subject: Subject, *, pick: Callable[[Tensor], Tensor], forbidden: Callable[[Tensor], Tensor]
) -> _Leak | None:
    """How much of the gradient of some outputs comes from forbidden inputs; None: there is no gradient."""
    batch = first_of(subject.batch, _NUM_SEQUENCES)
    batch = batch._replace(inputs=batch.inputs.clone().requires_grad_())
    trace = subject.trace(batch, training=True)

    def share(values: Tensor) -> float | None:
        if not values.requires_grad:
            return None
        (gradient,) = torch.autograd.grad(
            pick(values).square().sum(), batch.inputs, retain_graph=True, allow_unused=True
        )
        if gradient is None or not gradient.any():
            return None
        return float(forbidden(gradient).norm() / gradient.norm())

    leaked = share(trace.outputs)
    if leaked is None:
        return None
    return _Leak(leaked, _first_layer(trace, share) if leaked else "")


def _first_layer(trace: Trace, share: Callable[[Tensor], float | None]) -> str:
    """The lowest layer whose outputs have the leak, else the outputs."""
    return next((layer.name for layer in trace.layers if share(layer.outputs)), "the outputs")


def _leak_from_truth(subject: Subject, unit: str) -> Finding:
    """Whether a decoder's step depends on the true frame of that step, or of a later one."""
    batch = first_of(subject.batch, _NUM_SEQUENCES)
    if not batch.targets.is_floating_point():
        return Finding("pass", "decoders are shown no classes", 0.0, unit)
    targets = batch.targets.clone().requires_grad_()
    outputs = subject.trace(batch, training=True, teacher=Teacher(targets, 0.0)).outputs
    for start, step, end in _decoded_steps(subject.config.task.decoded_steps):
        if not outputs.requires_grad:
            return _no_gradient(unit)
        (gradient,) = torch.autograd.grad(
            outputs[:, start + step].square().sum(), targets, retain_graph=True, allow_unused=True
        )
        if gradient is None or not gradient.any():
            continue
        share = (gradient[:, start + step : end].norm() / gradient.norm()).item()
        if share:
            message = f"the decoder's step {step + 1} sees the true frame of that step or a later one"
            return Finding("fail", message, share, unit, "shift the true frames: step k may see k - 1")
    return Finding("pass", "each decoded step depends on what came before it alone", 0.0, unit)


def _decoded_steps(lengths: tuple[int, ...]) -> Iterator[tuple[int, int, int]]:
    """Of each decoded sequence its start, its first and its middle step, and its end."""
    start = 0
    for length in lengths:
        for step in dict.fromkeys((0, length // 2)):
            yield start, step, start + length
        start += length


def _batch_norm(subject: Subject) -> str | None:
    """The name of a batch norm, if the network has one."""
    kinds = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
    return next((name for name, module in subject.model.named_modules() if isinstance(module, kinds)), None)


def _no_gradient(unit: str) -> Finding:
    advice = "look at the check of gradients first"
    return Finding("warn", "no gradient reaches the inputs: leaks cannot be told", 0.0, unit, advice)
