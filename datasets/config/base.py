"""What every task may be asked for. Knows no torch, so that a mistake is told within a second."""

from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

#: What a target is: 0 or 1; one of several classes; a number; a share from 0 to 1, such as a pixel.
TargetKind = Literal["binary", "category", "number", "share"]
#: Where targets stand: one for a sequence; one at every step of the input; a sequence of their own, which
#: begins once the input has been read.
TargetLayout = Literal["sequence", "step", "decoded"]
Metric = Literal["accuracy", "mean_squared_error"]


class Config(BaseModel):
    """A frozen configuration that takes no unknown key and no infinite number."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class TaskConfig(Config):
    """What every task has."""

    #: What a target is, where it is the same whatever the values.
    kind: ClassVar[TargetKind | None] = None
    #: The setting that names files of the user's which it reads, None where it reads none.
    source_setting: ClassVar[str | None] = None
    #: Whether a target at every step can be had as one at the last step instead.
    can_ask_at_last_step: ClassVar[bool] = False

    name: str
    sequence_length: int = Field(default=10, ge=1, le=100_000, description="time steps of one input")
    test_size: int = Field(
        default=1024, ge=2, description="test sequences; validation has half as many; both are fixed"
    )

    @property
    def target_kind(self) -> TargetKind:
        """What a target is: says which losses fit."""
        assert self.kind is not None, "a task of several kinds of target says which"
        return self.kind

    @property
    def metric(self) -> Metric:
        """What the criterion is stated in."""
        return "accuracy" if self.target_kind in ("binary", "category") else "mean_squared_error"

    @property
    def source_path(self) -> str | None:
        """The file or folder of the user's which it reads, None where it reads none."""
        return None if self.source_setting is None else getattr(self, self.source_setting)

    @property
    def source(self) -> str | None:
        """The word that names it, None where it reads none."""
        return None if self.source_path is None else f"task.{self.source_setting}={self.source_path}"

    @property
    def has_training_set(self) -> bool:
        """Whether training goes through a finite set of sequences, and does not draw them anew."""
        return True

    @property
    def target_layout(self) -> TargetLayout:
        """Where targets stand."""
        return "sequence"

    @property
    def num_steps(self) -> int:
        """Time steps of the longest input."""
        return self.sequence_length

    @property
    def decoded_steps(self) -> tuple[int, ...]:
        """Where targets are decoded: the steps of each sequence that is, one after the other."""
        return ()

    @property
    def frame_shape(self) -> tuple[int, int, int] | None:
        """Channels, height and width where the features of a step are a picture."""
        return None

    @property
    def validation_size(self) -> int:
        """Sequences of the validation set: half of the test set."""
        return self.test_size // 2
