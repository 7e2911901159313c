"""A recurrent layer run in chunks of time, for gradients with respect to its state at a step."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn


class ChunkedPass(NamedTuple):
    """A layer's states, and those at some steps as nodes of the graph through which all later ones depend.

    Attributes:
        states: The states of `layer(inputs)`.
        nodes: The states at the chosen steps. Every effect of a state, on the layer above and on the next
            step, passes through its node.
    """

    states: Float[Tensor, "batch time hidden"]
    nodes: list[Float[Tensor, "batch 1 hidden"]]


def run_in_chunks(
    layer: nn.RNNBase, inputs: Float[Tensor, "batch time features"], steps: Sequence[int]
) -> ChunkedPass:
    """Run one pass by torch's own kernel, called once for each stretch between two of the steps.

    The gradient to an LSTM's node is that to h alone: its cell c is passed on beside it.

    Args:
        layer: Of one layer and one direction, batch first.
        inputs: Sequences of one length.
        steps: From 0, in ascending order.
    """
    assert not layer.bidirectional, "states of the future lead to those of the past"
    num_steps = inputs.shape[1]
    ends = [0, *(step + 1 for step in steps), num_steps]
    state: Tensor | tuple[Tensor, Tensor] | None = None
    passed: list[Tensor] = []
    nodes: list[Tensor] = []
    for begin, end in pairwise(ends):
        if begin == end:
            continue
        states, final = layer(inputs[:, begin:end], state)
        node = states[:, -1:]
        passed += [states[:, :-1], node]
        nodes.append(node)
        # The next chunk starts from the node, and not from the kernel's own final state.
        hidden = node.transpose(0, 1).contiguous()
        state = (hidden, final[1]) if isinstance(final, tuple) else hidden
    return ChunkedPass(torch.cat(passed, dim=1), nodes[: len(steps)])


def state_gradients(
    layer: nn.RNNBase,
    inputs: Float[Tensor, "batch time features"],
    from_above: Float[Tensor, "batch time hidden"],
    steps: Sequence[int],
) -> Float[Tensor, "steps batch hidden"]:
    """Return the total derivative of a loss to a layer's state h at some steps, across layers and time.

    Args:
        layer: Of one layer and one direction, batch first.
        inputs: Its inputs.
        from_above: The derivative to its states through the layers above, each step by itself, as autograd
            returns it for a pass by one call of the kernel.
        steps: From 0, in ascending order.
    """
    # A layer that does not train has a graph through its inputs alone.
    passed = run_in_chunks(layer, inputs.detach().requires_grad_(), steps)
    gradients = torch.autograd.grad(passed.states, passed.nodes, from_above)
    return torch.stack([gradient[:, 0] for gradient in gradients])
