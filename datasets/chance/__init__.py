"""What predictors that are blind to the input get: exactly, and at the best of many evaluations.

Knows no torch, so that a criterion within chance's reach is told within a second.
"""

from failmap.datasets.chance.base import Chance
from failmap.datasets.chance.bits import (
    marked_xor_chance,
    parity_chance,
    parity_probabilities,
    xor_probabilities,
)
from failmap.datasets.chance.bounds import best_of_chance
from failmap.datasets.chance.error_bounds import least_adding_error, least_sum_error
from failmap.datasets.chance.sums import adding_chance, running_sum_moments, sum_chance, sum_moments
from failmap.datasets.chance.symbols import copy_chance, order_chance, recall_chance

__all__ = [
    "Chance",
    "adding_chance",
    "best_of_chance",
    "copy_chance",
    "least_adding_error",
    "least_sum_error",
    "marked_xor_chance",
    "order_chance",
    "parity_chance",
    "parity_probabilities",
    "recall_chance",
    "running_sum_moments",
    "sum_chance",
    "sum_moments",
    "xor_probabilities",
]
