"""A control that sees a fixed stretch of the past: causal, dilated convolutions."""

from itertools import pairwise

from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn import functional

from failmap.models.config import ConvolutionConfig
from failmap.models.layouts import states_to_read, with_blank_steps
from failmap.models.network import Interface, LayerTrace, Network, Teacher, Trace, named_layers


class CausalBlock(nn.Module):
    """One dilated convolution over the present and the past, ReLU, and what came in added to it.

    Bai et al. (2018) have two convolutions in a block; one keeps `depth` comparable with recurrent layers.
    """

    def __init__(self, input_size: int, output_size: int, kernel_size: int, dilation: int) -> None:
        super().__init__()
        self.reach = (kernel_size - 1) * dilation
        self.convolution = nn.Conv1d(input_size, output_size, kernel_size, dilation=dilation)
        self.shortcut = nn.Identity() if input_size == output_size else nn.Linear(input_size, output_size)

    def forward(self, inputs: Float[Tensor, "batch time below"]) -> Float[Tensor, "batch time above"]:
        """The same number of steps; step t depends on none after t."""
        past = functional.pad(inputs.transpose(1, 2), (self.reach, 0))
        outputs: Tensor = functional.relu(self.convolution(past)).transpose(1, 2) + self.shortcut(inputs)
        return outputs


class ConvolutionNetwork(Network):
    """`depth` causal blocks whose dilation doubles, and a linear readout.

    An output sees the last 1 + (kernel_size - 1) x (2^depth - 1) steps: 7 of them at depth 2, 63 at depth 5
    with a kernel of 3. What lies before is out of its reach, whatever the training.
    """

    def __init__(self, config: ConvolutionConfig, interface: Interface) -> None:
        super().__init__()
        self.interface = interface
        self.widths = (interface.input_size, *[config.hidden_size] * config.depth)
        self.layers = nn.ModuleList(
            CausalBlock(below, above, config.kernel_size, 2**index)
            for index, (below, above) in enumerate(pairwise(self.widths))
        )
        self.dropout = nn.Dropout(config.dropout)
        self.readout = nn.Linear(config.hidden_size, interface.output_size)

    def trace(
        self,
        inputs: Float[Tensor, "batch time features"],
        lengths: Int64[Tensor, "batch"] | None = None,
        teacher: Teacher | None = None,
    ) -> Trace:
        """One pass; dropout comes between the blocks."""
        below = with_blank_steps(inputs, self.interface)
        layers: list[LayerTrace] = []
        for index, layer in enumerate(self.layers):
            above = layer(below)
            layers.append(LayerTrace(f"layers.{index}", layer, below, above, above))
            below = self.dropout(above)
        top = layers[-1].states
        return Trace(self.readout(states_to_read(top, lengths, self.interface)), layers)

    def parts(self) -> dict[str, nn.Module]:
        """The blocks, and the readout."""
        return {**named_layers(self.layers), "readout": self.readout}

    def state_entries(self, num_steps: int) -> int:
        """All states of all blocks."""
        return (num_steps + sum(self.interface.decoded_steps)) * sum(self.widths[1:])
