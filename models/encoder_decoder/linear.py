"""The encoder-decoder of Srivastava et al. (2015): recurrent layers between linear ones."""

from itertools import pairwise

from torch import nn

from failmap.models.config import EncoderDecoderConfig
from failmap.models.encoder_decoder.network import Blueprint, DecodingNetwork
from failmap.models.gates import KINDS
from failmap.models.initialization import set_gate_bias
from failmap.models.network import Interface


class EncoderDecoder(DecodingNetwork):
    """Torch's recurrent layers, with linear layers and ReLU between them and the frames.

    Args:
        config: Kind and number of layers on each side, and their sizes.
        interface: Inputs and outputs.
    """

    def __init__(self, config: EncoderDecoderConfig, interface: Interface) -> None:
        super().__init__(config, interface, LinearBlueprint(config, interface.output_size))


class LinearBlueprint(Blueprint):
    """Factory of linear layers on flattened frames, and recurrent ones in between."""

    def __init__(self, config: EncoderDecoderConfig, output_size: int) -> None:
        self.config = config
        self.output_size = output_size
        self.linear_size = config.linear_size or config.hidden_size
        self.state_shape = (config.hidden_size,)

    def frame_map(self, frame_size: int) -> tuple[nn.Module, tuple[int, ...]]:
        """Build none, one or two linear layers."""
        sizes = [frame_size, *[self.linear_size] * self.config.input_layers]
        return linear_layers(sizes), (sizes[-1],)

    def layer(self, below: int) -> nn.Module:
        """Build one of torch's layers, with the configured forget bias."""
        layer = KINDS[self.config.recurrence](below, self.config.hidden_size, batch_first=True)
        if self.config.forget_bias is not None:
            set_gate_bias(layer, "forget", self.config.forget_bias)
        return layer

    def readout(self) -> nn.Module:
        """Build one or two linear layers."""
        inner = [self.linear_size] * (self.config.output_layers - 1)
        return linear_layers([self.config.hidden_size, *inner, self.output_size])


def linear_layers(sizes: list[int]) -> nn.Sequential:
    """Build linear layers from each size to the next, with ReLU between them; the identity for one size."""
    modules: list[nn.Module] = []
    for below, above in pairwise(sizes):
        modules += [nn.ReLU(), nn.Linear(below, above)]
    return nn.Sequential(*modules[1:])
