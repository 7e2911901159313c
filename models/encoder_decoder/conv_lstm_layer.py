"""One layer of a convolutional LSTM (Shi et al. 2015)."""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import PackedSequence

Maps = Float[Tensor, "batch hidden height width"]


class ConvLSTMLayer(nn.Module):
    """An LSTM whose inputs, states and cells are maps, and whose matrix products are convolutions (*):

        i, f, o = sigmoid(W_i * x_t + U_i * h_{t-1} + b_i), f and o alike
        g = tanh(W_g * x_t + U_g * h_{t-1} + b_g)
        c_t = f c_{t-1} + i g
        h_t = o tanh(c_t)

    This is equation 3 of Shi et al. (2015) without peepholes, which torch's LSTM lacks too: on a map of one
    position it equals `nn.LSTM`. It is called as `nn.LSTM` with batch_first is. Its parameters have the same
    names, order of gates (i, f, g, o) and initial range, 1 / sqrt(recurrent inputs of a unit).

    Args:
        in_channels: Channels of the inputs.
        hidden_channels: Channels of states and cells.
        kernel_size: Width and height of the convolutions; odd, so that maps keep their size.
    """

    def __init__(self, in_channels: int, hidden_channels: int, kernel_size: int) -> None:
        super().__init__()
        self.hidden_channels = hidden_channels
        num_maps, area = 4 * hidden_channels, (kernel_size, kernel_size)
        self.weight_ih_l0 = nn.Parameter(torch.empty(num_maps, in_channels, *area))
        self.weight_hh_l0 = nn.Parameter(torch.empty(num_maps, hidden_channels, *area))
        self.bias_ih_l0 = nn.Parameter(torch.empty(num_maps))
        self.bias_hh_l0 = nn.Parameter(torch.empty(num_maps))
        bound = 1 / math.sqrt(hidden_channels * kernel_size**2)
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -bound, bound)

    def forward(
        self,
        inputs: Float[Tensor, "batch time below height width"] | PackedSequence,
        initial: tuple[Maps, Maps] | None = None,
    ) -> tuple[Float[Tensor, "batch time hidden height width"] | PackedSequence, tuple[Maps, Maps]]:
        """Return the states at every step, in the form of the inputs, and the last state and cell of each.

        Args:
            inputs: Sequences of one length, or packed ones, which start from zero.
            initial: State and cell to start from; None: zeros.
        """
        if isinstance(inputs, PackedSequence):
            assert initial is None, "packed sequences start from zero"
            sizes = inputs.batch_sizes
            states, (hidden, cell) = self._walk(self._fed(inputs.data).split(sizes.tolist()), None)
            order = inputs.unsorted_indices
            packed = PackedSequence(torch.cat(states), sizes, inputs.sorted_indices, order)
            return packed, (hidden[order], cell[order])
        fed = self._fed(inputs.flatten(0, 1)).unflatten(0, inputs.shape[:2])
        states, final = self._walk(fed.unbind(1), initial)
        return torch.stack(states, dim=1), final

    def _fed(
        self, inputs: Float[Tensor, "any below height width"]
    ) -> Float[Tensor, "any gates height width"]:
        """Return what the inputs add to the gates, for all steps at once."""
        return functional.conv2d(inputs, self.weight_ih_l0, self.bias_ih_l0, padding="same")

    def _walk(
        self, fed: Sequence[Tensor], initial: tuple[Maps, Maps] | None
    ) -> tuple[list[Tensor], tuple[Maps, Maps]]:
        """Run step by step; sequences that have ended keep their states."""
        if initial is None:
            zero = fed[0].new_zeros(len(fed[0]), self.hidden_channels, *fed[0].shape[2:])
            initial = (zero, zero)
        hidden, cell = initial
        states: list[Tensor] = []
        for from_input in fed:
            num_going_on = len(from_input)
            before = hidden[:num_going_on]
            from_state = functional.conv2d(before, self.weight_hh_l0, self.bias_hh_l0, padding="same")
            entry, forget, candidate, output = (from_input + from_state).chunk(4, dim=1)
            new_cell = forget.sigmoid() * cell[:num_going_on] + entry.sigmoid() * candidate.tanh()
            new_hidden = output.sigmoid() * new_cell.tanh()
            states.append(new_hidden)
            hidden = torch.cat([new_hidden, hidden[num_going_on:]])
            cell = torch.cat([new_cell, cell[num_going_on:]])
        return states, (hidden, cell)
