"""Stacks of recurrent layers on torch's own kernels, with a linear readout."""

from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn

from models.config import LSTMConfig, RecurrentConfig, RNNConfig

#: The gates of each kind of layer in torch's order; None stands for the candidate, which is no gate.
GATES: dict[type[nn.Module], tuple[str | None, ...]] = {
    nn.RNN: (),
    nn.GRU: ("reset", "update", None),
    nn.LSTM: ("input", "forget", None, "output"),
}


class RecurrentNetwork(nn.Module):
    """`depth` recurrent layers, one above the other, and a linear readout.

    Each layer is a one-layer `nn.RNN`, `nn.GRU` or `nn.LSTM`: as fast as one module of several layers (2 % on
    a CPU), and every layer's states can be looked at.

    Args:
        config: kind, depth, width, dropout.
        input_size: features of one time step.
        output_size: outputs of the readout.
        every_step: read out at every time step instead of at the last one only.
    """

    def __init__(
        self, config: RecurrentConfig, input_size: int, output_size: int, *, every_step: bool
    ) -> None:
        super().__init__()
        self.every_step = every_step
        widths = [input_size] + [config.hidden_size] * config.depth
        self.layers = nn.ModuleList(_layer(config, below, above) for below, above in pairwise(widths))
        self.dropout = nn.Dropout(config.dropout)
        self.readout = nn.Linear(config.hidden_size, output_size)

    def hidden_states(
        self, inputs: Float[Tensor, "batch time features"]
    ) -> list[Float[Tensor, "batch time hidden"]]:
        """Every layer's states at every time step, from the lowest layer up; dropout comes between them."""
        states: list[Tensor] = []
        below = inputs
        for layer in self.layers:
            above, _ = layer(below)
            states.append(above)
            below = self.dropout(above)
        return states

    def read(self, top: Float[Tensor, "batch time hidden"]) -> Float[Tensor, "batch *time outputs"]:
        """The readout of the top layer's states, at every step or at the last."""
        outputs: Tensor = self.readout(top if self.every_step else top[:, -1])
        return outputs

    def forward(self, inputs: Float[Tensor, "batch time features"]) -> Float[Tensor, "batch *time outputs"]:
        """The readout at every step, or at the last."""
        return self.read(self.hidden_states(inputs)[-1])


def gate_activations(
    layer: nn.Module,
    inputs: Float[Tensor, "batch time features"],
    states: Float[Tensor, "batch time hidden"],
) -> dict[str, Float[Tensor, "batch time hidden"]]:
    """A layer's gates at every time step, from the states that it went through.

    No recurrence is run again: with h_{t-1} known, all pre-activations W x_t + b + U h_{t-1} + c are two
    matrix products. LSTM: input, forget and output gate; GRU: reset and update gate; plain RNN: none.
    """
    names = GATES[type(layer)]
    if not names:
        return {}
    previous = torch.cat([torch.zeros_like(states[:, :1]), states[:, :-1]], dim=1)
    from_inputs = _linear(layer, "ih", inputs).chunk(len(names), dim=-1)
    from_states = _linear(layer, "hh", previous).chunk(len(names), dim=-1)
    return {
        name: torch.sigmoid(from_input + from_state)
        for name, from_input, from_state in zip(names, from_inputs, from_states, strict=True)
        if name is not None
    }


def _linear(layer: nn.Module, which: str, values: Tensor) -> Tensor:
    """A layer's affine map of its inputs (ih) or of its previous states (hh), all gates together."""
    return nn.functional.linear(
        values, layer.get_parameter(f"weight_{which}_l0"), layer.get_parameter(f"bias_{which}_l0")
    )


def _layer(config: RecurrentConfig, input_size: int, hidden_size: int) -> nn.RNNBase:
    """One recurrent layer, batch first."""
    if isinstance(config, RNNConfig):
        return nn.RNN(input_size, hidden_size, nonlinearity=config.nonlinearity, batch_first=True)
    if isinstance(config, LSTMConfig):
        lstm = nn.LSTM(input_size, hidden_size, batch_first=True)
        if config.forget_bias is not None:
            _set_forget_bias(lstm, config.forget_bias)
        return lstm
    return nn.GRU(input_size, hidden_size, batch_first=True)


@torch.no_grad()
def _set_forget_bias(lstm: nn.LSTM, value: float) -> None:
    """Sets the sum of the forget gate's two biases (torch orders the gates input, forget, cell, output)."""
    forget = slice(lstm.hidden_size, 2 * lstm.hidden_size)
    lstm.get_parameter("bias_ih_l0")[forget] = value
    lstm.get_parameter("bias_hh_l0")[forget] = 0.0
