"""An encoder-decoder with convolutions on frames and an LSTM in between."""

import math

from torch import nn

from failmap.models.config import CnnLSTMConfig
from failmap.models.encoder_decoder.conv_lstm_layer import ConvLSTMLayer
from failmap.models.encoder_decoder.frame_maps import (
    doubling_convolutions,
    frame_shape_of,
    halved,
    halving_convolutions,
    require_frame,
    says_frames,
)
from failmap.models.encoder_decoder.network import Blueprint, DecodingNetwork
from failmap.models.network import Interface


class CnnLSTM(DecodingNetwork):
    """Two convolutions of stride 2 below the recurrence, their mirror above it.

    Outputs that are no frames, the classes of a sequence say, are made by a linear layer instead.

    Args:
        config: Channels, and what the recurrence sees: all features flattened, or maps of them.
        interface: What goes in and out.
    """

    def __init__(self, config: CnnLSTMConfig, interface: Interface) -> None:
        blueprint = FlatBlueprint if config.features == "flat" else SpatialBlueprint
        super().__init__(config, interface, blueprint(config, interface))


class _HalvedFrames(Blueprint):
    """Pieces that both kinds share: convolutions to maps a quarter as high and wide."""

    def __init__(self, config: CnnLSTMConfig, interface: Interface) -> None:
        self.config = config
        self.interface = interface
        self.frame_shape = frame_shape_of(interface)
        _, height, width = self.frame_shape
        self.map_size = (halved(halved(height)), halved(halved(width)))

    def frame_map(self, frame_size: int) -> tuple[nn.Module, tuple[int, ...]]:
        """Build the two convolutions."""
        require_frame(self.config.name, self.frame_shape, frame_size)
        convolutions = halving_convolutions(self.frame_shape, self.config.channels, self.config.kernel_size)
        return convolutions, (2 * self.config.channels, *self.map_size)

    def mirror(self, in_channels: int) -> nn.Module:
        """Build the map from maps of so many channels back to frames."""
        return doubling_convolutions(
            in_channels, self.frame_shape, self.config.channels, self.config.kernel_size
        )


class FlatBlueprint(_HalvedFrames):
    """Pieces of the kind `flat`: all features side by side, and torch's LSTM."""

    def __init__(self, config: CnnLSTMConfig, interface: Interface) -> None:
        super().__init__(config, interface)
        self.state_shape = (config.hidden_size,)

    def frame_map(self, frame_size: int) -> tuple[nn.Module, tuple[int, ...]]:
        """Build the two convolutions, flattened."""
        convolutions, shape = super().frame_map(frame_size)
        return nn.Sequential(convolutions, nn.Flatten(2)), (math.prod(shape),)

    def layer(self, below: int) -> nn.Module:
        """Build one of torch's LSTMs."""
        return nn.LSTM(below, self.config.hidden_size, batch_first=True)

    def readout(self) -> nn.Module:
        """Build a linear layer; for frames one to the features, and the mirror of the convolutions."""
        hidden_size = self.config.hidden_size
        if not says_frames(self.interface):
            return nn.Linear(hidden_size, self.interface.output_size)
        map_shape = (2 * self.config.channels, *self.map_size)
        return nn.Sequential(
            nn.Linear(hidden_size, math.prod(map_shape)),
            nn.ReLU(),
            nn.Unflatten(2, map_shape),
            self.mirror(map_shape[0]),
        )


class SpatialBlueprint(_HalvedFrames):
    """Pieces of the kind `spatial`: maps of features, and a convolutional LSTM over them."""

    def __init__(self, config: CnnLSTMConfig, interface: Interface) -> None:
        super().__init__(config, interface)
        self.state_shape = (config.hidden_size, *self.map_size)

    def layer(self, below: int) -> nn.Module:
        """Build a convolutional LSTM."""
        return ConvLSTMLayer(below, self.config.hidden_size, self.config.kernel_size)

    def readout(self) -> nn.Module:
        """Build the mirror of the convolutions; a linear layer if outputs are no frames."""
        if says_frames(self.interface):
            return self.mirror(self.config.hidden_size)
        return nn.Sequential(
            nn.Flatten(2), nn.Linear(math.prod(self.state_shape), self.interface.output_size)
        )
