"""Settings of tasks whose target is a sum: a blind guess is the mean, and the variance is its error."""

import math
from collections.abc import Sequence
from typing import ClassVar, Literal

from pydantic import Field, model_validator

from failmap.datasets.chance import Chance, PartialSolution, mean
from failmap.datasets.config.base import TargetKind
from failmap.datasets.config.generated import GeneratedTaskConfig
from failmap.datasets.error_bounds import least_error_of_sum, least_error_of_two_numbers, number_variance
from failmap.datasets.input_space import NUM_UNIFORM_VALUES, InputSpace


class AddingConfig(GeneratedTaskConfig):
    """The adding problem (Hochreiter and Schmidhuber 1997): the sum of the two marked numbers."""

    kind: ClassVar[TargetKind | None] = "number"
    #: The number and its mark.
    num_features: ClassVar[int] = 2

    name: Literal["adding"] = "adding"

    def input_space(self, length: int) -> InputSpace:
        """Return all pairs of marks, one in each half, with all numbers."""
        half = length // 2
        return InputSpace((half, length - half), NUM_UNIFORM_VALUES, length)

    def chance(self) -> Chance:
        """Return chance of guessing the mean of each labelled step: the variance, 1/6 at the last step."""
        return _variance_left(self.moments())

    def partial_solutions(self) -> tuple[PartialSolution, ...]:
        """Return the error left to a network that knows the first number: the other's variance, 1/12."""
        known = _variance_left(self.moments(num_known=1))
        return (PartialSolution("knows one of the two numbers", known.metric, known.loss),)

    def target_moments(self) -> tuple[float, float]:
        """Return mean and standard deviation of the marked sum over all labelled steps."""
        moments = self.moments()
        average = mean([step_mean for step_mean, _ in moments])
        second_moment = mean([variance + step_mean**2 for step_mean, variance in moments])
        return average, math.sqrt(second_moment - average**2)

    def least_blind_error(self, chance: Chance, num_sequences: int) -> float:
        """Return a bound that sampling the set cannot break (see `error_bounds`)."""
        return least_error_of_two_numbers(self.labelled_steps, self.shares_marked, num_sequences)

    def moments(self, num_known: int = 0) -> list[tuple[float, float]]:
        """Return mean and variance of the marked sum at each labelled step, less the first numbers known.

        A number a of U(0, 1) is part of the sum at step t with probability p, which is that of its mark being
        at t or before: so its share has mean p/2 and variance E[a^2] p - (p/2)^2 = p/3 - p^2/4. The two marks
        are independent, so means and variances add up.
        """
        moments = []
        for step in self.labelled_steps:
            unknown = self.shares_marked(step)[num_known:]
            moments.append((sum(p / 2 for p in unknown), sum(p / 3 - p * p / 4 for p in unknown)))
        return moments

    def shares_marked(self, step: int) -> tuple[float, float]:
        """Return the probabilities that the first and second mark are at this step (from 1) or before it."""
        half = self.sequence_length // 2
        return min(step / half, 1.0), max(0.0, (step - half) / (self.sequence_length - half))

    @model_validator(mode="after")
    def _two_marks_fit(self) -> "AddingConfig":
        if self.sequence_length < 2:
            raise ValueError("task.sequence_length must be at least 2 for adding: two numbers are marked")
        return self


class SumRegressionConfig(GeneratedTaskConfig):
    """The sum of all numbers: of U(0, 1), or of bits and whole numbers, the same inputs as parity has."""

    kind: ClassVar[TargetKind | None] = "number"
    #: The number.
    num_features: ClassVar[int] = 1

    name: Literal["sum_regression"] = "sum_regression"
    number_range: int | None = Field(
        default=None, ge=2, le=1_000_000, description="whole numbers from 0 below this one instead of U(0, 1)"
    )

    def input_space(self, length: int) -> InputSpace:
        """Return all sequences of numbers."""
        return InputSpace((), self.number_range or NUM_UNIFORM_VALUES, length)

    def chance(self) -> Chance:
        """Return chance of guessing half the number of steps: n/12 at the last of n steps of U(0, 1)."""
        return _variance_left(self.moments())

    def target_moments(self) -> tuple[float, float]:
        """Return mean and standard deviation of the sum over all labelled steps."""
        moments = self.moments()
        average = mean([step_mean for step_mean, _ in moments])
        return average, math.sqrt(mean([variance + (m - average) ** 2 for m, variance in moments]))

    def least_blind_error(self, chance: Chance, num_sequences: int) -> float:
        """Return a bound that sampling the set cannot break (see `error_bounds`)."""
        return least_error_of_sum(self.labelled_steps, self.number_range, num_sequences)

    def moments(self) -> list[tuple[float, float]]:
        """Return mean and variance of the sum at each labelled step."""
        variance = number_variance(self.number_range)
        return [(step / 2, step * variance) for step in self.labelled_steps]


def _variance_left(moments: Sequence[tuple[float, float]]) -> Chance:
    variance = mean([variance for _, variance in moments])
    return Chance(metric=variance, loss=variance)
