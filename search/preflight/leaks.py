"""Checks that no output depends, by its gradient, on other sequences of the batch or on the future."""

from collections.abc import Callable
from itertools import accumulate

from torch import Tensor, nn

from failmap.models.network import Teacher
from failmap.search.preflight.check import Finding, Subject
from failmap.search.trial.probes.passes import first_of, gradient_of_squares

#: Sequences of the batch that is checked.
_NUM_SEQUENCES = 4


def leak_across_batch(subject: Subject) -> Finding:
    """Check that a sequence's outputs in training mode do not depend on other sequences of its batch."""
    return _check(
        subject,
        "of the gradient comes from other sequences",
        pick=lambda values: values[:1],
        forbidden=lambda inputs: inputs[1:],
        sound="each output depends only on its own sequence",
        leaking="outputs depend on other sequences of the batch",
        advice="look for a mean, sort or reshape over the batch there",
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
    return _check(
        subject,
        unit,
        pick=lambda values: values[:, step],
        forbidden=lambda inputs: inputs[:, step + 1 :],
        sound="each output depends only on its past",
        leaking=f"the output of step {step + 1} depends on later steps",
        advice="make the network causal: mask or shift its inputs",
    )


def _check(
    subject: Subject,
    unit: str,
    *,
    pick: Callable[[Tensor], Tensor],
    forbidden: Callable[[Tensor], Tensor],
    sound: str,
    leaking: str,
    advice: str,
) -> Finding:
    """Check that the gradient of the picked outputs is zero at the forbidden inputs.

    Batch norm gives a warning only: its statistics are known to span batch and time.
    """
    batch = first_of(subject.batch, _NUM_SEQUENCES)
    batch = batch._replace(inputs=batch.inputs.clone().requires_grad_())
    trace = subject.trace(batch, training=True)

    def share(values: Tensor) -> float | None:
        gradient = gradient_of_squares(pick(values), batch.inputs)
        return None if gradient is None else float(forbidden(gradient).norm() / gradient.norm())

    leaked = share(trace.outputs)
    if leaked is None:
        return _no_gradient(unit)
    if leaked == 0:
        return Finding("pass", sound, 0.0, unit)
    layer = next((layer.name for layer in trace.layers if share(layer.outputs)), "the outputs")
    message = f"{leaking}, first in {layer}"
    for name, module in subject.model.named_modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d):
            advice = "batch norm does that in training; model.layer_norm=true does not"
            return Finding("warn", f"{message} (batch norm: {name})", leaked, unit, advice)
    return Finding("fail", message, leaked, unit, advice)


def _leak_from_truth(subject: Subject, unit: str) -> Finding:
    """Check that no decoded step depends on the true frame of that step or of a later one.

    The first and the middle step of each decoded sequence are checked.
    """
    batch = first_of(subject.batch, _NUM_SEQUENCES)
    if not batch.targets.is_floating_point():
        return Finding("pass", "decoders receive no classes", 0.0, unit)
    targets = batch.targets.clone().requires_grad_()
    outputs = subject.trace(batch, training=True, teacher=Teacher(targets, 0.0)).outputs
    if not outputs.requires_grad:
        return _no_gradient(unit)
    lengths = subject.config.task.decoded_steps
    for end, length in zip(accumulate(lengths), lengths, strict=True):
        for step in dict.fromkeys((0, length // 2)):
            first = end - length + step
            gradient = gradient_of_squares(outputs[:, first], targets)
            if gradient is None:
                continue
            share = (gradient[:, first:end].norm() / gradient.norm()).item()
            if share:
                message = f"the decoder's step {step + 1} sees the true frame of that step or a later one"
                return Finding("fail", message, share, unit, "shift the true frames: step k may see k - 1")
    return Finding("pass", "each decoded step depends only on earlier ones", 0.0, unit)


def _no_gradient(unit: str) -> Finding:
    message, advice = "no gradient reaches the inputs: leaks cannot be measured", "see the check of gradients"
    return Finding("warn", message, 0.0, unit, advice)
