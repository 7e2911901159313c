"""Controls: networks without recurrence, which separate hard tasks from failing recurrence."""

import math
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from failmap.models.config import AttentionConfig, ConvolutionConfig, MLPConfig
from failmap.models.network import Inputs, Interface, LayerTrace, Lengths, StackedNetwork, Teacher, Trace

#: Units of a layer's inner part for each unit of its width (Vaswani et al. 2017).
_INNER_FACTOR = 4


class MLP(StackedNetwork):
    """`depth` linear layers with ReLU on all steps at once, and a linear readout.

    Shorter sequences are padded with zeros. No output at every step, since that would see the future.
    """

    def __init__(self, config: MLPConfig, interface: Interface) -> None:
        super().__init__()
        self.interface = interface
        self.widths = (interface.num_steps * interface.input_size, *[config.hidden_size] * config.depth)
        self.layers = nn.ModuleList(nn.Linear(below, above) for below, above in pairwise(self.widths))
        self.dropout = nn.Dropout(config.dropout)
        self.readout = nn.Linear(config.hidden_size, (interface.num_blanks + 1) * interface.output_size)

    def trace(self, inputs: Inputs, lengths: Lengths = None, teacher: Teacher | None = None) -> Trace:
        """Run one pass. A layer's states count as one step."""
        missing = self.interface.num_steps - inputs.shape[1]
        below = functional.pad(inputs, (0, 0, 0, missing)).flatten(1)
        layers: list[LayerTrace] = []
        for index, layer in enumerate(self.layers):
            above = functional.relu(layer(below))
            states = above[:, None]
            layers.append(
                LayerTrace(f"layers.{index}", layer, below[:, None], states, states, follows_inputs=False)
            )
            below = self.dropout(above)
        outputs: Tensor = self.readout(below)
        if self.interface.layout == "decoded":
            outputs = outputs.unflatten(1, (-1, self.interface.output_size))
        return Trace(outputs, layers)

    def state_entries(self, num_steps: int) -> int:
        """Return the size of the flattened input, and of each layer."""
        return num_steps * self.interface.input_size + sum(self.widths[1:])


class CausalBlock(nn.Module):
    """One dilated convolution over the present and the past, ReLU, and a residual connection.

    Bai et al. (2018) have two convolutions in a block; one keeps `depth` comparable with recurrent layers.
    """

    def __init__(self, input_size: int, output_size: int, kernel_size: int, dilation: int) -> None:
        super().__init__()
        self.reach = (kernel_size - 1) * dilation
        self.convolution = nn.Conv1d(input_size, output_size, kernel_size, dilation=dilation)
        self.shortcut = nn.Identity() if input_size == output_size else nn.Linear(input_size, output_size)

    def forward(self, inputs: Float[Tensor, "batch time below"]) -> Float[Tensor, "batch time above"]:
        """Return as many steps as given; step t depends on none after t."""
        past = functional.pad(inputs.transpose(1, 2), (self.reach, 0))
        outputs: Tensor = functional.relu(self.convolution(past)).transpose(1, 2) + self.shortcut(inputs)
        return outputs


class ConvolutionNetwork(StackedNetwork):
    """`depth` causal blocks whose dilation doubles, and a linear readout.

    An output sees the last 1 + (kernel_size - 1) x (2^depth - 1) steps: 7 of them at depth 2, 63 at depth 5
    with a kernel of 3. Earlier steps are out of reach, whatever the training.
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

    def trace(self, inputs: Inputs, lengths: Lengths = None, teacher: Teacher | None = None) -> Trace:
        """Run one pass, with dropout between the blocks."""
        below = self.with_blank_steps(inputs)
        layers: list[LayerTrace] = []
        for index, layer in enumerate(self.layers):
            above = layer(below)
            layers.append(LayerTrace(f"layers.{index}", layer, below, above, above))
            below = self.dropout(above)
        return Trace(self.readout(self.states_to_read(layers[-1].states, lengths)), layers)

    def state_entries(self, num_steps: int) -> int:
        """Return the number of states of all blocks."""
        return (num_steps + sum(self.interface.decoded_steps)) * sum(self.widths[1:])


class AttentionNetwork(StackedNetwork):
    """A linear map of each step, sinusoidal positions, `depth` Transformer layers, and a linear readout.

    Layers are normalised before their parts (Xiong et al. 2020), which trains without a warm-up. A step sees
    all of its sequence, but only the past where there is an output at every step or after the input.
    """

    def __init__(self, config: AttentionConfig, interface: Interface) -> None:
        super().__init__()
        self.interface = interface
        self.config = config
        size = config.hidden_size
        self.embedding = nn.Linear(interface.input_size, size)
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(
                size, config.heads, _INNER_FACTOR * size, config.dropout, batch_first=True, norm_first=True
            )
            for _ in range(config.depth)
        )
        self.readout = nn.Sequential(nn.LayerNorm(size), nn.Linear(size, interface.output_size))

    def trace(self, inputs: Inputs, lengths: Lengths = None, teacher: Teacher | None = None) -> Trace:
        """Run one pass."""
        shown = self.with_blank_steps(inputs)
        num_steps, device = shown.shape[1], shown.device
        below = self.embedding(shown) + positions(num_steps, self.config.hidden_size).to(device)
        mask = self._hidden_steps(num_steps, lengths, device)
        layers: list[LayerTrace] = []
        for index, layer in enumerate(self.layers):
            above = layer(below, **mask)
            layers.append(LayerTrace(f"layers.{index}", layer, below, above, above))
            below = above
        return Trace(self.readout(self.states_to_read(below, lengths)), layers)

    def parts(self) -> dict[str, nn.Module]:
        """Return the embedding, the layers and the readout."""
        return {"embedding": self.embedding, **super().parts()}

    def state_entries(self, num_steps: int) -> int:
        """Return the size of all states, inner parts, and attention weights between steps."""
        steps = num_steps + sum(self.interface.decoded_steps)
        widths = self.config.hidden_size * (1 + _INNER_FACTOR) + steps * self.config.heads
        return self.config.depth * steps * widths

    def _hidden_steps(self, num_steps: int, lengths: Lengths, device: torch.device) -> dict[str, Tensor]:
        """Return the mask of what no step may see: the future, or padding."""
        if self.interface.layout != "sequence":
            later = torch.ones(num_steps, num_steps, dtype=torch.bool, device=device).triu(diagonal=1)
            return {"src_mask": later}
        if lengths is None:
            return {}
        return {"src_key_padding_mask": (torch.arange(num_steps) >= lengths[:, None]).to(device)}


def positions(num_steps: int, size: int) -> Float[Tensor, "time size"]:
    """Return sines and cosines of geometrically falling frequencies (Vaswani et al. 2017, section 3.5)."""
    step = torch.arange(num_steps).unsqueeze(1)
    frequency = torch.exp(torch.arange(0, size, 2) * (-math.log(10_000.0) / size))
    waves = torch.stack((torch.sin(step * frequency), torch.cos(step * frequency)), dim=-1)
    return waves.flatten(1)[:, :size]
