"""Lower layers that begin with the weights of a network that has learned."""

from collections.abc import Mapping

import torch
from torch import Tensor

from failmap.models.recurrent import RecurrentNetwork


def reuse_layers(network: RecurrentNetwork, stored: Mapping[str, Tensor]) -> None:
    """Copies stored layers from the bottom up, as far as they fit, and counts them.

    A layer fits if all of its tensors are stored, no other ones, and each in the shape it has here. The first
    that does not ends the copying. The readout is never copied.

    Args:
        network: what to copy into; its `num_reused_layers` says how many layers there were.
        stored: tensors by name, as in a network's `state_dict()`.

    Raises:
        ValueError: not even the lowest layer fits; the message says what is stored and what is wanted.
    """
    count = 0
    for index in range(len(network.layers)):
        ours, theirs = _tensors(network.state_dict(), index), _tensors(stored, index)
        if _shapes(ours) != _shapes(theirs):
            break
        with torch.no_grad():
            for name, tensor in ours.items():
                tensor.copy_(theirs[name])
        count += 1
    if not count:
        wanted, found = (_told(_tensors(tensors, 0)) for tensors in (network.state_dict(), stored))
        raise ValueError(f"no lower layer fits: layers.0 is {wanted} here, and {found} there")
    network.num_reused_layers = count


def _tensors(tensors: Mapping[str, Tensor], index: int) -> dict[str, Tensor]:
    """The tensors of one layer by their names within it."""
    prefix = f"layers.{index}."
    return {name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)}


def _shapes(tensors: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in tensors.items()}


def _told(tensors: Mapping[str, Tensor]) -> str:
    """A layer's tensors in one line."""
    shapes = _shapes(tensors).items()
    return ", ".join(f"{name} {'x'.join(map(str, shape))}" for name, shape in shapes) or "missing"
