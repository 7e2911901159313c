"""A stack of recurrent layers that starts from given states and returns the final ones."""

from collections.abc import Iterable
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from failmap.models.network import Lengths

#: Final state of a layer: h, or h and c.
State = Tensor | tuple[Tensor, Tensor]


class StackPass(NamedTuple):
    """A pass through a stack.

    Attributes:
        inputs: Inputs of each layer, from the lowest up.
        states: States of each at every step; zero where a sequence has ended.
        final: The state of each at the end of each sequence.
    """

    inputs: list[Float[Tensor, "batch time *below"]]
    states: list[Float[Tensor, "batch time *hidden"]]
    final: list[State]


class RecurrentStack(nn.Module):
    """Layers with dropout between them, each called as `nn.LSTM` with batch_first is.

    Args:
        layers: From the lowest up.
        dropout: Share of a layer's states that is hidden from the one above it, in training only.
    """

    def __init__(self, layers: Iterable[nn.Module], dropout: float) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self,
        inputs: Float[Tensor, "batch time *features"],
        initial: list[State] | None = None,
        lengths: Lengths = None,
    ) -> StackPass:
        """Run one pass.

        Args:
            inputs: Sequences of one length, or padded at their ends.
            initial: The state that each layer starts from; None: zero.
            lengths: The length of each sequence where they are padded; on the host.
        """
        passed = StackPass([], [], [])
        below = inputs
        for index, layer in enumerate(self.layers):
            given = self.dropout(below) if index else below
            below, final = _run(layer, given, None if initial is None else initial[index], lengths)
            passed.inputs.append(given)
            passed.states.append(below)
            passed.final.append(final)
        return passed


def joined(passes: list[StackPass]) -> StackPass:
    """Join consecutive passes, each from the final states of the one before it."""
    return StackPass(
        [torch.cat(parts, dim=1) for parts in zip(*(each.inputs for each in passes), strict=True)],
        [torch.cat(parts, dim=1) for parts in zip(*(each.states for each in passes), strict=True)],
        passes[-1].final,
    )


def _run(layer: nn.Module, inputs: Tensor, initial: State | None, lengths: Lengths) -> tuple[Tensor, State]:
    """Return a layer's states, and the final one, at the last step of each sequence."""
    if lengths is None:
        states, final = layer(inputs, initial)
        return states, final
    packed = pack_padded_sequence(inputs, lengths, batch_first=True, enforce_sorted=False)
    states, final = layer(packed, initial)
    padded, _ = pad_packed_sequence(states, batch_first=True, total_length=inputs.shape[1])
    return padded, final
