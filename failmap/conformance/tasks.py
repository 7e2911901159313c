"""The contract of an own task: sizes, sets or draws, and targets that something can be learned from."""

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from failmap.conformance.calls import BrokenContractError, attempt, build, name_of
from failmap.datasets.config.own import KINDS, SUPERVISIONS, OwnTaskConfig
from failmap.datasets.errors import TaskError
from failmap.datasets.own import SETS, is_generated, measured_chance
from failmap.datasets.task import Batch, num_shared

#: Sequences of a draw that is examined, and of one whose size differs.
NUM_DRAWN, NUM_OTHER = 256, 3
_SIZES = ("input_size", "output_size", "num_steps")


def check_task(own: Callable[..., Any], *, args: Mapping[str, Any] | None = None) -> list[str]:
    """Return how a task breaks the contract, one line each; an empty list if it keeps to it.

    Args:
        own: The class, called as `own(**args)`.
        args: Its arguments.
    """
    try:
        if not callable(own):
            raise BrokenContractError(f"{name_of(own)} is no class")
        task = build(own, (), args or {})
        problems = [*_statement_problems(task)]
        if problems:
            return problems
        problems = list(_draw_problems(task) if is_generated(task) else _set_problems(task))
        return problems or [*_chance_problems(task)]
    except BrokenContractError as error:
        return [str(error)]


def batch_problems(
    task: Any, inputs: object, targets: object, *, kind: str, supervision: str, num: int | None = None
) -> Iterator[str]:
    """Yield what is wrong with one set of sequences.

    Args:
        task: States input_size, output_size and num_steps.
        inputs: (num, time, features) in float32.
        targets: Of each sequence or step: int64 for a category, float32 otherwise.
        kind: Of the targets.
        supervision: last or every_step.
        num: Sequences that were asked for, if so many were.
    """
    if not isinstance(inputs, Tensor) or not isinstance(targets, Tensor):
        kinds = f"{type(inputs).__name__} and {type(targets).__name__}"
        yield f"inputs and targets are {kinds}, and tensors are wanted"
        return
    meant = ("num" if num is None else num, task.num_steps, task.input_size)
    if inputs.ndim != 3 or inputs.shape[1:] != meant[1:] or (num is not None and len(inputs) != num):
        yield f"inputs are {tuple(inputs.shape)}, and (num, num_steps, input_size) = {_shown(meant)} wanted"
        return
    if inputs.dtype != torch.float32:
        yield f"inputs are {_dtype(inputs)}, and float32 is wanted"
    elif not inputs.isfinite().all():
        yield "inputs are not finite"
    label = (task.num_steps,) if supervision == "every_step" else ()
    wanted = (len(inputs), *label)
    if kind == "number" and task.output_size > 1:
        wanted = (*wanted, task.output_size)
    if tuple(targets.shape) != wanted:
        yield (
            f"targets are {tuple(targets.shape)}, and {wanted} is wanted for kind={kind}, "
            f"supervision={supervision}, output_size={task.output_size}"
        )
    elif kind == "category":
        if targets.dtype != torch.int64:
            yield f"targets are {_dtype(targets)}, and classes are int64"
        elif not 0 <= targets.min() <= targets.max() < task.output_size:
            span = f"{targets.min().item()} to {targets.max().item()}"
            yield f"classes are {span}, and 0 to output_size - 1 = {task.output_size - 1} is wanted"
    elif targets.dtype != torch.float32:
        yield f"targets are {_dtype(targets)}, and float32 is wanted for kind={kind}"
    elif not targets.isfinite().all():
        yield "targets are not finite"
    elif kind == "binary" and not ((targets == 0) | (targets == 1)).all():
        yield "targets of kind=binary are 0.0 or 1.0"


def _statement_problems(task: Any) -> Iterator[str]:
    """Yield what is missing or wrong among the attributes."""
    name = type(task).__name__
    for size_name in _SIZES:
        value = getattr(task, size_name, None)
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            was = f"has {size_name}={value!r}" if hasattr(task, size_name) else f"has no {size_name}"
            yield f"{name} {was}: a whole number of at least 1 is wanted"
    kind, supervision = getattr(task, "kind", None), getattr(task, "supervision", "last")
    if kind not in KINDS:
        yield f"{name} has kind={kind!r}, and one of {', '.join(KINDS)} is wanted"
    if supervision not in SUPERVISIONS:
        yield f"{name} has supervision={supervision!r}, and one of {', '.join(SUPERVISIONS)} is wanted"
    size = getattr(task, "output_size", 1)
    if kind == "binary" and size != 1:
        yield f"{name} has output_size={size}, and 1 is wanted for kind=binary"
    if kind == "category" and size == 1:
        yield f"{name} has output_size=1, and kind=category has one output for each of at least 2 classes"
    if not is_generated(task):
        missing = [part for part in SETS if not hasattr(task, part)]
        if missing:
            yield (
                f"{name} has no draw(num, generator), and no {', '.join(missing)}: it draws sequences, "
                f"or holds (inputs, targets) as {', '.join(SETS)}"
            )
    for option in ("chance", "target_metric"):
        value = getattr(task, option, None)
        is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        if value is not None and not is_number:
            yield f"{name} has {option}={value!r}, and a finite number, or None, is wanted"


def _draw_problems(task: Any) -> Iterator[str]:
    """Yield what is wrong with draws: their form, and what they depend on."""
    drawn = _draw(task, NUM_DRAWN, seed=0)
    for num, (inputs, targets) in ((NUM_DRAWN, drawn), (NUM_OTHER, _draw(task, NUM_OTHER, seed=0))):
        own = {"kind": task.kind, "supervision": getattr(task, "supervision", "last")}
        found = [
            f"draw({num}, generator): {line}"
            for line in batch_problems(task, inputs, targets, **own, num=num)
        ]
        if found:
            yield from found
            return
    with torch.random.fork_rng(devices=[]):
        # Numbers from elsewhere than the generator differ now.
        torch.manual_seed(1)
        again = _draw(task, NUM_DRAWN, seed=0)
    if not all(map(torch.equal, drawn, again)):
        yield (
            "two draws with equally seeded generators differ: pass the generator to all that draws, "
            "as in torch.rand(..., generator=generator)"
        )
    elif all(map(torch.equal, drawn, _draw(task, NUM_DRAWN, seed=1))):
        yield (
            "draws with differently seeded generators are equal: training and validation would be the same "
            "sequences; draw from the generator"
        )


def _set_problems(task: Any) -> Iterator[str]:
    """Yield what is wrong with the three sets: the form of each, and what they share."""
    batches = {}
    own = {"kind": task.kind, "supervision": getattr(task, "supervision", "last")}
    for name in SETS:
        pair = getattr(task, name)
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            yield f"{name} is a {type(pair).__name__}, and a pair (inputs, targets) is wanted"
            continue
        found = [f"{name}: {line}" for line in batch_problems(task, *pair, **own)]
        yield from found
        if not found:
            if len(pair[0]) < 2:
                yield f"{name} has {len(pair[0])} sequences, and at least 2 are wanted"
            batches[name] = Batch(*pair)
    for one, other in (("validation", "train"), ("test", "train"), ("test", "validation")):
        if not batches.keys() >= {one, other}:
            continue
        num, num_all = num_shared(batches[one], batches[other]), len(batches[one].inputs)
        if num == num_all:
            yield f"all {num_all} sequences of {one} are in {other}: keep them apart"
        elif num > num_all / 2:
            yield f"{num} of {num_all} sequences of {one} are in {other}: keep them apart"


def _chance_problems(task: Any) -> Iterator[str]:
    """Yield why chance cannot be computed, or why the criterion is none."""
    config = OwnTaskConfig.model_construct(
        name="task", target=task.kind, supervision=getattr(task, "supervision", "last")
    )
    _, targets = _draw(task, NUM_DRAWN, seed=0) if is_generated(task) else task.validation
    try:
        chance = measured_chance(config, targets, task.output_size).metric
    except TaskError as error:
        yield f"chance cannot be computed: {error}"
        return
    chance = getattr(task, "chance", None) or chance
    target = getattr(task, "target_metric", None)
    if target is None:
        return
    is_between = chance < target <= 1 if config.is_larger_better else 0 <= target < chance
    if not is_between:
        order = "above" if config.is_larger_better else "below"
        yield f"target_metric={target:g} ({config.metric_name}) must be {order} chance, which is {chance:.4g}"


def _draw(task: Any, num: int, seed: int) -> tuple[Tensor, Tensor]:
    """Return a draw; raise BrokenContractError if it raises or returns no pair."""
    generator = torch.Generator().manual_seed(seed)
    pair = attempt(f"draw({num}, generator)", task.draw, num, generator)
    if not isinstance(pair, tuple | list) or len(pair) != 2:
        kind = type(pair).__name__
        raise BrokenContractError(f"draw returns a {kind}, and a pair (inputs, targets) is wanted")
    return pair[0], pair[1]


def _shown(shape: tuple[object, ...]) -> str:
    return f"({', '.join(map(str, shape))})"


def _dtype(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")
