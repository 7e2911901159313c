"""What chance is, and the averages that it is made of."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from failmap.datasets.config import GeneratedTaskConfig


@dataclass(frozen=True)
class Chance:
    """What the best predictor that is blind to the input gets, exactly.

    It knows the task, and where labels stand at every step also the step.

    Attributes:
        metric: its accuracy, or its mean squared error.
        loss: its expected loss under the task's natural loss (cross-entropy in nats for labels, mean
            squared error for numbers).
    """

    metric: float
    loss: float


def labelled_steps(config: GeneratedTaskConfig) -> range:
    """The steps that have a label, counted from 1: all of them, or the last."""
    length = config.sequence_length
    return range(1 if config.target_layout == "step" else length, length + 1)


def mean(values: Sequence[float]) -> float:
    """The mean, without a rounding error that grows with the number of values."""
    return math.fsum(values) / len(values)


def binary_chance(probabilities: Sequence[float]) -> Chance:
    """Guessing the likelier label of each step, given the probability of a 1 there."""
    return Chance(
        metric=mean([max(p, 1 - p) for p in probabilities]), loss=mean([entropy(p) for p in probabilities])
    )


def entropy(p: float) -> float:
    """Of a binary label, in nats."""
    return -sum(q * math.log(q) for q in (p, 1 - p) if q > 0)
