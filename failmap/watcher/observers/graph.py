"""Reading of autograd graphs: the names, shapes and integers of their nodes, never their tensors."""

import math
import warnings
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from failmap.watcher.observer import Step

#: Operations that move entries without changing them.
VIEWS = frozenset(
    {
        "View",
        "UnsafeView",
        "ReshapeAlias",
        "Squeeze",
        "Unsqueeze",
        "Transpose",
        "Permute",
        "T",
        "Select",
        "Slice",
        "Expand",
        "Alias",
        "Clone",
        "ToCopy",
        "Index",
        "AsStrided",
        "Unbind",
        "Split",
    }
)
#: Operations between a loss per entry and the loss.
REDUCTIONS = frozenset({"Mean", "Sum", "Mul", "Div", "Neg", "Add", "Squeeze", "View", "ToCopy", "Clone"})
#: Nodes of PyTorch's losses, and how each takes its first input.
LOSSES = {
    "NllLoss": "nll",
    "NllLoss2D": "nll",
    "MseLoss": "difference",
    "L1Loss": "difference",
    "SmoothL1Loss": "difference",
    "HuberLoss": "difference",
    "BinaryCrossEntropy": "bce",
    "BinaryCrossEntropyWithLogits": "bce_with_logits",
}
_MAX_WALK = 40


def name_of(node: Any) -> str:
    """Return the name of an operation, such as "LogSoftmax" for LogSoftmaxBackward0."""
    name = str(node.name()).split("::")[-1]
    return name.split("Backward")[0]


def shape_of(node: Any) -> tuple[int, ...] | None:
    """Return the shape of a node's result, or None if it is unknown."""
    metadata = getattr(node, "_input_metadata", None)
    return tuple(int(size) for size in metadata[0].shape) if metadata else None


def dim_of(node: Any, num_dims: int) -> int:
    """Return the dimension of a (log-)softmax, counted from 0."""
    dim = int(node._saved_dim)
    dim = dim - 2**64 if dim >= 2**63 else dim
    return dim % num_dims


def previous(node: Any) -> Any:
    """Return the node of the first operand that has one, or None; of a linear layer that of its input."""
    inputs = [one for one, _ in node.next_functions]
    if name_of(node) == "Addmm" and len(inputs) > 1:
        return inputs[1]
    if name_of(node) in ("Mm", "Bmm"):
        return inputs[0]
    return next((one for one in inputs if one is not None), None)


def through(node: Any, names: frozenset[str]) -> Any:
    """Return the first node from `node` on whose operation is not among names, or None."""
    for _ in range(_MAX_WALK):
        if node is None or name_of(node) not in names:
            return node
        node = previous(node)
    return None


def chain(node: Any) -> Iterator[Any]:
    """Yield a node and its predecessors by their first operand, at most forty."""
    for _ in range(_MAX_WALK):
        if node is None:
            return
        yield node
        node = previous(node)


def loss_with_graph(step: Step, loss_fn: Any) -> Tensor:
    """Return the loss with its graph; computed again from outputs and targets if the user detached it.

    Only losses of PyTorch are called again, and only a result that equals the user's counts.
    """
    module = getattr(loss_fn, "__module__", None) or ""
    if step.loss.grad_fn is not None or step.outputs is None or step.outputs.grad_fn is None:
        return step.loss
    if not module.startswith("torch.nn") or step.targets is None:
        return step.loss
    try:
        with torch.enable_grad(), warnings.catch_warnings():
            # The user's own call has already warned, of shapes that broadcast for one.
            warnings.simplefilter("ignore")
            again: Tensor = loss_fn(step.outputs, step.targets)
    except (RuntimeError, ValueError, TypeError):
        return step.loss  # The user gives the loss something else than what is shown.
    if again.numel() != 1:
        return step.loss
    is_same = math.isclose(float(again.detach()), float(step.loss), rel_tol=1e-4)
    return again if is_same else step.loss


def loss_node(loss: Any) -> tuple[str, Any] | None:
    """Return the kind of a loss ("nll", "difference", "bce", "bce_with_logits") and its node, or None.

    A difference is also one that is written out, as `(outputs - targets).pow(2).mean()`.
    """
    node = through(loss.grad_fn, REDUCTIONS)
    if node is None:
        return None
    if name_of(node) in ("Pow", "Abs"):
        inner = previous(node)
        return ("difference", inner) if inner is not None and name_of(inner) == "Sub" else None
    kind = LOSSES.get(name_of(node))
    return None if kind is None else (kind, node)
