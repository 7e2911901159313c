"""Odd or even: of the number of ones among bits, or of the sum of whole numbers."""

import math

import torch

from failmap.datasets.chance import parity_probabilities
from failmap.datasets.config import ParityConfig
from failmap.datasets.generated import GeneratedTask
from failmap.datasets.task import Batch
from failmap.datasets.words import Words


class Parity(GeneratedTask):
    """Tells whether the sum of all numbers until now is odd (1.0) or even (0.0).

    One feature: the number, scaled to 0 .. 1. With more numbers than bits the network must also find out
    which ones are odd.
    """

    config: ParityConfig
    input_size = 1
    output_size = 1

    def __init__(self, config: ParityConfig, device: torch.device | None = None) -> None:
        super().__init__(config, device)
        odd = parity_probabilities(config)
        mean = math.fsum(odd) / len(odd)
        self.target_moments = (mean, math.sqrt(mean * (1 - mean)))
        self._num_values = config.number_range or 2

    def show(self, words: Words, length: int) -> Batch:
        """The numbers, and the parity of their sum."""
        numbers = words.letters
        sums = numbers.cumsum(1) if self.config.target_layout == "step" else numbers.sum(1)
        inputs = torch.true_divide(numbers, self._num_values - 1).unsqueeze(-1)
        return Batch(inputs, (sums & 1).float())
