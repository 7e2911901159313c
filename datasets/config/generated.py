"""What tasks that are drawn by a formula may be asked for."""

from typing import ClassVar, Literal

from pydantic import Field, model_validator

from failmap.datasets.config.base import TargetKind, TargetLayout, TaskConfig

Supervision = Literal["last", "every_step"]
LengthDistribution = Literal["fixed", "uniform", "curriculum"]


class GeneratedTaskConfig(TaskConfig):
    """A task whose sequences are drawn anew for every batch, or once for a training set of a given size."""

    can_ask_at_last_step: ClassVar[bool] = True

    supervision: Supervision = Field(
        default="last", description="a label at the last step only, or at every step"
    )
    length_distribution: LengthDistribution = Field(
        default="fixed",
        description="lengths in training: always sequence_length; uniform from the shortest to it (one "
        "length a batch); or a longest length that grows with the updates. Validation is always at "
        "sequence_length",
    )
    curriculum_share: float = Field(
        default=0.5,
        gt=0,
        le=1,
        description="share of the update budget after which a curriculum has reached the full length",
    )
    train_size: int | None = Field(
        default=None,
        ge=1,
        le=10_000_000,
        description="sequences of a training set that is drawn once for each seed; none: fresh ones for "
        "every batch",
    )

    @property
    def has_training_set(self) -> bool:
        """Only where it has a size."""
        return self.train_size is not None

    @property
    def target_layout(self) -> TargetLayout:
        """One for a sequence, or one at every step."""
        return "step" if self.supervision == "every_step" else "sequence"

    @model_validator(mode="after")
    def _a_training_set_has_one_length(self) -> "GeneratedTaskConfig":
        if self.train_size is not None and self.length_distribution != "fixed":
            raise ValueError(
                f"task.length_distribution={self.length_distribution} needs fresh sequences: leave "
                "task.train_size out, or set task.length_distribution=fixed"
            )
        return self


class ParityConfig(GeneratedTaskConfig):
    """Odd or even: of the number of ones among bits, or of the sum of whole numbers."""

    kind: ClassVar[TargetKind | None] = "binary"

    name: Literal["parity"] = "parity"
    number_range: int | None = Field(
        default=None, ge=2, le=1_000_000, description="whole numbers from 0 below this one instead of bits"
    )


class MarkedXorConfig(GeneratedTaskConfig):
    """Whether the two marked bits differ (Martens and Sutskever 2011 have marks in two ranges of steps)."""

    kind: ClassVar[TargetKind | None] = "binary"

    name: Literal["marked_xor"] = "marked_xor"

    @model_validator(mode="after")
    def _two_marks_fit(self) -> "MarkedXorConfig":
        if self.sequence_length < 2:
            raise ValueError("task.sequence_length must be at least 2 for marked_xor: two bits are marked")
        return self


class AddingConfig(GeneratedTaskConfig):
    """The adding problem (Hochreiter and Schmidhuber 1997): the sum of the two marked numbers."""

    kind: ClassVar[TargetKind | None] = "number"

    name: Literal["adding"] = "adding"

    @model_validator(mode="after")
    def _two_marks_fit(self) -> "AddingConfig":
        if self.sequence_length < 2:
            raise ValueError("task.sequence_length must be at least 2 for adding: two numbers are marked")
        return self


class SumRegressionConfig(GeneratedTaskConfig):
    """The sum of all numbers: of U(0, 1), or of bits and whole numbers, the same inputs as parity has."""

    kind: ClassVar[TargetKind | None] = "number"

    name: Literal["sum_regression"] = "sum_regression"
    number_range: int | None = Field(
        default=None, ge=2, le=1_000_000, description="whole numbers from 0 below this one instead of U(0, 1)"
    )


class DelayedRecallConfig(GeneratedTaskConfig):
    """A symbol is shown at the first step and asked for at the last."""

    kind: ClassVar[TargetKind | None] = "category"

    name: Literal["delayed_recall"] = "delayed_recall"
    num_symbols: int = Field(default=2, ge=2, le=1000, description="how many different symbols there are")


class CopyMemoryConfig(GeneratedTaskConfig):
    """Symbols are shown, then blanks for `sequence_length` steps, then the symbols are to be said in order.

    The last blank is a cue. As in Arjovsky et al. (2016), with sequence_length + 2 x num_copied steps in all.
    """

    kind: ClassVar[TargetKind | None] = "category"
    can_ask_at_last_step: ClassVar[bool] = False

    name: Literal["copy_memory"] = "copy_memory"
    supervision: Literal["every_step"] = Field(default="every_step", description="always at every step")
    num_symbols: int = Field(default=8, ge=2, le=1000, description="how many different symbols there are")
    num_copied: int = Field(default=10, ge=1, le=1000, description="symbols of one sequence")

    @property
    def num_steps(self) -> int:
        """The symbols, the blanks, and the steps at which the symbols are to be said."""
        return self.sequence_length + 2 * self.num_copied


class TemporalOrderConfig(GeneratedTaskConfig):
    """In which order the marks X and Y appeared (Hochreiter and Schmidhuber 1997, experiment 6)."""

    kind: ClassVar[TargetKind | None] = "category"

    name: Literal["temporal_order"] = "temporal_order"
    num_marks: Literal[2, 3] = Field(default=2, description="marks in a sequence: 4 or 8 classes")

    @model_validator(mode="after")
    def _marks_fit(self) -> "TemporalOrderConfig":
        if self.sequence_length < self.num_marks:
            raise ValueError(
                f"task.sequence_length must be at least {self.num_marks} for temporal_order: so many steps "
                "are marked"
            )
        return self
