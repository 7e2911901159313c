"""Whether batches and outputs have the shapes and types that were agreed on, and inputs a fitting size."""

import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from failmap.datasets.task import Batch, Task, num_shared
from failmap.models.config import DecodingConfig
from failmap.search.preflight.finding import Finding
from failmap.search.preflight.subject import Subject
from failmap.search.trial.probes.batches import first_of

#: Inputs of a larger root mean square press the units of a default initialization into saturation;
#: standardised features have 1.
MAX_INPUT_RMS = 5.0
#: Inputs that vary less from sequence to sequence hardly move a unit.
MIN_INPUT_SPREAD = 1e-3


def shapes(subject: Subject) -> Finding:
    """Shapes and types of the training batch, of validation, and of the outputs."""
    problems = list(_batch_problems(subject, subject.batch))
    outputs = subject.trace(first_of(subject.batch, 4), training=False).outputs
    problems += _output_problems(subject, outputs, first_of(subject.batch, 4))
    shown = f"inputs {_form(subject.batch.inputs)}, targets {_form(subject.batch.targets)}"
    return Finding(
        status="fail" if problems else "pass",
        message="; ".join(problems) or f"{shown}, outputs {_form(outputs)}",
        value=len(problems),
        unit="mismatches",
        advice="mend what the task or the network returns: its class says which shapes are due"
        * bool(problems),
    )


def input_scale(subject: Subject) -> Finding:
    """Whether inputs have a size that units respond to, and differ from one another at all."""
    inputs = subject.batch.inputs.double()
    largest = inputs.square().mean(dim=(0, 1)).sqrt().max().item()
    spread = inputs.std(dim=0, correction=0).max().item()
    finding = Finding(
        "pass", f"root mean square of the largest feature {largest:.3g}", largest, "input units"
    )
    if not math.isfinite(largest):
        return _changed(finding, "fail", "inputs are not finite", "look for gaps and infinities in the data")
    if spread == 0:
        return _changed(finding, "fail", "every input is the same", "look at how the inputs are made or read")
    if largest > MAX_INPUT_RMS:
        said = f"inputs are not normalised: {finding.message}, and standardised ones have 1"
        return _changed(
            finding, "warn", said, "standardise the inputs, feature by feature, by the training data"
        )
    if spread < MIN_INPUT_SPREAD:
        said = f"inputs differ by {spread:.2g} at most from sequence to sequence"
        return _changed(
            finding, "warn", said, "standardise the inputs, feature by feature, by the training data"
        )
    return finding


def _changed(finding: Finding, status: str, message: str, advice: str) -> Finding:
    assert status in ("warn", "fail")
    return Finding("warn" if status == "warn" else "fail", message, finding.value, finding.unit, advice)


def _batch_problems(subject: Subject, batch: Batch) -> Iterator[str]:
    """What a batch is told to be and is not."""
    task, config = subject.task, subject.config.task
    size, num_steps = batch.inputs.shape[:2]
    if batch.inputs.dtype != torch.float32:
        yield f"inputs are {batch.inputs.dtype}, not float32"
    if batch.inputs.ndim != 3 or batch.inputs.shape[2] != task.input_size:
        yield f"inputs are {_form(batch.inputs)}, not (batch, time, {task.input_size})"
    label = {"sequence": (), "step": (num_steps,), "decoded": (sum(config.decoded_steps),)}
    expected = (size, *label[config.target_layout])
    is_category = config.target_kind == "category"
    if task.output_size > 1 and not is_category:
        expected = (*expected, task.output_size)
    if batch.targets.shape != expected:
        yield f"targets are {_form(batch.targets)}, not {expected}"
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
    """What the network's outputs are told to be and are not."""
    config = subject.config.task
    label = {"sequence": (), "step": (batch.inputs.shape[1],), "decoded": (sum(config.decoded_steps),)}
    expected = (len(batch.inputs), *label[config.target_layout], subject.task.output_size)
    if outputs.shape != expected:
        yield f"outputs are {_form(outputs)}, not {expected}"
    if outputs.dtype != torch.float32:
        yield f"outputs are {outputs.dtype}, not float32"
    if not torch.isfinite(outputs).all():
        yield "outputs are not finite"


def _form(tensor: Tensor) -> str:
    return f"{tuple(tensor.shape)} {str(tensor.dtype).removeprefix('torch.')}"


#: Training sequences that are looked at.
MAX_TRAIN = 5000
#: With more shared sequences than this share, validation measures memory of the training set.
MAX_SHARED_SHARE = 0.1


def data_notes(subject: Subject) -> Finding:
    """The task's own notes, on the size of its test set among others."""
    task = subject.task
    notes = "; ".join(task.notes)
    size, unit = len(task.validation_set().inputs), "validation sequences"
    if task.config.is_enumerated or not notes:
        return Finding("pass", notes or "nothing that one must know", size, unit)
    return Finding("warn", notes, size, unit, "a larger test set: task.test_size, or more data")


def duplicates(subject: Subject) -> Finding:
    """Counts sequences that training, validation and test have in common."""
    task = _unsealed(subject)
    validation, test = task.validation_set(), task.test_set()
    train = task.train_batch(
        subject.config.seed, 0, min(task.num_train or MAX_TRAIN, MAX_TRAIN), progress=1.0
    )
    counts = {
        "validation in training": num_shared(validation, train),
        "test in training": num_shared(test, train),
        "test in validation": num_shared(test, validation),
    }
    shared = max(
        counts["validation in training"] / len(validation.inputs),
        counts["test in training"] / len(test.inputs),
    )
    details = {name: float(count) for name, count in counts.items()}
    unit = "of the held-out sequences stand in the training set"
    said = ", ".join(f"{count:,} {name}" for name, count in counts.items())
    if task.config.is_enumerated:
        said = "all sets hold every input that there is: learned means the whole table"
        return Finding("pass", said, shared, unit, details=details)
    if not any(counts.values()):
        return Finding("pass", "no split shares a sequence with another", 0.0, unit, details=details)
    if shared <= MAX_SHARED_SHARE:
        return Finding(
            "warn", said, shared, unit, "take the shared sequences out of the training set", details
        )
    advice = "split anew, by group or by time: validation measures what was learned by heart"
    return Finding("fail", said, shared, unit, advice, details)


def _unsealed(subject: Subject) -> Task:
    """The same task once more, its test set open: only duplicates are counted in it."""
    from failmap.datasets import build_task

    task = build_task(subject.config.task)
    task.unseal()
    return task


#: Outputs that differ by less, relative to their size, differ by rounding: float32 has 7 digits.
ROUNDING = 1e-5
_UNIT = "relative difference of outputs"


@torch.no_grad()
def modes(subject: Subject) -> Finding:
    """Passes the same batch in both modes, and twice in evaluation mode."""
    batch = first_of(subject.batch, 16)
    evaluated = subject.trace(batch, training=False).outputs
    difference = _relative(subject.trace(batch, training=True).outputs, evaluated)
    noise = _relative(subject.trace(batch, training=False).outputs, evaluated)
    model = subject.config.model
    if noise > ROUNDING:
        advice = "evaluation draws random numbers: look for dropout that does not ask for self.training"
        return Finding("fail", "two evaluations of the same batch differ", noise, _UNIT, advice)
    if model.draws_randomly and difference <= ROUNDING:
        advice = "dropout stands between layers: model.depth=2 or more, or leave model.dropout out"
        return Finding("fail", "dropout is on and changes nothing", difference, _UNIT, advice)
    if model.draws_randomly:
        return Finding("pass", "dropout acts in training alone", difference, _UNIT)
    if difference <= ROUNDING:
        return Finding("pass", "no dropout, and both modes agree", difference, _UNIT)
    if isinstance(model, DecodingConfig) and model.decoder_input == "teacher":
        return Finding("pass", "a decoder is shown the truth in training alone", difference, _UNIT)
    if any(isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d) for module in subject.model.modules()):
        advice = "its running means need many updates; compare with model.layer_norm=true"
        return Finding("warn", "batch norm: evaluation goes by running means", difference, _UNIT, advice)
    advice = "look for what depends on self.training"
    return Finding("fail", "no dropout, and yet the modes differ", difference, _UNIT, advice)


def _relative(one: Tensor, other: Tensor) -> float:
    """Norm of the difference over the norm."""
    size = float(other.double().norm())
    return float((one.double() - other.double()).norm()) / (size or 1.0)
