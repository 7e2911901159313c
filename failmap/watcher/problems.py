"""Mistakes in the use of a watch, one line each."""

import sys
import warnings
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from failmap.watcher.observer import Step

#: Modules whose frames lie between the user's call and a warning.
_BETWEEN = ("failmap.watcher", "contextlib")


class WatchWarning(UserWarning):
    """A mistake in the use of a watch, or a fault of the watch itself; the training goes on."""


def warn(problem: str) -> None:
    """Warn of a problem at the user's line, and never raise, even if Python was asked to raise warnings."""
    try:
        warnings.warn(f"failmap: {problem}", WatchWarning, stacklevel=_level_of_user())
    except WatchWarning:
        print(f"failmap: {problem}", file=sys.stderr)


def problems_of_watch(model: Any, optimizer: Any, *, every: Any, is_watched: bool) -> list[str]:
    """Return why a watch cannot be made."""
    problems = []
    if not isinstance(model, nn.Module):
        problems.append(f"watch: the model is a {type(model).__name__}, not a torch.nn.Module")
    if not isinstance(optimizer, Optimizer):
        problems.append(f"watch: the optimizer is a {type(optimizer).__name__}, not a torch.optim.Optimizer")
    if every is not None and not (isinstance(every, int) and every >= 1):
        problems.append(f"watch: every={every!r} must be a whole number of steps, at least 1")
    if is_watched:
        problems.append("watch: this model is watched already: close the other watch first")
    if not problems:
        own = {id(parameter) for parameter in model.parameters()}
        held = {id(parameter) for group in optimizer.param_groups for parameter in group["params"]}
        if not own:
            problems.append("watch: the model has no parameters")
        elif not own & held:
            problems.append("watch: the optimizer holds no parameter of this model, but another one's")
    return problems


def problems_of_step(step: Step) -> list[str]:
    """Return what does not fit in a call of `watch.step`."""
    return list(_step_problems(step))


def _step_problems(step: Step) -> Iterator[str]:
    if step.loss.numel() != 1:
        yield f"watch.step: the loss has shape {tuple(step.loss.shape)}, not one number: give its mean"
    for name in ("inputs", "outputs", "targets"):
        value = getattr(step, name)
        if value is not None and value.numel() == 0:
            yield f"watch.step: {name} of shape {tuple(value.shape)} hold nothing"
    outputs, targets = step.outputs, step.targets
    if outputs is None or targets is None or not outputs.dim() or not targets.dim():
        return
    sizes = set(outputs.shape[:2]) | {outputs.numel()} | _products(outputs.shape)
    if targets.shape[0] not in sizes and targets.numel() not in sizes:
        yield (
            f"watch.step: outputs of shape {tuple(outputs.shape)} and targets of shape "
            f"{tuple(targets.shape)} are of different batches"
        )


def _level_of_user() -> int:
    """Return the `stacklevel` with which a warning of the caller names the user's line."""
    frame, level = sys._getframe(1), 1
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith(_BETWEEN):
        frame, level = frame.f_back, level + 1
    return level


def _products(shape: torch.Size) -> set[int]:
    """Return the sizes of flattened leading axes."""
    products, product = set(), 1
    for size in shape:
        product *= size
        products.add(product)
    return products
