"""Chance where the label is a bit: parity, and XOR of two marked bits."""

import math

from failmap.datasets.chance.base import Chance, binary_chance, labelled_steps
from failmap.datasets.config import MarkedXorConfig, ParityConfig


def parity_probabilities(config: ParityConfig) -> list[float]:
    """Probability that the sum is odd at each labelled step.

    One number is odd with p = floor(n/2)/n, and the sum of t with (1 - (1 - 2p)^t)/2 (induction over t).
    """
    num_values = config.number_range or 2
    even_surplus = 1 - 2 * (num_values // 2) / num_values
    return [(1 - even_surplus**step) / 2 for step in labelled_steps(config)]


def parity_chance(config: ParityConfig) -> Chance:
    """Guessing the likelier parity of each labelled step."""
    return binary_chance(parity_probabilities(config))


def xor_probabilities(config: MarkedXorConfig) -> list[float]:
    """Probability that the marked bits seen so far differ from 0 in sum, at each labelled step.

    It is one half once a marked bit has been seen, and before that 0.
    """
    length = config.sequence_length
    pairs = math.comb(length, 2)
    return [(1 - math.comb(length - step, 2) / pairs) / 2 for step in labelled_steps(config)]


def marked_xor_chance(config: MarkedXorConfig) -> Chance:
    """Guessing 0 while a mark is unlikely to have been seen, and at random at the last step."""
    return binary_chance(xor_probabilities(config))
