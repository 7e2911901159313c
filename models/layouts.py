"""Where outputs stand: the same reading of states for every network that goes over its input step by step."""

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn import functional

from failmap.models.network import Interface


def with_blank_steps(
    inputs: Float[Tensor, "batch time features"], interface: Interface
) -> Float[Tensor, "batch longer features"]:
    """The input, followed for the layout `decoded` by blank steps: the first output is at the last input.

    One step in and many out is the network that Karpathy (2015) calls one-to-many.
    """
    num_blanks = max(sum(interface.decoded_steps) - 1, 0)
    return functional.pad(inputs, (0, 0, 0, num_blanks)) if num_blanks else inputs


def states_to_read(
    states: Float[Tensor, "batch longer hidden"],
    lengths: Int64[Tensor, "batch"] | None,
    interface: Interface,
) -> Float[Tensor, "batch *label hidden"]:
    """The states that outputs are made of: all; the last of each sequence; or from there on.

    Args:
        states: at every step, blank ones included.
        lengths: of the input sequences where they are padded; on the host.
        interface: says the layout.
    """
    if interface.layout == "step":
        return states
    num_read = max(sum(interface.decoded_steps), 1)
    if lengths is None:
        read = states[:, -num_read:]
    else:
        steps = lengths[:, None] - 1 + torch.arange(num_read)
        read = states[torch.arange(len(states))[:, None], steps]
    return read if interface.layout == "decoded" else read[:, 0]
