"""A control without time: linear layers on the flattened sequence."""

from itertools import pairwise

from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn import functional

from failmap.models.config import MLPConfig
from failmap.models.network import Interface, LayerTrace, Network, Teacher, Trace, named_layers


class MLP(Network):
    """`depth` linear layers with ReLU on all steps at once, and a linear readout.

    Shorter sequences are filled up with zeros. It has no output at every step, for it would see the future.
    """

    def __init__(self, config: MLPConfig, interface: Interface) -> None:
        super().__init__()
        self.interface = interface
        self.widths = (interface.num_steps * interface.input_size, *[config.hidden_size] * config.depth)
        self.layers = nn.ModuleList(nn.Linear(below, above) for below, above in pairwise(self.widths))
        self.dropout = nn.Dropout(config.dropout)
        num_outputs = max(sum(interface.decoded_steps), 1) * interface.output_size
        self.readout = nn.Linear(config.hidden_size, num_outputs)

    def trace(
        self,
        inputs: Float[Tensor, "batch time features"],
        lengths: Int64[Tensor, "batch"] | None = None,
        teacher: Teacher | None = None,
    ) -> Trace:
        """One pass. A layer's states count as one step."""
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

    def parts(self) -> dict[str, nn.Module]:
        """The layers, and the readout."""
        return {**named_layers(self.layers), "readout": self.readout}

    def state_entries(self, num_steps: int) -> int:
        """The flattened input, and each layer's units."""
        return num_steps * self.interface.input_size + sum(self.widths[1:])
