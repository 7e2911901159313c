"""Chance where the target is a sum: the mean is guessed, and the variance is left."""

from failmap.datasets.chance.base import Chance, labelled_steps, mean
from failmap.datasets.config import AddingConfig, SumRegressionConfig
from failmap.datasets.input_space import first_half


def running_sum_moments(config: AddingConfig, num_known: int = 0) -> list[tuple[float, float]]:
    """Mean and variance of the marked sum at each labelled step, less the first numbers known.

    A number a of U(0, 1) is part of the sum at step t with probability p, which is that of its mark being
    at t or before: so its share has mean p/2 and variance E[a^2] p - (p/2)^2 = p/3 - p^2/4. The two marks
    are independent, so means and variances add up.
    """
    moments = []
    for step in labelled_steps(config):
        unknown = marked_shares(step, config.sequence_length)[num_known:]
        moments.append((sum(p / 2 for p in unknown), sum(p / 3 - p * p / 4 for p in unknown)))
    return moments


def marked_shares(step: int, sequence_length: int) -> tuple[float, float]:
    """Probabilities that the first and the second mark stand at this step (from 1) or before."""
    half = first_half(sequence_length)
    return min(step / half, 1.0), max(0.0, (step - half) / (sequence_length - half))


def adding_chance(config: AddingConfig, num_known: int = 0) -> Chance:
    """Guessing the mean of each labelled step: the variance is left, 1/6 at the last step.

    Who knows the first of the two numbers is left with the variance of the other, 1/12.
    """
    variance = mean([variance for _, variance in running_sum_moments(config, num_known)])
    return Chance(metric=variance, loss=variance)


def number_variance(number_range: int | None) -> float:
    """Variance of one number: of U(0, 1), or of one of K equally likely ones from 0 to 1."""
    return 1 / 12 if number_range is None else (number_range + 1) / (12 * (number_range - 1))


def sum_moments(config: SumRegressionConfig) -> list[tuple[float, float]]:
    """Mean and variance of the sum at each labelled step."""
    variance = number_variance(config.number_range)
    return [(step / 2, step * variance) for step in labelled_steps(config)]


def sum_chance(config: SumRegressionConfig) -> Chance:
    """Guessing half the number of steps: n/12 is left at the last of n steps of U(0, 1)."""
    variance = mean([variance for _, variance in sum_moments(config)])
    return Chance(metric=variance, loss=variance)
