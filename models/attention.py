"""A control that sees every step directly: a small Transformer encoder."""

import math

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from failmap.models.config import AttentionConfig
from failmap.models.layouts import states_to_read, with_blank_steps
from failmap.models.network import Interface, LayerTrace, Network, Teacher, Trace, named_layers

#: Units of a layer's inner part for each unit of its width (Vaswani et al. 2017).
_INNER_FACTOR = 4


class AttentionNetwork(Network):
    """A linear map of each step, sinusoidal positions, `depth` Transformer layers, and a linear readout.

    Layers are normalised before their parts (Xiong et al. 2020), which trains without a warm-up. A step sees
    all of its sequence, but only the past where outputs stand at every step or come after the input.
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

    def trace(
        self,
        inputs: Float[Tensor, "batch time features"],
        lengths: Int64[Tensor, "batch"] | None = None,
        teacher: Teacher | None = None,
    ) -> Trace:
        """One pass."""
        shown = with_blank_steps(inputs, self.interface)
        num_steps, device = shown.shape[1], shown.device
        below = self.embedding(shown) + positions(num_steps, self.config.hidden_size).to(device)
        hidden = self._hidden_steps(num_steps, lengths, device)
        layers: list[LayerTrace] = []
        for index, layer in enumerate(self.layers):
            above = layer(below, **hidden)
            layers.append(LayerTrace(f"layers.{index}", layer, below, above, above))
            below = above
        return Trace(self.readout(states_to_read(below, lengths, self.interface)), layers)

    def parts(self) -> dict[str, nn.Module]:
        """The embedding, the layers, and the readout."""
        return {"embedding": self.embedding, **named_layers(self.layers), "readout": self.readout}

    def state_entries(self, num_steps: int) -> int:
        """All states of all layers, their inner parts, and the attention of every step to every other."""
        steps = num_steps + sum(self.interface.decoded_steps)
        widths = self.config.hidden_size * (1 + _INNER_FACTOR) + steps * self.config.heads
        return self.config.depth * steps * widths

    def _hidden_steps(
        self, num_steps: int, lengths: Int64[Tensor, "batch"] | None, device: torch.device
    ) -> dict[str, Tensor]:
        """What no step may see: the future, or the steps that only fill a sequence up."""
        if self.interface.layout != "sequence":
            later = torch.ones(num_steps, num_steps, dtype=torch.bool, device=device).triu(diagonal=1)
            return {"src_mask": later}
        if lengths is None:
            return {}
        return {"src_key_padding_mask": (torch.arange(num_steps) >= lengths[:, None]).to(device)}


def positions(num_steps: int, size: int) -> Float[Tensor, "time size"]:
    """Sines and cosines of geometrically falling frequencies (Vaswani et al. 2017, section 3.5)."""
    step = torch.arange(num_steps).unsqueeze(1)
    frequency = torch.exp(torch.arange(0, size, 2) * (-math.log(10_000.0) / size))
    waves = torch.stack((torch.sin(step * frequency), torch.cos(step * frequency)), dim=-1)
    return waves.flatten(1)[:, :size]
