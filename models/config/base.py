"""What every network may be asked for. Knows no torch, so that a mistake is told within a second."""

from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

#: Where a network's outputs stand: one for a sequence; one at every step of the input; a sequence of their
#: own, which begins once the input has been read.
OutputLayout = Literal["sequence", "step", "decoded"]


class NetworkConfig(BaseModel):
    """What every network has."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    #: Where its outputs can stand.
    layouts: ClassVar[tuple[OutputLayout, ...]] = ("sequence", "step", "decoded")
    #: Whether the features of a step must be a picture.
    needs_frames: ClassVar[bool] = False

    name: str
    depth: int = Field(default=1, ge=1, le=100, description="layers, one above the other")
    hidden_size: int = Field(default=32, ge=1, le=65_536, description="units of each layer")
    dropout: float = Field(default=0.0, ge=0, lt=1, description="dropout between layers, in training only")

    def misfit(self, frame_shape: tuple[int, int, int] | None) -> str | None:
        """Why it cannot be built for pictures of these channels, height and width; None where it can."""
        return None

    @property
    def draws_randomly(self) -> bool:
        """Whether a pass in training draws random numbers."""
        return self.dropout > 0
