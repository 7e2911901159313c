"""Settings of tasks whose sequences are drawn by a formula."""

from abc import abstractmethod
from typing import ClassVar, Literal

from pydantic import Field, model_validator

from failmap.datasets.chance import Chance
from failmap.datasets.config.base import TargetLayout, TaskConfig
from failmap.datasets.input_space import InputSpace

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

    @abstractmethod
    def input_space(self, length: int) -> InputSpace:
        """Return the inputs of one length, which may be shorter than the full one."""

    @abstractmethod
    def chance(self) -> Chance:
        """Return what blind guessing gets, exactly."""

    def target_moments(self) -> tuple[float, float]:
        """Return mean and standard deviation of the targets, which only numbers and bits have."""
        return 0.5, 0.5

    @property
    def target_layout(self) -> TargetLayout:
        """One per sequence, or one at every step."""
        return "step" if self.supervision == "every_step" else "sequence"

    @property
    def labelled_steps(self) -> range:
        """Steps that have a label, counted from 1: all of them, or the last."""
        length = self.sequence_length
        return range(1 if self.target_layout == "step" else length, length + 1)

    @property
    def mean_length_share(self) -> float:
        """Mean length of training sequences as a share of the full length."""
        match self.length_distribution:
            case "fixed":
                return 1.0
            case "uniform":
                return (1 + 1 / self.sequence_length) / 2
            case "curriculum":
                return 1 - self.curriculum_share / 2

    @property
    def num_inputs(self) -> int:
        """Number of distinct inputs of the full length."""
        return self.input_space(self.sequence_length).num_inputs

    @property
    def num_held_out(self) -> int:
        """Sequences of validation and test together, unless the inputs are enumerated."""
        return self.validation_size + self.test_size

    @property
    def is_enumerated(self) -> bool:
        """Whether all sets hold every distinct input: holding some out would leave too few to train on.

        Less than half would be left. A map over length would otherwise show how few inputs are left, rather
        than the length that is too long.
        """
        return self.num_inputs < 2 * self.num_held_out

    @property
    def num_train_inputs(self) -> int:
        """Distinct inputs that training draws from: all but those held out, or all if enumerated."""
        return self.num_inputs if self.is_enumerated else self.num_inputs - self.num_held_out

    @property
    def num_train(self) -> int | None:
        """Sequences of the training set, at most as many as there are inputs; None if drawn anew."""
        return None if self.train_size is None else min(self.train_size, self.num_train_inputs)

    @property
    def num_validation(self) -> int:
        """Sequences of the validation set: as asked for, or every distinct input."""
        return self.num_inputs if self.is_enumerated else self.validation_size

    def split_notes(self) -> tuple[str, ...]:
        """Return one line for each way in which there are too few distinct inputs for disjoint sets."""
        notes = []
        if self.is_enumerated:
            notes.append(
                f"{self.name} of length {self.sequence_length} has {self.num_inputs:,} distinct inputs, and "
                f"validation and test would take {self.num_held_out:,}: all sets hold each of them"
            )
        if self.train_size is not None and self.train_size > self.num_train_inputs:
            notes.append(
                f"task.train_size={self.train_size} takes all of the {self.num_train_inputs:,} distinct "
                "inputs left"
            )
        return tuple(notes)

    @model_validator(mode="after")
    def _a_training_set_has_one_length(self) -> "GeneratedTaskConfig":
        if self.train_size is not None and self.length_distribution != "fixed":
            raise ValueError(
                f"task.length_distribution={self.length_distribution} needs fresh sequences: leave "
                "task.train_size out, or set task.length_distribution=fixed"
            )
        return self
