"""Lower bounds of the error, on one fixed set, of all guesses that are blind to the input."""

import math
from collections.abc import Callable
from functools import lru_cache

from failmap.datasets.chance import mean

#: Gap between two guesses of the grid of `least_error_of_two_numbers`.
_GUESS_GAP = 0.02
#: Blocks of steps that are bounded together: more only sharpen the bound.
_NUM_BLOCKS = 64
#: Gap between two guesses of `least_error_of_sum`, as a share of the standard deviation.
_RELATIVE_GUESS_GAP = 0.1
#: Gap between two values of a standard normal variable, and the largest of them.
_NORMAL_GAP, _LARGEST_NORMAL = 0.05, 8.0


def least_error_of_two_numbers(
    steps: range,
    shares_marked: Callable[[int], tuple[float, float]],
    num_sequences: int,
    probability: float = 1e-6,
) -> float:
    """Return a lower bound of the mean squared error of all blind guesses of the adding problem on a set.

    The guess may differ between labelled steps, and may be evaluated any number of times: at least the
    variance of the targets within the set is left. The given probability is that of a set with less variance.

    For n targets y and one guess c, Chernoff gives P(mean (y - c)^2 <= e) <= exp(n (s e + ln E)) with any
    s > 0 and E >= E[exp(-s (y - c)^2)]. A grid of guesses over [0, 2] replaces the best one, which is at
    most half a gap away and so at most (gap/2)^2 better; a union over grid and steps does the rest. A sum
    of j numbers has a symmetric density with one peak, so E is largest where c is its middle (Anderson 1955).

    Args:
        steps: Labelled steps, from 1.
        shares_marked: Probabilities that the first and the second number are marked at a step or before it.
        num_sequences: Sequences of the set.
        probability: Of the bound being wrong.

    Returns:
        The bound; 0.0 where there are too few sequences for any.
    """
    num_guesses = round(2 / _GUESS_GAP) + 1
    log_share = math.log(probability / (num_guesses * len(steps))) / num_sequences

    def bound(block: range) -> float:
        first, second = shares_marked(block[0])
        shares = ((1 - first) * (1 - second), first + second - 2 * first * second, first * second)
        least = max(
            (log_share - math.log(sum(p * e for p, e in zip(shares, expected, strict=True)))) / s
            for s, expected in _SMOOTHED
        )
        return least - (_GUESS_GAP / 2) ** 2

    return _mean_over_blocks(steps, bound)


def least_error_of_sum(
    steps: range, number_range: int | None, num_sequences: int, probability: float = 1e-6
) -> float:
    """Return the same bound for the sum of all numbers, by the same argument.

    For the sum y of t independent numbers, exp(-s (y - c)^2) is the mean of cos(sqrt(2 s) g (y - c)) over a
    standard normal g. So its own mean is at most that of |phi(sqrt(2 s) g)|^t, whatever the guess c, where
    phi is the characteristic function of one number. Guesses and s scale with the standard deviation of y.

    Args:
        steps: Labelled steps, from 1.
        number_range: Number of equally likely values from 0 to 1; None for U(0, 1).
        num_sequences: Sequences of the set.
        probability: Of the bound being wrong.
    """
    variance = number_variance(number_range)

    def bound(block: range) -> float:
        step = block[0]
        gap = _RELATIVE_GUESS_GAP * math.sqrt(step * variance)
        num_guesses = math.ceil(block[-1] / gap) + 1
        log_share = math.log(probability / (num_guesses * len(steps))) / num_sequences
        least = max((log_share - log_mean) / s for s, log_mean in _smoothed_sum(number_range, step))
        return least * step * variance - (gap / 2) ** 2

    return _mean_over_blocks(steps, bound)


def _mean_over_blocks(steps: range, bound: Callable[[range], float]) -> float:
    """Return the mean over all steps of a bound that holds for a block of consecutive ones.

    Later targets hold more numbers and vary more, so the first step of a block bounds all of it.
    """
    size = math.ceil(len(steps) / _NUM_BLOCKS)
    blocks = [steps[start : start + size] for start in range(0, len(steps), size)]
    return mean([each for block in blocks for each in [max(0.0, bound(block))] * len(block)])


def number_variance(number_range: int | None) -> float:
    """Return the variance of one number: of U(0, 1), or of one of K equally likely ones from 0 to 1."""
    return 1 / 12 if number_range is None else (number_range + 1) / (12 * (number_range - 1))


def _smoothed(s: float) -> tuple[float, float, float]:
    """Return E[exp(-s (y - middle)^2)] for a sum y of no, one and two numbers of U(0, 1)."""
    root = math.sqrt(s)
    one = math.sqrt(math.pi) / root * math.erf(root / 2)
    two = math.sqrt(math.pi) / root * math.erf(root) - (1 - math.exp(-s)) / s
    return 1.0, one, two


_SMOOTHED = [(s, _smoothed(s)) for s in (1.25**exponent for exponent in range(-4, 30))]


@lru_cache(maxsize=4096)
def _smoothed_sum(number_range: int | None, num_numbers: int) -> tuple[tuple[float, float], ...]:
    """Return pairs of s and ln E|phi(sqrt(2 s) g / deviation)|^t, for the sum of t numbers."""
    deviation = math.sqrt(num_numbers * number_variance(number_range))
    pairs = []
    for exponent in range(-3, 8):
        s = 1.6**exponent
        scale = math.sqrt(2 * s) / deviation
        total = math.fsum(
            weight * _characteristic(number_range, scale * normal) ** num_numbers
            for normal, weight in _NORMAL_WEIGHTS
        )
        pairs.append((s, math.log(total)))
    return tuple(pairs)


def _characteristic(number_range: int | None, frequency: float) -> float:
    """Return the absolute characteristic function of one number (see `number_variance`)."""
    if frequency == 0:
        return 1.0
    if number_range is None:
        return abs(math.sin(frequency / 2) / (frequency / 2))
    half_gap = frequency / (number_range - 1) / 2
    if math.sin(half_gap) == 0:
        return 1.0
    return min(1.0, abs(math.sin(number_range * half_gap) / (number_range * math.sin(half_gap))))


def _normal_weights() -> list[tuple[float, float]]:
    """Return values of a standard normal variable and their weights by the trapezoid rule, halves folded."""
    num_values = round(_LARGEST_NORMAL / _NORMAL_GAP) + 1
    values = [index * _NORMAL_GAP for index in range(num_values)]
    density = [math.exp(-value * value / 2) for value in values]
    total = 2 * math.fsum(density) - 1
    return [
        (value, (1 if value == 0 else 2) * weight / total)
        for value, weight in zip(values, density, strict=True)
    ]


_NORMAL_WEIGHTS = _normal_weights()
