"""Maps between flattened frames and maps of features, and back to frames of exactly the same size."""

import math

from jaxtyping import Float
from torch import Tensor, nn

from failmap.models.network import Interface

FrameShape = tuple[int, int, int]


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
    """Two convolutions of stride 2 with ReLU, each halving height and width, odd ones upwards.

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
    """The mirror: two transposed convolutions.

    Maps (batch, time, in_channels, height / 4, width / 4) to (batch, time, pixels).

    Args:
        in_channels: Of the maps.
        frame_shape: Channels, height and width of a frame.
        channels: Between the two.
        kernel_size: Odd.
    """
    _, height, width = frame_shape
    convolutions = nn.Sequential(
        _doubling(in_channels, channels, kernel_size, halved(height), halved(width)),
        nn.ReLU(),
        _doubling(channels, frame_shape[0], kernel_size, height, width),
    )
    return nn.Sequential(AtEachStep(convolutions), nn.Flatten(2))


def cut_into_patches(frame_shape: FrameShape, patch_size: int) -> nn.Module:
    """Squares of a frame become the channels of one position each (Shi et al. 2015); nothing in it trains.

    Maps (batch, time, pixels) to (batch, time, channels patch^2, height / patch, width / patch).
    """
    return nn.Sequential(nn.Unflatten(2, frame_shape), nn.PixelUnshuffle(patch_size))


def made_of_patches(in_channels: int, frame_shape: FrameShape, patch_size: int) -> nn.Module:
    """A linear map of each position to the pixels of its patch, and the patches put together to a frame.

    Maps (batch, time, in_channels, height / patch, width / patch) to (batch, time, pixels).
    """
    of_each_position = nn.Conv2d(in_channels, frame_shape[0] * patch_size**2, kernel_size=1)
    return nn.Sequential(AtEachStep(of_each_position), nn.PixelShuffle(patch_size), nn.Flatten(2))


def frame_shape_of(interface: Interface) -> FrameShape:
    """Return channels, height and width of the frames of an interface that must have them."""
    assert interface.frame_shape is not None, "TrialConfig refuses tasks without frames"
    return interface.frame_shape


def says_frames(interface: Interface) -> bool:
    """Return whether an output is a frame like those of the input."""
    return interface.output_size == math.prod(frame_shape_of(interface))


def require_frame(name: str, frame_shape: FrameShape, frame_size: int) -> None:
    """Raises ValueError if a decoder were to see what is no frame."""
    if frame_size != math.prod(frame_shape):
        shape = " x ".join(map(str, frame_shape))
        raise ValueError(
            f"model={name} sees frames of {shape} only, and an output of this task has {frame_size} numbers: "
            "set model.decoder_input=zero"
        )


def halved(size: int) -> int:
    """Return the size after a convolution of stride 2 with an odd kernel, padded by half of it."""
    return math.ceil(size / 2)


def _doubling(
    in_channels: int, out_channels: int, kernel_size: int, height: int, width: int
) -> nn.ConvTranspose2d:
    """A transposed convolution that reaches this height and width from half of it.

    It makes 2 n - 1 of n, and 2 n with one line more at the edge.
    """
    return nn.ConvTranspose2d(
        in_channels,
        out_channels,
        kernel_size,
        stride=2,
        padding=kernel_size // 2,
        output_padding=(1 - height % 2, 1 - width % 2),
    )
