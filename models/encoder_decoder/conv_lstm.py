"""An encoder-decoder of convolutional LSTMs on patches of frames (Shi et al. 2015)."""

import math

from torch import nn

from failmap.models.config import ConvLSTMConfig
from failmap.models.encoder_decoder.conv_lstm_layer import ConvLSTMLayer
from failmap.models.encoder_decoder.frame_maps import (
    cut_into_patches,
    frame_shape_of,
    made_of_patches,
    require_frame,
    says_frames,
)
from failmap.models.encoder_decoder.network import Blueprint, DecodingNetwork
from failmap.models.network import Interface


class ConvLSTM(DecodingNetwork):
    """Frames cut into patches, convolutional LSTMs over them, and a convolution of one position back.

    The paper's network, but for three things: no peepholes, a readout of the highest layer instead of all,
    and what decoders see, which the configuration says (nothing, in the paper).

    Args:
        config: Channels, kernel and patch.
        interface: What goes in and out. Raises ValueError if frames are no multiple of the patch.
    """

    def __init__(self, config: ConvLSTMConfig, interface: Interface) -> None:
        super().__init__(config, interface, PatchBlueprint(config, interface))


class PatchBlueprint(Blueprint):
    """Patches and convolutional LSTMs."""

    def __init__(self, config: ConvLSTMConfig, interface: Interface) -> None:
        self.config = config
        self.interface = interface
        self.frame_shape = frame_shape_of(interface)
        channels, height, width = self.frame_shape
        patch = config.patch_size
        if misfit := config.misfit(self.frame_shape):
            raise ValueError(misfit)
        self.map_shape = (channels * patch**2, height // patch, width // patch)
        self.state_shape = (config.hidden_size, *self.map_shape[1:])

    def frame_map(self, frame_size: int) -> tuple[nn.Module, tuple[int, ...]]:
        """Build the cut into patches, which has no parameters."""
        require_frame(self.config.name, self.frame_shape, frame_size)
        return cut_into_patches(self.frame_shape, self.config.patch_size), self.map_shape

    def layer(self, below: int) -> nn.Module:
        """Build a convolutional LSTM."""
        return ConvLSTMLayer(below, self.config.hidden_size, self.config.kernel_size)

    def readout(self) -> nn.Module:
        """Build a linear map of each position to its patch; of all positions if outputs are no frames."""
        if says_frames(self.interface):
            return made_of_patches(self.config.hidden_size, self.frame_shape, self.config.patch_size)
        return nn.Sequential(
            nn.Flatten(2), nn.Linear(math.prod(self.state_shape), self.interface.output_size)
        )
