"""Results of predictors that are blind to the input: exactly, and at the best of many evaluations.

Nothing here imports torch, so that a criterion within reach of chance is reported within a second.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

#: Risk, over all evaluations of one trial, that blind guessing meets a criterion. More is refused.
TOLERATED_LUCK = 1e-3


@dataclass(frozen=True)
class Chance:
    """Exact result of the best predictor that is blind to the input.

    It knows the task, and where labels are given at every step also the step.

    Attributes:
        metric: Its accuracy or another metric of classes, or its mean squared error.
        loss: Its expected loss under the task's natural loss (cross-entropy in nats for labels, mean
            squared error for numbers).
    """

    metric: float
    loss: float


class PartialSolution(NamedTuple):
    """A level at which a network gets stuck if it has understood only a part of the task.

    Attributes:
        name: The part, as in 'knows one of the two numbers'.
        metric: The task's metric at that level.
        loss: The natural loss, as in `Chance`.
    """

    name: str
    metric: float
    loss: float


def mean(values: Sequence[float]) -> float:
    """Return the mean without a rounding error that grows with the number of values."""
    return math.fsum(values) / len(values)


def entropy(p: float) -> float:
    """Return the entropy of a binary label in nats, given the probability of a 1."""
    return -sum(q * math.log(q) for q in (p, 1 - p) if q > 0)


def best_of_chance(
    accuracy: float, num_sequences: int, num_evaluations: int, probability: float = TOLERATED_LUCK
) -> float:
    """Return an accuracy that blind guessing exceeds at any evaluation with at most this probability.

    Bounds the upper tail of the binomial distribution by Chernoff, P(share >= q) <= exp(-n KL(q || p)), and
    the best of all evaluations by a union. The bound holds for any independent averages within [0, 1]
    (Hoeffding 1963, theorem 1), so labels within one sequence may depend on each other; the exact binomial
    quantile would not allow that. It also holds where no sequence is drawn twice (theorem 4).

    Args:
        accuracy: Expected accuracy of blind guessing, below 1.
        num_sequences: Independent sequences that one evaluation averages over.
        num_evaluations: How often chance may try.
        probability: Of the bound being exceeded.

    Returns:
        The bound; 1.0 where chance may get everything right.
    """
    surprise = math.log(num_evaluations / probability) / num_sequences
    low, high = accuracy, 1.0
    if divergence(high, accuracy) <= surprise:
        return 1.0
    for _ in range(60):
        middle = (low + high) / 2
        if divergence(middle, accuracy) < surprise:
            low = middle
        else:
            high = middle
    return high


def divergence(q: float, p: float) -> float:
    """Return the Kullback-Leibler divergence of two binary distributions, KL(q || p), in nats."""
    return sum(a * math.log(a / b) for a, b in ((q, p), (1 - q, 1 - p)) if a > 0)
