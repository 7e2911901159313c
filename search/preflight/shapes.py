"""Checks of shapes and types, and of the forward pass in training and evaluation mode."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from failmap.datasets.task import Batch
from failmap.models.config import DecodingConfig, OwnModelConfig
from failmap.search.preflight.check import Finding, Subject
from failmap.search.trial.probes.passes import first_of

#: Relative difference of outputs up to which they differ by rounding: float32 has 7 digits.
ROUNDING = 1e-5


def shapes(subject: Subject) -> Finding:
    """Check the shapes and types of the training batch and of the outputs."""
    problems = list(_batch_problems(subject, subject.batch))
    batch = first_of(subject.batch, 4)
    outputs = subject.trace(batch, training=False).outputs
    problems += _output_problems(subject, outputs, batch)
    if problems:
        advice = "correct what the task or the network returns: its class documents the shapes"
        return Finding("fail", "; ".join(problems), len(problems), "mismatches", advice)
    inputs, targets = _shape(subject.batch.inputs), _shape(subject.batch.targets)
    message = f"inputs {inputs}, targets {targets}, outputs {_shape(outputs)}"
    return Finding("pass", message, 0, "mismatches")


@torch.no_grad()
def modes(subject: Subject) -> Finding:
    """Compare training mode with evaluation mode, and two passes in evaluation mode with each other."""
    batch = first_of(subject.batch, 16)
    evaluated = subject.trace(batch, training=False).outputs
    difference = _relative_difference(subject.trace(batch, training=True).outputs, evaluated)
    noise = _relative_difference(subject.trace(batch, training=False).outputs, evaluated)
    unit = "relative difference of outputs"
    model = subject.config.model
    if noise > ROUNDING:
        advice = "evaluation draws random numbers: look for dropout that ignores self.training"
        return Finding("fail", "two evaluations of the same batch differ", noise, unit, advice)
    if isinstance(model, OwnModelConfig):
        return Finding("pass", "own network: evaluation draws nothing", difference, unit)
    if model.draws_randomly and difference <= ROUNDING:
        advice = "dropout acts between layers: set model.depth=2 or more, or omit model.dropout"
        return Finding("fail", "dropout is on and changes nothing", difference, unit, advice)
    if model.draws_randomly:
        return Finding("pass", "dropout acts only in training", difference, unit)
    if difference <= ROUNDING:
        return Finding("pass", "no dropout, and both modes agree", difference, unit)
    if isinstance(model, DecodingConfig) and model.decoder_input == "teacher":
        return Finding("pass", "the decoder receives true frames only in training", difference, unit)
    if any(isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d) for module in subject.model.modules()):
        advice = "its running means need many updates; compare with model.layer_norm=true"
        return Finding("warn", "batch norm: evaluation uses running means", difference, unit, advice)
    advice = "look for modules that depend on self.training"
    return Finding("fail", "no dropout, yet the modes differ", difference, unit, advice)


def _batch_problems(subject: Subject, batch: Batch) -> Iterator[str]:
    """Yield how a batch differs from what its task declares."""
    task, config = subject.task, subject.config.task
    num_steps = batch.inputs.shape[1]
    if batch.inputs.dtype != torch.float32:
        yield f"inputs are {batch.inputs.dtype}, not float32"
    if batch.inputs.ndim != 3 or batch.inputs.shape[2] != task.input_size:
        yield f"inputs are {_shape(batch.inputs)}, not (batch, time, {task.input_size})"
    expected = _label_shape(subject, batch)
    is_category = config.target_kind == "category"
    if task.output_size > 1 and not is_category:
        expected = (*expected, task.output_size)
    if batch.targets.shape != expected:
        yield f"targets are {_shape(batch.targets)}, not {expected}"
    if is_category and batch.targets.dtype != torch.int64:
        yield f"targets are {batch.targets.dtype}, and class numbers must be int64"
    elif is_category and not 0 <= batch.targets.min() <= batch.targets.max() < task.output_size:
        yield f"class numbers lie outside 0 to {task.output_size - 1}"
    elif not is_category and batch.targets.dtype != torch.float32:
        yield f"targets are {batch.targets.dtype}, not float32"
    elif not is_category and not torch.isfinite(batch.targets).all():
        yield "targets are not finite"
    if batch.lengths is not None and (batch.lengths.min() < 1 or batch.lengths.max() > num_steps):
        yield f"lengths lie outside 1 to {num_steps}"


def _output_problems(subject: Subject, outputs: Tensor, batch: Batch) -> Iterator[str]:
    """Yield how the outputs differ from what the task requires."""
    expected = (*_label_shape(subject, batch), subject.task.output_size)
    if outputs.shape != expected:
        yield f"outputs are {_shape(outputs)}, not {expected}"
    if outputs.dtype != torch.float32:
        yield f"outputs are {outputs.dtype}, not float32"
    if not torch.isfinite(outputs).all():
        yield "outputs are not finite"


def _label_shape(subject: Subject, batch: Batch) -> tuple[int, ...]:
    """Return the batch and time dimensions of targets and outputs."""
    size, num_steps = batch.inputs.shape[:2]
    config = subject.config.task
    times = {"sequence": (), "step": (num_steps,), "decoded": (sum(config.decoded_steps),)}
    return (size, *times[config.target_layout])


def _shape(tensor: Tensor) -> str:
    return f"{tuple(tensor.shape)} {str(tensor.dtype).removeprefix('torch.')}"


def _relative_difference(one: Tensor, other: Tensor) -> float:
    """Return the norm of the difference over the norm of `other`."""
    norm = float(other.double().norm())
    return float((one.double() - other.double()).norm()) / (norm or 1.0)
