"""Settings of tasks whose label is a bit: parity, and XOR of two marked bits."""

import math
from abc import abstractmethod
from typing import ClassVar, Literal

from pydantic import Field, model_validator

from failmap.datasets.chance import Chance, entropy, mean
from failmap.datasets.config.base import TargetKind
from failmap.datasets.config.generated import GeneratedTaskConfig
from failmap.datasets.input_space import InputSpace


class BitConfig(GeneratedTaskConfig):
    """A task whose label is a bit."""

    kind: ClassVar[TargetKind | None] = "binary"

    @abstractmethod
    def probabilities(self) -> list[float]:
        """Return the probability of a 1 at each labelled step."""

    def chance(self) -> Chance:
        """Return chance of guessing the likelier bit of each labelled step."""
        probabilities = self.probabilities()
        accuracies = [max(p, 1 - p) for p in probabilities]
        return Chance(metric=mean(accuracies), loss=mean([entropy(p) for p in probabilities]))

    def target_moments(self) -> tuple[float, float]:
        """Return mean and standard deviation of the bits over all labelled steps."""
        share = mean(self.probabilities())
        return share, math.sqrt(share * (1 - share))


class ParityConfig(BitConfig):
    """Odd or even: of the number of ones among bits, or of the sum of whole numbers."""

    #: The number.
    num_features: ClassVar[int] = 1

    name: Literal["parity"] = "parity"
    number_range: int | None = Field(
        default=None, ge=2, le=1_000_000, description="whole numbers from 0 below this one instead of bits"
    )

    @property
    def num_values(self) -> int:
        """Number of values of one number."""
        return self.number_range or 2

    def input_space(self, length: int) -> InputSpace:
        """Return all sequences of numbers."""
        return InputSpace((), self.num_values, length)

    def probabilities(self) -> list[float]:
        """Return the probability that the sum is odd at each labelled step.

        One number is odd with p = floor(n/2)/n, and the sum of t with (1 - (1 - 2p)^t)/2 (induction over t).
        """
        even_surplus = 1 - 2 * (self.num_values // 2) / self.num_values
        return [(1 - even_surplus**step) / 2 for step in self.labelled_steps]


class MarkedXorConfig(BitConfig):
    """Whether the two marked bits differ (Martens and Sutskever 2011 have marks in two ranges of steps)."""

    #: The bit and its mark.
    num_features: ClassVar[int] = 2

    name: Literal["marked_xor"] = "marked_xor"

    def input_space(self, length: int) -> InputSpace:
        """Return all pairs of marks with all bits.

        The two leading alphabets enumerate the pairs of different steps, each pair once. They are the rounds
        and the matches of a tournament where everybody meets everybody once.
        """
        return InputSpace((length - 1 + length % 2, length // 2), 2, length)

    def probabilities(self) -> list[float]:
        """Return the probability that the XOR of the marked bits seen so far is 1 at each labelled step.

        It is one half once a marked bit has been seen, and before that 0.
        """
        length = self.sequence_length
        pairs = math.comb(length, 2)
        return [(1 - math.comb(length - step, 2) / pairs) / 2 for step in self.labelled_steps]

    @model_validator(mode="after")
    def _two_marks_fit(self) -> "MarkedXorConfig":
        if self.sequence_length < 2:
            raise ValueError("task.sequence_length must be at least 2 for marked_xor: two bits are marked")
        return self
