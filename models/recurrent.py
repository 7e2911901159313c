"""Stacks of recurrent layers on torch's own kernels, with a linear readout."""

from itertools import pairwise

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from models.config import LSTMConfig, RecurrentConfig, RNNConfig
from models.network import Interface, LayerTrace, Network, Teacher, Trace

#: The gates of each kind of layer in torch's order; None stands for the candidate, which is no gate.
GATES: dict[type[nn.Module], tuple[str | None, ...]] = {
    nn.RNN: (),
    nn.GRU: ("reset", "update", None),
    nn.LSTM: ("input", "forget", None, "output"),
}


class RecurrentNetwork(Network):
    """`depth` recurrent layers, one above the other, and a linear readout.

    Each layer is a one-layer `nn.RNN`, `nn.GRU` or `nn.LSTM`: as fast as one module of several layers (2 % on
    a CPU), and every layer's states can be looked at.

    Args:
        config: kind, depth, width, dropout.
        interface: what goes in and out.
    """

    def __init__(self, config: RecurrentConfig, interface: Interface) -> None:
        super().__init__()
        self.interface = interface
        self.widths = config.layer_widths
        widths = [interface.input_size, *self.widths]
        self.layers = nn.ModuleList(_layer(config, below, above) for below, above in pairwise(widths))
        self.dropout = nn.Dropout(config.dropout)
        self.readout = nn.Linear(widths[-1], interface.output_size)

    def trace(
        self,
        inputs: Float[Tensor, "batch time features"],
        lengths: Int64[Tensor, "batch"] | None = None,
        teacher: Teacher | None = None,
    ) -> Trace:
        """One pass; dropout comes between the layers."""
        layers: list[LayerTrace] = []
        below = inputs
        for name, layer in self._named_layers():
            above, _ = layer(below)
            layers.append(LayerTrace(name, layer, below, above))
            below = self.dropout(above)
        top = layers[-1].states
        outputs = self.readout(top if self.interface.layout == "step" else top[:, -1])
        return Trace(outputs, layers)

    def parts(self) -> dict[str, nn.Module]:
        """The layers, and the readout."""
        return {**dict(self._named_layers()), "readout": self.readout}

    def state_entries(self, num_steps: int) -> int:
        """All states of all layers."""
        return num_steps * sum(self.widths)

    def _named_layers(self) -> list[tuple[str, nn.Module]]:
        return [(f"layers.{index}", layer) for index, layer in enumerate(self.layers)]


def gate_activations(
    layer: nn.Module,
    inputs: Float[Tensor, "batch time features"],
    states: Float[Tensor, "batch time hidden"],
) -> dict[str, Float[Tensor, "batch time hidden"]]:
    """A layer's gates at every time step, from the states that it went through.

    No recurrence is run again: with h_{t-1} known, all pre-activations W x_t + b + U h_{t-1} + c are two
    matrix products. LSTM: input, forget and output gate; GRU: reset and update gate; plain RNN: none.
    """
    names = GATES.get(type(layer), ())
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
