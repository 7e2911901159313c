"""Settings that all tasks share, and what a task states about itself before it is built.

Nothing here imports torch, so that a mistake in a configuration is reported within a second.
"""

from abc import abstractmethod
from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from failmap.datasets.chance import Chance, PartialSolution

#: Kind of a target: 0 or 1; one of several classes; a number; a share from 0 to 1, such as a pixel.
TargetKind = Literal["binary", "category", "number", "share"]
#: Position of targets: one per sequence; one at every step of the input; a sequence of their own after the
#: input.
TargetLayout = Literal["sequence", "step", "decoded"]
#: Metrics of classes: 1 is perfect.
ClassMetric = Literal["accuracy", "balanced_accuracy", "f1", "auroc"]
Metric = ClassMetric | Literal["mean_squared_error"]


class Config(BaseModel):
    """A frozen configuration that takes no unknown key and no infinite number."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class TaskConfig(Config):
    """Settings of every task."""

    #: Kind of the targets, where it does not depend on the settings.
    kind: ClassVar[TargetKind | None] = None
    #: The setting that names the user's files which the task reads; None if it reads none.
    source_setting: ClassVar[str | None] = None
    #: Whether a target at every step can be replaced by one at the last step.
    can_ask_at_last_step: ClassVar[bool] = False
    #: Accuracy that counts as learned where the metric is accuracy.
    target_accuracy: ClassVar[float] = 0.99
    #: Share of chance's mean squared error to get below where that is the metric.
    target_error_share: ClassVar[float] = 0.05

    name: str
    sequence_length: int = Field(default=10, ge=1, le=100_000, description="time steps of one input")
    test_size: int = Field(
        default=1024, ge=2, description="test sequences; validation has half as many; both are fixed"
    )

    @property
    @abstractmethod
    def num_features(self) -> int:
        """Features of one time step; nominal where only a file knows."""

    @property
    @abstractmethod
    def num_train(self) -> int | None:
        """Sequences of the training set, nominal where only a file knows; None if drawn anew every batch."""

    @property
    def target_kind(self) -> TargetKind:
        """Kind of the targets, which decides the losses that fit."""
        assert self.kind is not None, "a task with several kinds of targets overrides this"
        return self.kind

    @property
    def metric_name(self) -> Metric:
        """Metric of the criterion."""
        return "accuracy" if self.target_kind in ("binary", "category") else "mean_squared_error"

    @property
    def is_larger_better(self) -> bool:
        """Whether a larger metric is better: that of classes is, an error is not."""
        return self.metric_name != "mean_squared_error"

    @property
    def source_path(self) -> str | None:
        """The user's file or folder which the task reads, None if it reads none."""
        return None if self.source_setting is None else getattr(self, self.source_setting)

    @property
    def source_paths(self) -> tuple[str, ...]:
        """All of the user's files or folders which the task reads."""
        return () if self.source_path is None else (self.source_path,)

    @property
    def source(self) -> str | None:
        """The argument that names that file or folder, None if the task reads none."""
        return None if self.source_path is None else f"task.{self.source_setting}={self.source_path}"

    @property
    def target_layout(self) -> TargetLayout:
        """Position of targets."""
        return "sequence"

    @property
    def num_steps(self) -> int:
        """Time steps of the longest input."""
        return self.sequence_length

    @property
    def mean_length_share(self) -> float:
        """Mean length of training sequences as a share of the full length."""
        return 1.0

    @property
    def decoded_steps(self) -> tuple[int, ...]:
        """Steps of each decoded target sequence, one after the other; empty if nothing is decoded."""
        return ()

    @property
    def continues_input(self) -> bool:
        """Whether the targets continue the first features of the input."""
        return self.target_layout == "decoded" and self.target_kind in ("number", "share")

    @property
    def frame_shape(self) -> tuple[int, int, int] | None:
        """Channels, height and width if the features of a step are a picture."""
        return None

    @property
    def validation_size(self) -> int:
        """Sequences asked for validation: half of the test set."""
        return self.test_size // 2

    @property
    def num_validation(self) -> int:
        """Sequences of the validation set."""
        return self.validation_size

    @property
    def is_enumerated(self) -> bool:
        """Whether all sets hold every distinct input."""
        return False

    def chance(self) -> Chance | None:
        """Return what blind guessing gets, or None where only the data determine it."""
        return None

    def partial_solutions(self) -> tuple[PartialSolution, ...]:
        """Return the levels between chance and perfection that are known in closed form, the worst first."""
        return ()

    def target_metric(self, chance: Chance | None = None) -> float:
        """Return the task's own criterion: an accuracy to reach, or a mean squared error to get below.

        Args:
            chance: Measured chance, where only the data determine it.
        """
        if self.is_larger_better:
            return self.target_accuracy
        chance = chance or self.chance()
        assert chance is not None, "chance of this task must be measured"
        return self.target_error_share * chance.metric

    def metric_at_skill(self, skill: float, chance: Chance) -> float:
        """Return the metric at a skill, which is 0 at chance and 1 at perfection."""
        perfect = 1.0 if self.is_larger_better else 0.0
        return chance.metric + skill * (perfect - chance.metric)

    def least_blind_error(self, chance: Chance, num_sequences: int) -> float:
        """Return a lower bound of the mean squared error of all blind guesses on a set of so many sequences.

        By default this is chance itself, which holds if chance is measured on the validation set.
        """
        return chance.metric
