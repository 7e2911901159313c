"""Initializations of recurrent layers, by name."""

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor, nn

from failmap.models.config import GRUConfig, LSTMConfig, RecurrentConfig
from failmap.models.gates import block_of, directions


def initialize(
    layers: Sequence[nn.RNNBase], readout: nn.Linear, config: RecurrentConfig, num_steps: int
) -> None:
    """Draw the configured initial weights from torch's global generator.

    The matrix of each gate is drawn for itself; biases are zero, except where a gate has its own rule. The
    readout is drawn as input weights are. `torch` draws nothing: the layers stay as torch made them.

    Args:
        layers: From the bottom up.
        readout: Makes the outputs.
        config: Names the initialization, and the biases of the gates.
        num_steps: Steps of the longest pass, which chrono biases are made for.
    """
    if config.initialization == "uniform":
        for module in (*layers, readout):
            _fill_uniformly(module, config.uniform_range)
    elif config.initialization != "torch":
        for layer in layers:
            _fill_by_gate(layer, *WEIGHTS[config.initialization])
        WEIGHTS[config.initialization][0](readout.weight)
        nn.init.zeros_(readout.bias)
    for layer in layers:
        if isinstance(config, LSTMConfig | GRUConfig) and config.chrono:
            set_chrono_biases(layer, num_steps)
        if isinstance(config, LSTMConfig) and config.forget_bias is not None:
            set_gate_bias(layer, "forget", config.forget_bias)


@torch.no_grad()
def set_gate_bias(layer: nn.RNNBase, gate: str, value: float | Tensor) -> None:
    """Set the sum of a gate's two biases, in every direction."""
    rows = block_of(layer, gate)
    for direction in directions(layer):
        layer.get_parameter(f"bias_ih{direction}")[rows] = value
        layer.get_parameter(f"bias_hh{direction}")[rows] = 0.0


def set_chrono_biases(layer: nn.RNNBase, num_steps: int) -> None:
    """Set biases for memories of every length up to `num_steps` (Tallec and Ollivier 2018, section 2.3).

    LSTM: b_forget ~ log U(1, T - 1) and b_input = -b_forget. GRU: the gate that keeps takes the same biases;
    it is `update` in torch, whose sense is the opposite of the paper's. T below 3 leaves no room: the biases
    are 0 then. Both directions of a layer get the same ones.
    """
    longest = max(num_steps - 1, 1)
    biases = torch.empty(layer.hidden_size).uniform_(1.0, longest).log()
    if isinstance(layer, nn.GRU):
        set_gate_bias(layer, "update", biases)
    else:
        set_gate_bias(layer, "forget", biases)
        set_gate_bias(layer, "input", -biases)


@torch.no_grad()
def _fill_uniformly(module: nn.Module, half_width: float) -> None:
    """Draw all weights and biases from U(-half_width, half_width), as in Sutskever et al. (2014)."""
    for parameter in module.parameters():
        parameter.uniform_(-half_width, half_width)


@torch.no_grad()
def _fill_by_gate(
    layer: nn.RNNBase, fill_input: Callable[[Tensor], object], fill_recurrent: Callable[[Tensor], object]
) -> None:
    """Fill the matrices gate by gate; biases are zero."""
    for direction in directions(layer):
        for which, fill in (("ih", fill_input), ("hh", fill_recurrent)):
            for block in layer.get_parameter(f"weight_{which}{direction}").split(layer.hidden_size):
                fill(block)
            layer.get_parameter(f"bias_{which}{direction}").zero_()


#: Draws from N(0, 2 / fan-in).
_he_normal = partial(nn.init.kaiming_normal_, nonlinearity="relu")
#: How input and recurrent weights are drawn (Glorot and Bengio 2010; He et al. 2015; Saxe et al. 2014; Le et
#: al. 2015).
WEIGHTS: dict[str, tuple[Callable[[Tensor], object], Callable[[Tensor], object]]] = {
    "glorot": (nn.init.xavier_uniform_, nn.init.xavier_uniform_),
    "he": (_he_normal, _he_normal),
    "orthogonal": (nn.init.xavier_uniform_, nn.init.orthogonal_),
    "identity": (nn.init.xavier_uniform_, nn.init.eye_),
}
