"""Which loss a loop really computes, from the graph of its value, and its value for other outputs."""

from collections.abc import Iterator
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

LossName = Literal["cross_entropy", "bce", "bce_with_logits", "mse", "l1", "smooth_l1", "huber", ""]

#: Nodes of autograd's graph by the loss that makes them.
_NODES: dict[str, LossName] = {
    "NllLossBackward0": "cross_entropy",
    "NllLoss2DBackward0": "cross_entropy",
    "BinaryCrossEntropyBackward0": "bce",
    "BinaryCrossEntropyWithLogitsBackward0": "bce_with_logits",
    "MseLossBackward0": "mse",
    "SmoothL1LossBackward0": "smooth_l1",
    "HuberLossBackward0": "huber",
}
#: Torch's modules and functions, for losses without a graph.
_NAMES: dict[str, LossName] = {
    "CrossEntropyLoss": "cross_entropy",
    "NLLLoss": "cross_entropy",
    "BCELoss": "bce",
    "BCEWithLogitsLoss": "bce_with_logits",
    "MSELoss": "mse",
    "L1Loss": "l1",
    "SmoothL1Loss": "smooth_l1",
    "HuberLoss": "huber",
    "cross_entropy": "cross_entropy",
    "nll_loss": "cross_entropy",
    "binary_cross_entropy": "bce",
    "binary_cross_entropy_with_logits": "bce_with_logits",
    "mse_loss": "mse",
    "l1_loss": "l1",
    "smooth_l1_loss": "smooth_l1",
    "huber_loss": "huber",
}
#: Nodes between the scalar and the loss: means, sums, weights, added penalties.
_MAX_NODES = 40


def loss_name(loss: Tensor, loss_fn: Any) -> LossName:
    """Return which of torch's losses a scalar is, or '' for any other.

    Args:
        loss: The scalar; its graph may be freed.
        loss_fn: The loss as the user calls it, or None.
    """
    for node in _nodes(loss):
        if node in _NODES:
            return _NODES[node]
    name = type(loss_fn).__name__ if isinstance(loss_fn, nn.Module) else getattr(loss_fn, "__name__", "")
    return _NAMES.get(name, "")


def value_of(name: LossName, loss_fn: Any, outputs: Tensor, targets: Tensor) -> float:
    """Return the loss of some outputs; NaN if the loss is not one of torch's, or refuses them.

    Args:
        name: Of the loss.
        loss_fn: The user's; it is called if it is one of torch's modules, so that its weights count.
        outputs: Of shape (n, classes) for classes, else of the targets' shape.
        targets: Of shape (n,) for classes.
    """
    function = loss_fn if type(loss_fn).__name__ in _NAMES and isinstance(loss_fn, nn.Module) else None
    functions: dict[str, Any] = {
        "cross_entropy": functional.cross_entropy,
        "bce": functional.binary_cross_entropy,
        "bce_with_logits": functional.binary_cross_entropy_with_logits,
        "mse": functional.mse_loss,
        "l1": functional.l1_loss,
        "smooth_l1": functional.smooth_l1_loss,
        "huber": functional.huber_loss,
    }
    function = function or functions.get(name)
    if function is None:
        return float("nan")
    try:
        with torch.no_grad():
            value: Tensor = function(outputs, targets)
    except (RuntimeError, ValueError, IndexError):
        return float("nan")
    return value.double().mean().item()


def _nodes(loss: Tensor) -> Iterator[str]:
    """Yield the names of the nodes nearest to a scalar, the nearest first."""
    front, seen = [loss.grad_fn], 0
    while front and seen < _MAX_NODES:
        node = front.pop(0)
        if node is None:
            continue
        seen += 1
        yield node.name()
        front += [following for following, _ in node.next_functions]
