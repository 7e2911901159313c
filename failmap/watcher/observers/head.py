"""Heads that do not fit their loss, read from the graph of the loss, or from the outputs without one."""

from typing import Any

import torch
from torch import Tensor

from failmap.search.trial.probes.common import Signals
from failmap.watcher.observer import Observer, Step
from failmap.watcher.observers.graph import (
    VIEWS,
    dim_of,
    loss_node,
    loss_with_graph,
    name_of,
    previous,
    shape_of,
    through,
)
from failmap.watcher.observers.head_numbers import adds_up, has_classes_elsewhere, misfit_of_numbers

#: Ranges of heads that have one.
RANGES = {
    "Sigmoid": (0.0, 1.0),
    "Softmax": (0.0, 1.0),
    "Tanh": (-1.0, 1.0),
    "Relu": (0.0, float("inf")),
}
#: Last operations that leave no log-probabilities.
_NO_LOGS = frozenset({"Softmax", "Sigmoid", "Relu", "Tanh", "Addmm", "Mm"})
#: Distance from one, in logarithms, of the sum of what counts as probabilities.
_SUM_TOLERANCE = 0.1


class HeadObserver(Observer):
    """Reports `head_misfit`: what of the head does not fit the loss, at looks where something does not.

    The values are "softmax_before_cross_entropy", "sigmoid_before_cross_entropy",
    "activation_before_logits", "softmax_over_one", "softmax_over_wrong_axis" and "nll_without_log". Further
    signals: `targets_outside_head`, the mean square of the targets' distance from the head's range, as a
    share of their variance, and `targets_outside_bce`, the share of a binary cross-entropy's targets outside
    0..1.
    """

    def after_look(self, step: Step) -> Signals:
        """Read the graph, and the targets if the head has a range."""
        if has_classes_elsewhere(step, self.watched.loss_fn):
            return {"head_misfit": "softmax_over_wrong_axis"}
        loss = loss_with_graph(step, self.watched.loss_fn)
        found = loss_node(loss)
        if found is None:
            misfit = None if loss.grad_fn is not None else misfit_of_numbers(step, self.watched.loss_fn)
            return {} if misfit is None else {"head_misfit": misfit}
        kind, node = found
        operand = previous(node)
        signals: Signals = {}
        misfit = _misfit(kind, operand, step)
        if misfit:
            signals["head_misfit"] = misfit
        head = through(operand, VIEWS)
        targets = step.targets
        if targets is None or not targets.is_floating_point() or not targets.numel():
            return signals
        if kind == "difference" and head is not None and name_of(head) in RANGES:
            signals["targets_outside_head"] = _outside(targets.detach().float(), RANGES[name_of(head)])
            signals["head_activation"] = name_of(head).lower()
        if kind in ("bce", "bce_with_logits"):
            outside = (targets < 0) | (targets > 1)
            signals["targets_outside_bce"] = outside.float().mean()
        return signals


def _misfit(kind: str, operand: Any, step: Step) -> str | None:
    """Return what does not fit, or None."""
    head = through(operand, VIEWS)
    if head is None:
        return None
    name = name_of(head)
    if kind == "nll":
        if name == "LogSoftmax":
            shape = shape_of(operand)
            if shape is not None and len(shape) > 1 and _is_over_other_axis(head, shape[1]):
                return "softmax_over_wrong_axis"
            before = through(previous(head), VIEWS)
            inner = name_of(before) if before is not None else ""
            if inner == "LogSoftmax" and _is_over_batch(before):
                return "softmax_over_wrong_axis"
            return {
                "Softmax": "softmax_before_cross_entropy",
                "Sigmoid": "sigmoid_before_cross_entropy",
            }.get(inner)
        logged = through(previous(head), VIEWS) if name == "Log" else None
        if logged is not None and name_of(logged) == "Softmax" and _is_over_batch(logged):
            return "softmax_over_wrong_axis"
        return "nll_without_log" if name in _NO_LOGS and not _are_logs(step) else None
    if kind == "bce_with_logits":
        return "activation_before_logits" if name in ("Sigmoid", "Softmax") else None
    return _softmax_misfit(head, step) if name == "Softmax" else None


def _softmax_misfit(softmax: Any, step: Step) -> str | None:
    """Return what is wrong with a softmax that is the head of a loss per entry."""
    shape = shape_of(softmax)
    if not shape:
        return None
    dim = dim_of(softmax, len(shape))
    if shape[dim] == 1:
        return "softmax_over_one"
    if _is_over_batch(softmax):
        return "softmax_over_wrong_axis"
    targets = step.targets
    if targets is None or tuple(targets.shape) != shape or not targets.is_floating_point():
        return None
    # Probabilities of another axis than that along which the targets are shares.
    shares = [axis for axis in range(targets.ndim) if adds_up(targets.detach(), axis)]
    return "softmax_over_wrong_axis" if shares and dim not in shares else None


def _is_over_batch(softmax: Any) -> bool:
    """Return whether a (log-)softmax of several axes is over the first one."""
    shape = shape_of(softmax)
    return shape is not None and len(shape) > 1 and dim_of(softmax, len(shape)) == 0


def _is_over_other_axis(log_softmax: Any, num_classes: int) -> bool:
    """Return whether a log-softmax adds up to one along another axis than that of the classes."""
    shape = shape_of(log_softmax)
    if not shape:
        return False
    return shape[dim_of(log_softmax, len(shape))] != num_classes


def _are_logs(step: Step) -> bool:
    """Return whether outputs may be log-probabilities: unknown outputs may."""
    if step.outputs is None or step.outputs.ndim < 2:
        return True
    total = torch.logsumexp(step.outputs.detach().float(), dim=1)
    return bool((total.abs() < _SUM_TOLERANCE).all())


def _outside(targets: Tensor, ends: tuple[float, float]) -> Tensor:
    """Return the mean squared distance of targets from a range, as a share of their variance."""
    distance = targets - targets.clamp(*ends)
    return distance.square().mean() / targets.var(correction=0).clamp(min=1e-12)
