"""What predictors that are blind to the input get: exactly, and at the best of many evaluations.

Knows no torch, so that a criterion within chance's reach is told within a second.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from datasets.config import AddingConfig, DelayedRecallConfig, ParityConfig


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


def odd_probabilities(config: ParityConfig) -> list[float]:
    """Probability that the sum is odd at each labelled step.

    One number is odd with p = floor(n/2)/n, and the sum of t with (1 - (1 - 2p)^t)/2 (induction over t).
    """
    num_values = config.number_range or 2
    even_surplus = 1 - 2 * (num_values // 2) / num_values
    length = config.sequence_length
    first = 1 if config.target_layout == "step" else length
    return [(1 - even_surplus**step) / 2 for step in range(first, length + 1)]


def parity_chance(config: ParityConfig) -> Chance:
    """Guessing the likelier parity of each labelled step."""
    odd = odd_probabilities(config)
    return Chance(
        metric=_mean([max(p, 1 - p) for p in odd]),
        loss=_mean([_entropy(p) for p in odd]),
    )


def running_sum_moments(config: AddingConfig) -> list[tuple[float, float]]:
    """Mean and variance of the target at each labelled step.

    A number a of U(0, 1) is part of the sum at step t with probability p, which is that of its mark being
    at t or before: so its share has mean p/2 and variance E[a^2] p - (p/2)^2 = p/3 - p^2/4. The two marks
    are independent, so means and variances add up.
    """
    length = config.sequence_length
    moments = []
    for step in range(1 if config.target_layout == "step" else length, length + 1):
        marked = _marked(step, length)
        moments.append((sum(p / 2 for p in marked), sum(p / 3 - p * p / 4 for p in marked)))
    return moments


def first_half(sequence_length: int) -> int:
    """Steps of the first half, where the first mark of the adding problem stands."""
    return sequence_length // 2


def _marked(step: int, sequence_length: int) -> tuple[float, float]:
    """Probabilities that the first and the second mark stand at this step (from 1) or before."""
    half = first_half(sequence_length)
    return min(step / half, 1.0), max(0.0, (step - half) / (sequence_length - half))


def adding_chance(config: AddingConfig) -> Chance:
    """Guessing the mean of each labelled step: the variance is left, 1/6 at the last step."""
    variance = _mean([variance for _, variance in running_sum_moments(config)])
    return Chance(metric=variance, loss=variance)


def recall_chance(config: DelayedRecallConfig) -> Chance:
    """Guessing any of the equally likely symbols."""
    return Chance(metric=1 / config.num_symbols, loss=math.log(config.num_symbols))


def best_of_chance(
    accuracy: float, num_sequences: int, num_evaluations: int, probability: float = 1e-6
) -> float:
    """An accuracy that blind guessing exceeds at no evaluation, but with at most this probability.

    Bounds the upper tail of the binomial distribution by Chernoff, P(share >= q) <= exp(-n KL(q || p)), and
    the best of all evaluations by a union. The bound holds for any independent averages within [0, 1]
    (Hoeffding 1963, theorem 1), so labels within one sequence may depend on each other; the exact binomial
    quantile would not allow that.

    Args:
        accuracy: of blind guessing, in expectation, below 1.
        num_sequences: independent sequences that one evaluation averages over.
        num_evaluations: how often chance may try.
        probability: what the statement may be wrong with.

    Returns:
        The bound; 1.0 where chance may get everything right.
    """
    surprise = math.log(num_evaluations / probability) / num_sequences
    low, high = accuracy, 1.0
    if _divergence(high, accuracy) <= surprise:
        return 1.0
    for _ in range(60):
        middle = (low + high) / 2
        if _divergence(middle, accuracy) < surprise:
            low = middle
        else:
            high = middle
    return high


def least_error_of_chance(config: AddingConfig, num_sequences: int, probability: float = 1e-6) -> float:
    """A mean squared error on one fixed set that no blind guess of the adding problem gets below.

    The guess may be another one at every labelled step, and may be evaluated as often as it likes: the
    targets' variance within the set is left at least. Holds but with the given probability that the set has
    less variance than stated.

    For n targets y and one guess c, Chernoff gives P(mean (y - c)^2 <= e) <= exp(n (s e + ln E)) with any
    s > 0 and E >= E[exp(-s (y - c)^2)]. A grid of guesses over [0, 2] stands for the best one, which is at
    most half a gap away and so at most (gap/2)^2 better; a union over grid and steps does the rest. A sum
    of j numbers has a symmetric density with one peak, so E is largest where c is its middle (Anderson 1955).

    Returns:
        The bound, 0.0 where there are too few sequences for any.
    """
    length = config.sequence_length
    steps = range(1 if config.target_layout == "step" else length, length + 1)
    num_guesses = round(2 / _GUESS_GAP) + 1
    log_share = math.log(probability / (num_guesses * len(steps))) / num_sequences
    bounds = []
    # Later targets hold more numbers and vary more, so the first step of a block bounds all of the block.
    block = math.ceil(len(steps) / _NUM_BLOCKS)
    for start in range(0, len(steps), block):
        first, second = _marked(steps[start], length)
        shares = ((1 - first) * (1 - second), first + second - 2 * first * second, first * second)
        least = max(
            (log_share - math.log(sum(p * e for p, e in zip(shares, expected, strict=True)))) / s
            for s, expected in _SMOOTHED
        )
        bounds += [max(0.0, least - (_GUESS_GAP / 2) ** 2)] * len(steps[start : start + block])
    return _mean(bounds)


#: Between two guesses of the grid.
_GUESS_GAP = 0.02
#: Blocks of steps that are bounded together: more only sharpen the bound.
_NUM_BLOCKS = 64


def _smoothed(s: float) -> tuple[float, float, float]:
    """E[exp(-s (y - middle)^2)] for a sum y of no, one and two numbers of U(0, 1)."""
    root = math.sqrt(s)
    one = math.sqrt(math.pi) / root * math.erf(root / 2)
    two = math.sqrt(math.pi) / root * math.erf(root) - (1 - math.exp(-s)) / s
    return 1.0, one, two


_SMOOTHED = [(s, _smoothed(s)) for s in (1.25**exponent for exponent in range(-4, 30))]


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def _entropy(p: float) -> float:
    """Of a binary label, in nats."""
    return -sum(q * math.log(q) for q in (p, 1 - p) if q > 0)


def _divergence(q: float, p: float) -> float:
    """Kullback-Leibler divergence of two binary distributions, KL(q || p), in nats."""
    return sum(a * math.log(a / b) for a, b in ((q, p), (1 - q, 1 - p)) if a > 0)
