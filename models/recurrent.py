"""Stacks of recurrent layers on torch's own kernels, with a linear readout."""

from collections.abc import Mapping
from typing import cast

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from failmap.models.config import RecurrentConfig
from failmap.models.initialization import initialize
from failmap.models.layers import RecurrentLayer
from failmap.models.network import (
    Interface,
    LayerTrace,
    Network,
    Teacher,
    Trace,
    named_layers,
    states_to_read,
    with_blank_steps,
)


class RecurrentNetwork(Network):
    """`depth` recurrent layers, one above the other, and a linear readout.

    Each layer is a one-layer `nn.RNN`, `nn.GRU` or `nn.LSTM`: as fast as one module of several layers (2 % on
    a CPU), and every layer's states can be looked at.

    Args:
        config: Kind, depth, widths, and what stands around the layers.
        interface: What goes in and out.

    Attributes:
        num_reused_layers: Lower layers that began with the weights of another network.
    """

    def __init__(self, config: RecurrentConfig, interface: Interface) -> None:
        super().__init__()
        self.interface = interface
        self.num_blanks = max(sum(interface.decoded_steps) - 1, 0)
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
        initialize(recurrences, self.readout, config, interface.num_steps + self.num_blanks)
        for layer in self._layers()[: config.frozen_layers]:
            layer.freeze()
        self.num_reused_layers = 0

    def trace(
        self,
        inputs: Float[Tensor, "batch time features"],
        lengths: Int64[Tensor, "batch"] | None = None,
        teacher: Teacher | None = None,
    ) -> Trace:
        """Run one pass. Decoded outputs are read at blank steps after the input."""
        below = with_blank_steps(inputs, self.interface)
        num_inside = None if lengths is None else lengths + self.num_blanks
        layers: list[LayerTrace] = []
        passed_on: list[Tensor] = []
        for index, layer in enumerate(self._layers()):
            layer_pass = layer(below, num_inside)
            traced = LayerTrace(f"layers.{index}", layer.recurrence, *layer_pass)
            layers.append(traced._replace(is_bounded=layer.recurrence.mode != "RNN_RELU"))
            below = layer_pass.outputs
            passed_on.append(below)
        seen = passed_on if self.reads_all_layers else passed_on[-1:]
        read = [self._to_read(outputs, lengths) for outputs in seen]
        return Trace(self.readout(torch.cat(read, dim=-1) if len(read) > 1 else read[0]), layers)

    def parts(self) -> dict[str, nn.Module]:
        """Return the layers, each with its norm and its bypass, and the readout."""
        return {**named_layers(self.layers), "readout": self.readout}

    def state_entries(self, num_steps: int) -> int:
        """Return the number of states of all layers, blank steps included."""
        return (num_steps + self.num_blanks) * sum(self.widths)

    def _layers(self) -> list[RecurrentLayer]:
        return [cast(RecurrentLayer, layer) for layer in self.layers]

    def _to_read(
        self, outputs: Float[Tensor, "batch longer hidden"], lengths: Int64[Tensor, "batch"] | None
    ) -> Float[Tensor, "batch *label hidden"]:
        """Return the part of a layer's outputs that the readout sees.

        For one output a sequence, that is where each direction ends: the one that reads backwards has seen
        all of the sequence at its first step.
        """
        if self.bidirectional and self.interface.layout == "sequence":
            forward, backward = outputs.chunk(2, dim=-1)
            return torch.cat([states_to_read(forward, lengths, self.interface), backward[:, 0]], dim=-1)
        return states_to_read(outputs, lengths, self.interface)


def reuse_layers(network: RecurrentNetwork, stored: Mapping[str, Tensor]) -> None:
    """Copy stored layers from the bottom up, as far as they fit, and count them.

    A layer fits if all of its tensors are stored, no other ones, and each in the shape it has here. The first
    that does not ends the copying. The readout is never copied.

    Args:
        network: What to copy into; its `num_reused_layers` says how many layers there were.
        stored: Tensors by name, as in a network's `state_dict()`.

    Raises:
        ValueError: Not even the lowest layer fits; the message says what is stored and what is wanted.
    """
    count = 0
    for index in range(len(network.layers)):
        ours, theirs = _tensors(network.state_dict(), index), _tensors(stored, index)
        if _shapes(ours) != _shapes(theirs):
            break
        with torch.no_grad():
            for name, tensor in ours.items():
                tensor.copy_(theirs[name])
        count += 1
    if not count:
        wanted, found = (_told(_tensors(tensors, 0)) for tensors in (network.state_dict(), stored))
        raise ValueError(f"no lower layer fits: layers.0 is {wanted} here, and {found} there")
    network.num_reused_layers = count


def _tensors(tensors: Mapping[str, Tensor], index: int) -> dict[str, Tensor]:
    """Return the tensors of one layer by their names within it."""
    prefix = f"layers.{index}."
    return {name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)}


def _shapes(tensors: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in tensors.items()}


def _told(tensors: Mapping[str, Tensor]) -> str:
    """Describe a layer's tensors in one line."""
    shapes = _shapes(tensors).items()
    return ", ".join(f"{name} {'x'.join(map(str, shape))}" for name, shape in shapes) or "missing"
