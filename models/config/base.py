"""Settings that all networks share, and how a network describes its work to the cost model. No torch here."""

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

#: Position of a network's outputs: one per sequence, one at every step of the input, or a sequence of their
#: own after the input.
OutputLayout = Literal["sequence", "step", "decoded"]
#: Kinds of layers that have prices in the cost model. A `stepwise` layer is called once per step.
Kind = Literal["lstm", "gru", "rnn", "stepwise", "linear", "convolution", "attention"]
Recurrence = Literal["rnn", "gru", "lstm"]
Number = int | float
#: Weight matrices per recurrent layer and input, one for each gate.
NUM_GATES: dict[Recurrence, int] = {"lstm": 4, "gru": 3, "rnn": 1}


@dataclass(frozen=True)
class SequenceShape:
    """Size of one sequence as the cost model sees it.

    Attributes:
        num_features: Features of one input step.
        num_steps: Time steps of the longest input.
        decoded_steps: Steps of each decoded output sequence; empty where nothing is decoded.
        length_share: Mean length of the inputs as a share of `num_steps`.
        in_training: Whether the pass is one of training, where a decoder may be given the true frames.
    """

    num_features: int
    num_steps: int
    decoded_steps: tuple[int, ...] = ()
    length_share: float = 1.0
    in_training: bool = True

    @property
    def num_read(self) -> float:
        """Mean number of input steps."""
        return self.num_steps * self.length_share

    @property
    def num_read_and_decoded(self) -> float:
        """Mean number of input steps, and the decoded steps after them."""
        return self.num_read + sum(self.decoded_steps)


@dataclass(frozen=True)
class Layer:
    """Work of one layer on one sequence.

    Attributes:
        kind: Selects the prices.
        num_steps: Time steps.
        num_units: Units, or channels x positions, of one step.
        num_products: Multiplications of one step.
    """

    kind: Kind
    num_steps: Number
    num_units: Number
    num_products: Number


class NetworkConfig(BaseModel):
    """Settings of every network."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    #: Output layouts that the network supports.
    layouts: ClassVar[tuple[OutputLayout, ...]] = ("sequence", "step", "decoded")
    #: Whether the features of a step must be a picture.
    needs_frames: ClassVar[bool] = False

    name: str
    depth: int = Field(default=1, ge=1, le=100, description="layers, one above the other")
    hidden_size: int = Field(default=32, ge=1, le=65_536, description="units of each layer")
    dropout: float = Field(default=0.0, ge=0, lt=1, description="dropout between layers, in training only")

    @abstractmethod
    def layers(self, shape: SequenceShape) -> Iterator[Layer]:
        """Yield the work of each layer on one sequence, for the cost model."""

    def misfit(self, frame_shape: tuple[int, int, int] | None) -> str | None:
        """Return why the network cannot be built for frames of these channels, height and width, if so."""
        return None

    @property
    def draws_randomly(self) -> bool:
        """Whether a pass in training draws random numbers."""
        return self.dropout > 0
