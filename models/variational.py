"""Dropout within a recurrent layer: its steps, one by one, with a mask on the recurrent state."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from failmap.models.gates import directions, from_inputs, from_states
from failmap.models.network import Inputs, Lengths


class State(NamedTuple):
    """State between two steps; only an LSTM uses the cell."""

    hidden: Float[Tensor, "batch hidden"]
    cell: Float[Tensor, "batch hidden"]


def draw_masks(
    layer: nn.RNNBase, inputs: Inputs, probability: float
) -> Float[Tensor, "directions batch hidden"]:
    """Draw masks that are zero with the given probability, and otherwise so large that the mean is one.

    One mask for each sequence and direction, the same at every step (Gal and Ghahramani 2016).
    """
    shape = (len(directions(layer)), len(inputs), layer.hidden_size)
    keep = 1 - probability
    return torch.empty(shape, device=inputs.device, dtype=inputs.dtype).bernoulli_(keep) / keep


def step_by_step(
    layer: nn.RNNBase,
    inputs: Inputs,
    lengths: Lengths = None,
    masks: Float[Tensor, "directions batch hidden"] | None = None,
) -> Float[Tensor, "batch time states"]:
    """Return a layer's states at every step; without masks, those of torch's own kernel.

    A mask is applied to h_{t-1} where it is multiplied with U. What the gates of a GRU or an LSTM carry over
    is not masked, or no memory would outlast 1 / probability steps.

    Args:
        layer: An RNN, GRU or LSTM of one layer, batch first.
        inputs: Sequences, padded at their ends.
        lengths: The length of each where they are padded; the states are zero from there on.
        masks: For each direction and sequence.
    """
    states = []
    for index, direction in enumerate(directions(layer)):
        mask = None if masks is None else masks[index]
        states.append(_one_direction(layer, direction, inputs, lengths, mask))
    return torch.cat(states, dim=-1)


def _one_direction(
    layer: nn.RNNBase,
    direction: str,
    inputs: Inputs,
    lengths: Lengths,
    mask: Float[Tensor, "batch hidden"] | None,
) -> Float[Tensor, "batch time hidden"]:
    """Return one direction's states, in temporal order."""
    num_steps = inputs.shape[1]
    step = _STEPS[type(layer)]
    ahead = from_inputs(layer, direction, inputs).unbind(1)
    is_inside = None
    if lengths is not None:
        is_inside = (torch.arange(num_steps)[:, None] < lengths).unsqueeze(-1).to(inputs)
    zero = inputs.new_zeros(len(inputs), layer.hidden_size)
    state = State(zero, zero)
    states: list[Tensor] = [zero] * num_steps
    steps = range(num_steps - 1, -1, -1) if direction.endswith("_reverse") else range(num_steps)
    for index in steps:
        before = state.hidden if mask is None else state.hidden * mask
        state = step(layer, ahead[index], from_states(layer, direction, before), state)
        if is_inside is not None:
            # So that reading backwards starts at a sequence's last step, not in its padding.
            state = State(state.hidden * is_inside[index], state.cell * is_inside[index])
        states[index] = state.hidden
    return torch.stack(states, dim=1)


def _rnn_step(layer: nn.RNNBase, from_input: Tensor, from_state: Tensor, before: State) -> State:
    """Return h' = f(W x + b + U h + c)."""
    function = torch.relu if layer.mode == "RNN_RELU" else torch.tanh
    return State(function(from_input + from_state), before.cell)


def _gru_step(_: nn.RNNBase, from_input: Tensor, from_state: Tensor, before: State) -> State:
    """Return h' = (1 - z) n + z h with n = tanh(W x + b + r (U h + c)), in torch's notation."""
    reset_input, update_input, new_input = from_input.chunk(3, dim=-1)
    reset_state, update_state, new_state = from_state.chunk(3, dim=-1)
    reset = torch.sigmoid(reset_input + reset_state)
    update = torch.sigmoid(update_input + update_state)
    new = torch.tanh(new_input + reset * new_state)
    return State((1 - update) * new + update * before.hidden, before.cell)


def _lstm_step(_: nn.RNNBase, from_input: Tensor, from_state: Tensor, before: State) -> State:
    """Return c' = f c + i g and h' = o tanh(c')."""
    opened, kept, candidate, shown = (from_input + from_state).chunk(4, dim=-1)
    cell = torch.sigmoid(kept) * before.cell + torch.sigmoid(opened) * torch.tanh(candidate)
    return State(torch.sigmoid(shown) * torch.tanh(cell), cell)


#: From W x_t + b, U h_{t-1} + c and the state before, the state after.
_STEPS: dict[type[nn.Module], Callable[[nn.RNNBase, Tensor, Tensor, State], State]] = {
    nn.RNN: _rnn_step,
    nn.GRU: _gru_step,
    nn.LSTM: _lstm_step,
}
