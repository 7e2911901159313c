"""What encoder-decoders may be asked for: networks that read a sequence and then say another one."""

import math
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, model_validator

from failmap.models.config.base import NetworkConfig, OutputLayout

Recurrence = Literal["rnn", "gru", "lstm"]


def _require_odd(kernel_size: int) -> int:
    if kernel_size % 2 == 0:
        raise ValueError(
            f"{kernel_size} is even, and a kernel needs a middle: take {kernel_size - 1} or {kernel_size + 1}"
        )
    return kernel_size


KernelSize = Annotated[int, Field(ge=1, le=15), AfterValidator(_require_odd)]


class DecodingConfig(NetworkConfig):
    """An encoder, and a decoder for each sequence that is asked for (Srivastava et al. 2015)."""

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

    @property
    def sees_only_truth(self) -> bool:
        """Whether decoders see true frames throughout training, and never their own."""
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


class ConvLSTMConfig(DecodingConfig):
    """A convolutional LSTM right on the frames (Shi et al. 2015); hidden_size counts channels."""

    needs_frames: ClassVar[bool] = True

    name: Literal["conv_lstm"] = "conv_lstm"
    hidden_size: int = Field(default=16, ge=1, le=65_536, description="channels of each layer")
    kernel_size: KernelSize = Field(default=3, description="width of the convolutions; odd")
    patch_size: int = Field(
        default=1, ge=1, le=64, description="pixels, across and down, that become one position's channels"
    )

    def misfit(self, frame_shape: tuple[int, int, int] | None) -> str | None:
        """Patches must cover a frame without a rest."""
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
    """The divisor of a number that is nearest to what was wanted, the smaller of two."""
    divisors = [divisor for divisor in range(1, number + 1) if number % divisor == 0]
    return min(divisors, key=lambda divisor: abs(divisor - wanted))
