"""Gates of torch's recurrent modules: their rows in the matrices, and their activations."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from failmap.models.config import Recurrence

#: Torch's module of each recurrence.
KINDS: dict[Recurrence, type[nn.RNN | nn.GRU | nn.LSTM]] = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}

#: The gates of each kind of layer in torch's order; None is the candidate, which is no gate.
GATES: dict[type[nn.Module], tuple[str | None, ...]] = {
    nn.RNN: (),
    nn.GRU: ("reset", "update", None),
    nn.LSTM: ("input", "forget", None, "output"),
}

#: The gate that multiplies the old state (of a GRU in torch: h' = (1 - z) n + z h).
KEEPING_GATE: dict[type[nn.Module], str] = {nn.GRU: "update", nn.LSTM: "forget"}


def block_of(layer: nn.RNNBase, gate: str) -> slice:
    """Return the rows of one gate in the layer's matrices and biases."""
    index = GATES[type(layer)].index(gate)
    return slice(index * layer.hidden_size, (index + 1) * layer.hidden_size)


def directions(layer: nn.RNNBase) -> tuple[str, ...]:
    """Return the suffixes of a one-layer module's parameters: forward, then backward if it has that."""
    return ("_l0", "_l0_reverse") if layer.bidirectional else ("_l0",)


def from_inputs(
    layer: nn.RNNBase, direction: str, inputs: Float[Tensor, "*batch below"]
) -> Float[Tensor, "*batch rows"]:
    """Return W x + b, all gates of one direction together."""
    parameter = layer.get_parameter
    return functional.linear(inputs, parameter(f"weight_ih{direction}"), parameter(f"bias_ih{direction}"))


def from_states(
    layer: nn.RNNBase, direction: str, previous: Float[Tensor, "*batch hidden"]
) -> Float[Tensor, "*batch rows"]:
    """Return U h_{t-1} + c, all gates of one direction together."""
    parameter = layer.get_parameter
    return functional.linear(previous, parameter(f"weight_hh{direction}"), parameter(f"bias_hh{direction}"))


def gate_activations(
    layer: nn.Module,
    inputs: Float[Tensor, "batch time features"],
    states: Float[Tensor, "batch time hidden"],
) -> dict[str, Float[Tensor, "batch time hidden"]]:
    """Return a layer's gate activations at every time step, from its inputs and states.

    No recurrence is run again: with h_{t-1} known, all pre-activations W x_t + b + U h_{t-1} + c are two
    matrix products. LSTM: input, forget and output gate; GRU: reset and update gate; any other module: none.
    For a bidirectional layer the gates of both directions are side by side, as the states are.
    """
    names = GATES.get(type(layer), ())
    if not names or not isinstance(layer, nn.RNNBase):
        return {}
    of_directions = []
    for direction, own in zip(directions(layer), states.split(layer.hidden_size, dim=-1), strict=True):
        # A pad of -1 takes a step away.
        previous = functional.pad(own, (0, 0, -1, 1) if direction.endswith("_reverse") else (0, 0, 1, -1))
        of_directions.append(from_inputs(layer, direction, inputs) + from_states(layer, direction, previous))
    blocks = zip(*(summed.chunk(len(names), dim=-1) for summed in of_directions), strict=True)
    return {
        name: torch.sigmoid(torch.cat(block, dim=-1))
        for name, block in zip(names, blocks, strict=True)
        if name is not None
    }
