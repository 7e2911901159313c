"""Settings of stacks of recurrent layers."""

from collections.abc import Iterator
from typing import ClassVar, Literal

from pydantic import Field, model_validator

from failmap.models.config.base import NUM_GATES, Kind, Layer, NetworkConfig, Recurrence, SequenceShape

Initialization = Literal["torch", "glorot", "he", "orthogonal", "identity", "uniform"]


class RecurrentConfig(NetworkConfig):
    """A stack of recurrent layers and a linear readout."""

    #: Which recurrence the layers have.
    recurrence: ClassVar[Recurrence]

    depth: int = Field(default=1, ge=1, le=100, description="recurrent layers, one above the other")
    widths: str | None = Field(
        default=None,
        pattern=r"^[1-9][0-9]{0,4}(-[1-9][0-9]{0,4})*$",
        description="units of each layer from the lowest up, as in 128-64-32, in place of hidden_size",
    )
    bidirectional: bool = Field(
        default=False, description="a second set of units reads from the end to the beginning"
    )
    residual: bool = Field(default=False, description="each layer above the first adds what it was given")
    highway: bool = Field(
        default=False,
        description="each layer above the first mixes its output with what it was given, by a gate "
        "(Srivastava et al. 2015)",
    )
    layer_norm: bool = Field(
        default=False, description="layer norm after each layer, before what is above it (Ba et al. 2016)"
    )
    batch_norm: bool = Field(
        default=False,
        description="batch norm in its place, over batch and time: the textbook's example of what does not "
        "suit sequences",
    )
    variational_dropout: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="dropout on each layer's previous state, one mask for all steps of a sequence (Gal and "
        "Ghahramani 2016); steps are then made one by one",
    )
    readout_from: Literal["top", "all"] = Field(
        default="top", description="which layers the readout sees: the top one, or all side by side"
    )
    initialization: Initialization = Field(
        default="torch",
        description="of the weights: torch's own; Glorot uniform; He normal; Glorot and orthogonal recurrent "
        "ones; Glorot and identity recurrent ones (Le et al. 2015); or uniform within uniform_range",
    )
    uniform_range: float = Field(
        default=0.08, gt=0, le=10, description="half width of the uniform initialization, biases included"
    )
    start_from: str | None = Field(
        default=None,
        pattern=r"^[^/]+/[0-9]+$",
        description="RUN/trial of the same storage whose weights the layers begin with (its run needs "
        "keep=learned or all)",
    )
    frozen_layers: int = Field(default=0, ge=0, le=100, description="lowest layers that do not train")

    def layers(self, shape: SequenceShape) -> Iterator[Layer]:
        """Yield the recurrent layers; variational dropout needs one call per step."""
        directions = 2 if self.bidirectional else 1
        kind: Kind = "stepwise" if self.variational_dropout else self.recurrence
        below = shape.num_features
        for width in self.layer_widths:
            products = directions * NUM_GATES[self.recurrence] * width * (below + width)
            yield Layer(kind, shape.num_read_and_decoded, directions * width, products)
            below = directions * width

    @property
    def layer_widths(self) -> tuple[int, ...]:
        """Units of each layer, from the lowest up."""
        if self.widths is not None:
            return tuple(map(int, self.widths.split("-")))
        return (self.hidden_size,) * self.depth

    @property
    def draws_randomly(self) -> bool:
        """Whether a pass in training draws random numbers."""
        return self.dropout > 0 or self.variational_dropout > 0

    @model_validator(mode="after")
    def _parts_fit(self) -> "RecurrentConfig":
        problems = []
        if len(self.layer_widths) != self.depth:
            problems.append(
                f"model.widths={self.widths} names {len(self.layer_widths)} layers, and "
                f"model.depth is {self.depth}"
            )
        if self.residual and self.highway:
            problems.append("model.residual and model.highway: a layer is bypassed one way, not both")
        if (self.residual or self.highway) and len(set(self.layer_widths)) > 1:
            problems.append(
                f"model.widths={self.widths}: residual and highway connections need layers of one width"
            )
        if self.layer_norm and self.batch_norm:
            problems.append("model.layer_norm and model.batch_norm: choose one")
        if self.frozen_layers > self.depth:
            problems.append(f"model.frozen_layers={self.frozen_layers} is more than model.depth={self.depth}")
        if problems:
            raise ValueError("\n".join(problems))
        return self


class RNNConfig(RecurrentConfig):
    """Elman's network: h_t = f(W x_t + U h_{t-1} + b)."""

    recurrence: ClassVar[Recurrence] = "rnn"

    name: Literal["rnn"] = "rnn"
    nonlinearity: Literal["tanh", "relu"] = Field(default="tanh", description="f in the equation of a step")


class GRUConfig(RecurrentConfig):
    """Gated recurrent units (Cho et al. 2014), as torch.nn.GRU has them."""

    recurrence: ClassVar[Recurrence] = "gru"

    name: Literal["gru"] = "gru"
    chrono: bool = Field(
        default=False,
        description="gate biases for memories of every length up to the input's (Tallec and Ollivier 2018)",
    )


class LSTMConfig(RecurrentConfig):
    """Long short-term memory with forget gates (Gers et al. 2000), as torch.nn.LSTM has it."""

    recurrence: ClassVar[Recurrence] = "lstm"

    name: Literal["lstm"] = "lstm"
    forget_bias: float | None = Field(
        default=None, description="what the forget gate's two biases add up to; none: the initialization's"
    )
    chrono: bool = Field(
        default=False,
        description="gate biases for memories of every length up to the input's (Tallec and Ollivier 2018)",
    )

    @model_validator(mode="after")
    def _one_forget_bias(self) -> "LSTMConfig":
        if self.chrono and self.forget_bias is not None:
            raise ValueError("model.chrono sets the forget gate's biases: leave model.forget_bias out")
        return self
