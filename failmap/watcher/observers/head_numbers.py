"""Heads that do not fit their loss, seen in outputs and losses that a loop shows without their graph."""

import math
import warnings
from typing import Any

import torch
from torch import Tensor, nn

from failmap.watcher.observer import Step

#: Distance from one of the sum of what counts as shares, and the same of other sums.
_EXACT, _CLEAR = 1e-3, 0.05
#: Largest relative difference between the user's loss and that of the outputs shown.
_SAME = 1e-4


def misfit_of_numbers(step: Step, loss_fn: Any) -> str | None:
    """Return what of a head does not fit its loss, as `HeadObserver` names it, or None.

    The type of the loss is the user's word, so it must be one of PyTorch's modules. What is shown must also
    be what the loss was computed from: only a loss that comes out the same counts. Outputs outside 0..1 need
    no check for nn.BCELoss, which refuses them.

    Args:
        step: A step that was looked at.
        loss_fn: The loss as the user calls it, or None.
    """
    outputs = step.outputs
    kinds = (nn.CrossEntropyLoss, nn.NLLLoss, nn.BCELoss, nn.MSELoss)
    if outputs is None or step.targets is None or type(loss_fn) not in kinds or outputs.ndim < 2:
        return None
    if not outputs.is_floating_point() or not outputs.numel() or not _is_same_loss(step, loss_fn):
        return None
    outputs = outputs.detach()
    if isinstance(loss_fn, nn.NLLLoss):
        if adds_up(outputs.exp(), 1):
            return None
        return "softmax_over_wrong_axis" if _is_over_batch(outputs.exp()) else "nll_without_log"
    if isinstance(loss_fn, nn.CrossEntropyLoss):
        is_softmax = adds_up(outputs, 1) or _is_over_batch(outputs)
        return "softmax_before_cross_entropy" if is_softmax and not _is_constant(outputs) else None
    if outputs.shape[1] == 1 and bool((outputs == 1).all()) and not bool((step.targets == 1).all()):
        return "softmax_over_one"
    return "softmax_over_wrong_axis" if _is_over_batch(outputs) else None


def has_classes_elsewhere(step: Step, loss_fn: Any) -> bool:
    """Return whether a cross-entropy gets shares of classes along another axis than its own of classes, 1."""
    targets = step.targets
    is_cross_entropy = isinstance(loss_fn, nn.CrossEntropyLoss) or loss_fn is nn.functional.cross_entropy
    if not is_cross_entropy or targets is None or targets.ndim < 3 or not targets.is_floating_point():
        return False
    return not adds_up(targets, 1) and any(adds_up(targets, axis) for axis in range(2, targets.ndim))


def adds_up(values: Tensor, axis: int) -> bool:
    """Return whether values are shares along an axis of two entries or more: not negative, with sums of 1."""
    if values.shape[axis] < 2 or bool((values < 0).any()):
        return False
    return bool(((values.double().sum(axis) - 1).abs() < _EXACT).all())


def _is_over_batch(values: Tensor) -> bool:
    """Return whether values are shares along the batch, and not along the next axis."""
    if not adds_up(values, 0) or values.shape[1] < 2:
        return False
    return bool(((values.double().sum(1) - 1).abs() > _CLEAR).any())


def _is_constant(values: Tensor) -> bool:
    return bool((values == values.flatten()[0]).all())


def _is_same_loss(step: Step, loss_fn: nn.Module) -> bool:
    """Return whether the loss of the outputs shown is the user's."""
    try:
        with torch.no_grad(), warnings.catch_warnings():
            # The user's own call has already warned.
            warnings.simplefilter("ignore")
            again: Tensor = loss_fn(step.outputs, step.targets)
    except (RuntimeError, ValueError, TypeError):
        return False  # The user gives the loss something else than what is shown.
    return again.numel() == 1 and math.isclose(float(again), float(step.loss.detach()), rel_tol=_SAME)
