"""Stacks of recurrent layers on torch's own kernels, with a linear readout."""

from collections.abc import Mapping
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from failmap.models.config import RecurrentConfig
from failmap.models.initialization import initialize
from failmap.models.layers import RecurrentLayer
from failmap.models.network import Inputs, Interface, LayerTrace, Lengths, StackedNetwork, Teacher, Trace


class RecurrentNetwork(StackedNetwork):
    """`depth` recurrent layers, one above the other, and a linear readout.

    Each layer is a one-layer `nn.RNN`, `nn.GRU` or `nn.LSTM`: as fast as one module of several layers (2 % on
    a CPU), and the states of every layer are accessible.

    Args:
        config: Kind, depth and widths, norms, bypasses and dropout.
        interface: Inputs and outputs.

    Attributes:
        num_reused_layers: Lower layers that began with the weights of another network.
    """

    def __init__(self, config: RecurrentConfig, interface: Interface) -> None:
        super().__init__()
        self.interface = interface
        self.bidirectional = config.bidirectional
        self.reads_all_layers = config.readout_from == "all"
        self.widths = [width * (1 + config.bidirectional) for width in config.layer_widths]
        self.layers = nn.ModuleList(
            RecurrentLayer(config, below, units, is_lowest=index == 0)
            for index, (below, units) in enumerate(
                zip([interface.input_size, *self.widths[:-1]], config.layer_widths, strict=True)
            )
        )
        read = sum(self.widths) if self.reads_all_layers else self.widths[-1]
        self.readout = nn.Linear(read, interface.output_size)
        recurrences = [layer.recurrence for layer in self._layers()]
        initialize(recurrences, self.readout, config, interface.num_steps + interface.num_blanks)
        for layer in self._layers()[: config.frozen_layers]:
            layer.freeze()
        self.num_reused_layers = 0

    def trace(self, inputs: Inputs, lengths: Lengths = None, teacher: Teacher | None = None) -> Trace:
        """Run one pass. Decoded outputs are read at blank steps after the input."""
        below = self.with_blank_steps(inputs)
        num_inside = None if lengths is None else lengths + self.interface.num_blanks
        layers: list[LayerTrace] = []
        for index, layer in enumerate(self._layers()):
            passed = layer(below, num_inside)
            traced = LayerTrace(f"layers.{index}", layer.recurrence, *passed)
            layers.append(traced._replace(is_bounded=layer.recurrence.mode != "RNN_RELU"))
            below = passed.outputs
        seen = layers if self.reads_all_layers else layers[-1:]
        read = [self.states_to_read(layer.outputs, lengths) for layer in seen]
        return Trace(self.readout(torch.cat(read, dim=-1) if len(read) > 1 else read[0]), layers)

    def state_entries(self, num_steps: int) -> int:
        """Return the number of states of all layers, blank steps included."""
        return (num_steps + self.interface.num_blanks) * sum(self.widths)

    def _layers(self) -> list[RecurrentLayer]:
        return [cast(RecurrentLayer, layer) for layer in self.layers]

    def states_to_read(
        self, states: Float[Tensor, "batch longer hidden"], lengths: Lengths
    ) -> Float[Tensor, "batch *label hidden"]:
        """Return the states of a layer that the readout sees (see `StackedNetwork.states_to_read`).

        For one output a sequence, these are the last of each direction: the one that reads backwards has
        seen all of the sequence at its first step.
        """
        if self.bidirectional and self.interface.layout == "sequence":
            forward, backward = states.chunk(2, dim=-1)
            return torch.cat([super().states_to_read(forward, lengths), backward[:, 0]], dim=-1)
        return super().states_to_read(states, lengths)


@torch.no_grad()
def reuse_layers(network: RecurrentNetwork, stored: Mapping[str, Tensor]) -> None:
    """Copy stored layers from the bottom up, as far as they fit, and count them.

    A layer fits if exactly its tensors are stored, each in the shape it has here. The first that does not
    ends the copying. The readout is never copied.

    Args:
        network: The network to copy into; sets its `num_reused_layers`.
        stored: Tensors by name, as in a network's `state_dict()`.

    Raises:
        ValueError: Not even the lowest layer fits; the message says what is stored and what is wanted.
    """
    network.num_reused_layers = 0
    for index, layer in enumerate(network.layers):
        prefix = f"layers.{index}."
        theirs = {name.removeprefix(prefix): t for name, t in stored.items() if name.startswith(prefix)}
        ours = layer.state_dict()
        wanted, found = _shapes(ours), _shapes(theirs)
        if wanted != found and index == 0:
            here, there = (", ".join(f"{name} {shape}" for name, shape in s.items()) for s in (wanted, found))
            raise ValueError(f"no lower layer fits: layers.0 is {here} here, and {there or 'missing'} there")
        if wanted != found:
            return
        for name, tensor in ours.items():
            tensor.copy_(theirs[name])
        network.num_reused_layers += 1


def _shapes(tensors: Mapping[str, Tensor]) -> dict[str, str]:
    return {name: "x".join(map(str, tensor.shape)) for name, tensor in tensors.items()}
