"""Reading of autograd graphs: the names, shapes and integers of their nodes, never their tensors."""

from collections.abc import Iterator
from typing import Any

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
