"""Settings of encoder-decoders: networks that read a sequence and then generate another one."""

import math
from abc import abstractmethod
from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, model_validator

from failmap.models.config.base import (
    NUM_GATES,
    Kind,
    Layer,
    NetworkConfig,
    Number,
    OutputLayout,
    Recurrence,
    SequenceShape,
)


def _require_odd(kernel_size: int) -> int:
    if kernel_size % 2 == 0:
        raise ValueError(
            f"{kernel_size} is even, and a kernel needs a middle: take {kernel_size - 1} or {kernel_size + 1}"
        )
    return kernel_size


KernelSize = Annotated[int, Field(ge=1, le=15), AfterValidator(_require_odd)]


class DecodingConfig(NetworkConfig):
    """An encoder, and a decoder for each output sequence (Srivastava et al. 2015)."""

    layouts: ClassVar[tuple[OutputLayout, ...]] = ("sequence", "decoded")

    decoder_input: Literal["zero", "own", "teacher"] = Field(
        default="own",
        description="what a decoder sees at each step but its first, where it sees nothing: nothing, its own "
        "last output, or in training the true last frame (its own in validation)",
    )
    true_share: float = Field(
        default=1.0,
        ge=0,
        le=1,
        description="decoder_input=teacher: share of true frames as training begins (Bengio et al. 2015)",
    )
    final_true_share: float = Field(
        default=1.0,
        ge=0,
        le=1,
        description="decoder_input=teacher: that share at the end of training; it changes linearly",
    )

    def layers(self, shape: SequenceShape) -> Iterator[Layer]:
        """Yield the layers of the encoder, and of a decoder for each decoded sequence.

        A decoder that reads its own output is called anew for every step; one that reads nothing, or only the
        true sequence, is called once.
        """
        yield from self.side_layers(shape.num_features, shape.num_read, calls_each_step=False)
        reads_own = self.decoder_input != "zero" and not (shape.in_training and self.sees_only_truth)
        for steps in shape.decoded_steps or (1,):
            yield from self.side_layers(shape.num_features, steps, calls_each_step=reads_own and steps > 1)

    @abstractmethod
    def side_layers(self, num_pixels: int, num_steps: Number, *, calls_each_step: bool) -> Iterator[Layer]:
        """Yield the layers of an encoder or decoder: the map between frames and features, and the recurrence.

        Args:
            num_pixels: Features of one step.
            num_steps: Steps that this side goes through.
            calls_each_step: Whether the recurrence is called once per step, on its own output.
        """

    @property
    def sees_only_truth(self) -> bool:
        """Whether decoders are given true frames throughout training, and never their own."""
        return self.decoder_input == "teacher" and (self.true_share, self.final_true_share) == (1.0, 1.0)

    @property
    def draws_randomly(self) -> bool:
        """Whether a pass in training draws random numbers."""
        is_mixed = (self.true_share, self.final_true_share) not in ((0.0, 0.0), (1.0, 1.0))
        return self.dropout > 0 or (self.decoder_input == "teacher" and is_mixed)

    @model_validator(mode="after")
    def _shares_are_of_true_frames(self) -> "DecodingConfig":
        if self.decoder_input != "teacher" and (self.true_share, self.final_true_share) != (1.0, 1.0):
            raise ValueError(
                "model.true_share and model.final_true_share say how often true frames are shown: set "
                f"model.decoder_input=teacher, not {self.decoder_input}, or leave them out"
            )
        return self


class EncoderDecoderConfig(DecodingConfig):
    """Recurrent layers on each side, with one or two linear layers between them and the frames."""

    name: Literal["encoder_decoder"] = "encoder_decoder"
    recurrence: Recurrence = Field(default="lstm", description="kind of the recurrent layers")
    input_layers: int = Field(
        default=1, ge=0, le=2, description="linear layers from a frame to the recurrence; 0: none"
    )
    output_layers: int = Field(
        default=1, ge=1, le=2, description="linear layers from the recurrence to a frame"
    )
    linear_size: int | None = Field(
        default=None, ge=1, le=65_536, description="units of those linear layers; none: hidden_size"
    )
    forget_bias: float | None = Field(
        default=None, description="of an LSTM: what the forget gate's two biases add up to; none: torch's"
    )

    def side_layers(self, num_pixels: int, num_steps: Number, *, calls_each_step: bool) -> Iterator[Layer]:
        """Yield one linear layer and the recurrent ones."""
        width = self.hidden_size
        linear = self.linear_size or width
        yield Layer("linear", num_steps, linear, num_pixels * linear)
        kind: Kind = "stepwise" if calls_each_step else self.recurrence
        for _ in range(self.depth):
            yield Layer(kind, num_steps, width, NUM_GATES[self.recurrence] * 2 * width**2)

    @model_validator(mode="after")
    def _only_an_lstm_forgets(self) -> "EncoderDecoderConfig":
        if self.forget_bias is not None and self.recurrence != "lstm":
            raise ValueError(
                f"model.forget_bias is of an LSTM, and model.recurrence is {self.recurrence}: leave it out"
            )
        return self


class CnnLSTMConfig(DecodingConfig):
    """A convolutional encoder of frames below an LSTM, and its mirror above it."""

    needs_frames: ClassVar[bool] = True

    name: Literal["cnn_lstm"] = "cnn_lstm"
    channels: int = Field(
        default=16, ge=1, le=4096, description="channels after the first convolution; the second has twice"
    )
    features: Literal["flat", "spatial"] = Field(
        default="flat",
        description="what the recurrence sees: all features flattened, or a map of them, over which a "
        "convolutional LSTM of hidden_size channels runs",
    )
    kernel_size: KernelSize = Field(default=3, description="width of the convolutions; odd")

    def side_layers(self, num_pixels: int, num_steps: Number, *, calls_each_step: bool) -> Iterator[Layer]:
        """Yield two convolutions of stride 2, priced as one, and the LSTMs on their features."""
        # Half, then a quarter of the width, and twice the channels.
        width, area, channels = self.hidden_size, self.kernel_size**2, self.channels
        products = num_pixels / 4 * channels * area + num_pixels / 16 * 2 * channels**2 * area
        yield Layer("convolution", num_steps, num_pixels / 4 * channels, products)
        num_positions, below = num_pixels / 16, 2.0 * channels
        if self.features == "flat":
            num_positions, below, area = 1.0, num_positions * below, 1
        is_stepwise = calls_each_step or self.features == "spatial"
        for _ in range(self.depth):
            products = num_positions * 4 * width * (below + width) * area
            yield Layer("stepwise" if is_stepwise else "lstm", num_steps, num_positions * width, products)
            below = width


class ConvLSTMConfig(DecodingConfig):
    """A convolutional LSTM right on the frames (Shi et al. 2015); hidden_size counts channels."""

    needs_frames: ClassVar[bool] = True

    name: Literal["conv_lstm"] = "conv_lstm"
    hidden_size: int = Field(default=16, ge=1, le=65_536, description="channels of each layer")
    kernel_size: KernelSize = Field(default=3, description="width of the convolutions; odd")
    patch_size: int = Field(
        default=1, ge=1, le=64, description="pixels, across and down, that become one position's channels"
    )

    def side_layers(self, num_pixels: int, num_steps: Number, *, calls_each_step: bool) -> Iterator[Layer]:
        """Yield the convolutional LSTMs, which are always called once per step."""
        width, area = self.hidden_size, self.kernel_size**2
        num_positions = num_pixels / self.patch_size**2
        below = float(self.patch_size**2)
        for _ in range(self.depth):
            products = num_positions * 4 * width * (below + width) * area
            yield Layer("stepwise", num_steps, 4 * num_positions * width, products)
            below = width

    def misfit(self, frame_shape: tuple[int, int, int] | None) -> str | None:
        """Return why patches do not cover a frame without remainder, or None if they do."""
        if frame_shape is None:
            return None
        _, height, width = frame_shape
        if height % self.patch_size == 0 and width % self.patch_size == 0:
            return None
        return (
            f"model.patch_size={self.patch_size} does not divide frames of {height} x {width} pixels: "
            f"{_nearest_divisor(math.gcd(height, width), self.patch_size)} does"
        )


def _nearest_divisor(number: int, wanted: int) -> int:
    """Return the divisor of `number` nearest to `wanted`, the smaller of two."""
    divisors = [divisor for divisor in range(1, number + 1) if number % divisor == 0]
    return min(divisors, key=lambda divisor: abs(divisor - wanted))
