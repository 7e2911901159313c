"""Encoder-decoders of frames: a CNN below an LSTM, and convolutional LSTMs on patches (Shi et al. 2015)."""

import math
from abc import abstractmethod

from jaxtyping import Float
from torch import Tensor, nn

from failmap.models.config import CnnLSTMConfig, ConvLSTMConfig
from failmap.models.encoder_decoder.conv_lstm_layer import ConvLSTMLayer
from failmap.models.encoder_decoder.network import Blueprint, DecodingNetwork
from failmap.models.network import Interface

FrameShape = tuple[int, int, int]


class CnnLSTM(DecodingNetwork):
    """Two convolutions of stride 2 below the recurrence, and their mirror above it.

    Args:
        config: Channels, and what the recurrence sees: all features flattened, or maps of them.
        interface: Inputs and outputs.
    """

    def __init__(self, config: CnnLSTMConfig, interface: Interface) -> None:
        blueprint = FlatBlueprint if config.features == "flat" else SpatialBlueprint
        super().__init__(config, interface, blueprint(config, interface))


class ConvLSTM(DecodingNetwork):
    """Frames cut into patches, convolutional LSTMs over them, and a convolution of one position back.

    This is the paper's network except for three things: there are no peepholes, the readout sees the highest
    layer instead of all, and the configuration says what decoders see (nothing, in the paper).

    Args:
        config: Channels, kernel and patch.
        interface: Inputs and outputs. Raises ValueError if frames are no multiple of the patch.
    """

    def __init__(self, config: ConvLSTMConfig, interface: Interface) -> None:
        super().__init__(config, interface, PatchBlueprint(config, interface))


class FrameBlueprint(Blueprint):
    """Factory of maps between frames and features, with a convolutional LSTM in between.

    Attributes:
        frame_shape: Channels, height and width of a frame.
        says_frames: Whether outputs are frames like those of the input, and not the classes of a sequence.
        map_shape: Channels, height and width of the features of a frame.
    """

    map_shape: FrameShape

    def __init__(self, config: CnnLSTMConfig | ConvLSTMConfig, interface: Interface) -> None:
        assert interface.frame_shape is not None, "TrialConfig refuses tasks without frames"
        self.config: CnnLSTMConfig | ConvLSTMConfig = config
        self.output_size = interface.output_size
        self.frame_shape = interface.frame_shape
        self.says_frames = interface.output_size == math.prod(self.frame_shape)

    @abstractmethod
    def to_maps(self) -> nn.Module:
        """Build a map from frames (batch, time, pixels) to features (batch, time, *map_shape)."""

    @abstractmethod
    def to_frames(self, in_channels: int) -> nn.Module:
        """Build a map from features of so many channels, otherwise of the same shape, to frames."""

    def frame_map(self, frame_size: int) -> tuple[nn.Module, tuple[int, ...]]:
        """Build the map to features."""
        if frame_size != math.prod(self.frame_shape):
            shape = " x ".join(map(str, self.frame_shape))
            raise ValueError(
                f"model={self.config.name} sees frames of {shape} only, and an output of this task has "
                f"{frame_size} numbers: set model.decoder_input=zero"
            )
        return self.to_maps(), self.map_shape

    def layer(self, below: int) -> nn.Module:
        """Build a convolutional LSTM."""
        return ConvLSTMLayer(below, self.config.hidden_size, self.config.kernel_size)

    def readout(self) -> nn.Module:
        """Build the map to frames, or a linear layer of all positions if outputs are no frames."""
        if self.says_frames:
            return self.to_frames(self.config.hidden_size)
        return nn.Sequential(nn.Flatten(2), nn.Linear(math.prod(self.state_shape), self.output_size))


class SpatialBlueprint(FrameBlueprint):
    """Factory of a CnnLSTM of the kind `spatial`: a convolutional LSTM over maps of features."""

    config: CnnLSTMConfig

    def __init__(self, config: CnnLSTMConfig, interface: Interface) -> None:
        super().__init__(config, interface)
        _, height, width = self.frame_shape
        self.map_shape = (2 * config.channels, halved(halved(height)), halved(halved(width)))
        self.state_shape = (config.hidden_size, *self.map_shape[1:])

    def to_maps(self) -> nn.Module:
        """Build the two convolutions."""
        return halving_convolutions(self.frame_shape, self.config.channels, self.config.kernel_size)

    def to_frames(self, in_channels: int) -> nn.Module:
        """Build the mirror of the convolutions."""
        channels, kernel_size = self.config.channels, self.config.kernel_size
        return doubling_convolutions(in_channels, self.frame_shape, channels, kernel_size)


class FlatBlueprint(SpatialBlueprint):
    """Factory of a CnnLSTM of the kind `flat`: torch's LSTM over all features side by side."""

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
        if not self.says_frames:
            return nn.Linear(self.config.hidden_size, self.output_size)
        return nn.Sequential(
            nn.Linear(self.config.hidden_size, math.prod(self.map_shape)),
            nn.ReLU(),
            nn.Unflatten(2, self.map_shape),
            self.to_frames(self.map_shape[0]),
        )


class PatchBlueprint(FrameBlueprint):
    """Factory of a ConvLSTM: a square of a frame becomes the channels of one position."""

    config: ConvLSTMConfig

    def __init__(self, config: ConvLSTMConfig, interface: Interface) -> None:
        super().__init__(config, interface)
        if misfit := config.misfit(self.frame_shape):
            raise ValueError(misfit)
        channels, height, width = self.frame_shape
        patch = config.patch_size
        self.map_shape = (channels * patch**2, height // patch, width // patch)
        self.state_shape = (config.hidden_size, *self.map_shape[1:])

    def to_maps(self) -> nn.Module:
        """Build the cut into patches, which has no parameters."""
        return nn.Sequential(nn.Unflatten(2, self.frame_shape), nn.PixelUnshuffle(self.config.patch_size))

    def to_frames(self, in_channels: int) -> nn.Module:
        """Build a linear map of each position to the pixels of its patch, and join the patches to a frame."""
        of_each_position = nn.Conv2d(in_channels, self.map_shape[0], kernel_size=1)
        return nn.Sequential(
            AtEachStep(of_each_position), nn.PixelShuffle(self.config.patch_size), nn.Flatten(2)
        )


class AtEachStep(nn.Module):
    """A module for pictures, applied to all steps at once."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(
        self, maps: Float[Tensor, "batch time below height width"]
    ) -> Float[Tensor, "batch time above newheight newwidth"]:
        """Apply the module to every picture."""
        made: Tensor = self.module(maps.flatten(0, 1))
        return made.view(*maps.shape[:2], *made.shape[1:])


def halving_convolutions(frame_shape: FrameShape, channels: int, kernel_size: int) -> nn.Module:
    """Build two convolutions of stride 2 with ReLU, each halving height and width, rounded up.

    Maps (batch, time, pixels) to (batch, time, 2 channels, height / 4, width / 4).

    Args:
        frame_shape: Channels, height and width of a frame.
        channels: After the first convolution; after the second twice as many.
        kernel_size: Odd.
    """
    padding = kernel_size // 2
    convolutions = nn.Sequential(
        nn.Conv2d(frame_shape[0], channels, kernel_size, stride=2, padding=padding),
        nn.ReLU(),
        nn.Conv2d(channels, 2 * channels, kernel_size, stride=2, padding=padding),
        nn.ReLU(),
    )
    return nn.Sequential(nn.Unflatten(2, frame_shape), AtEachStep(convolutions))


def doubling_convolutions(
    in_channels: int, frame_shape: FrameShape, channels: int, kernel_size: int
) -> nn.Module:
    """Build the mirror: two transposed convolutions with ReLU in between.

    Maps (batch, time, in_channels, height / 4, width / 4) to (batch, time, pixels).

    Args:
        in_channels: Channels of the features.
        frame_shape: Channels, height and width of a frame.
        channels: Between the two.
        kernel_size: Odd.
    """

    def doubling(below: int, above: int, height: int, width: int) -> nn.ConvTranspose2d:
        # From n lines it makes 2 n - 1, or 2 n with one more at the edge.
        more = (1 - height % 2, 1 - width % 2)
        return nn.ConvTranspose2d(below, above, kernel_size, 2, kernel_size // 2, output_padding=more)

    num_channels, height, width = frame_shape
    convolutions = nn.Sequential(
        doubling(in_channels, channels, halved(height), halved(width)),
        nn.ReLU(),
        doubling(channels, num_channels, height, width),
    )
    return nn.Sequential(AtEachStep(convolutions), nn.Flatten(2))


def halved(size: int) -> int:
    """Return the size after a convolution of stride 2 with an odd kernel, padded by half of it."""
    return math.ceil(size / 2)
