"""The sum of all numbers: what parity asks without the nonlinearity."""

import math

import torch

from failmap.datasets.chance import sum_moments
from failmap.datasets.config import SumRegressionConfig
from failmap.datasets.generated import GeneratedTask
from failmap.datasets.input_space import NUM_UNIFORM_VALUES
from failmap.datasets.task import Batch
from failmap.datasets.words import Words


class SumRegression(GeneratedTask):
    """The sum of all numbers until now, as they are shown: from 0 to 1 each.

    One feature: a number of U(0, 1). With `number_range` it is a whole number scaled to 0 .. 1, so that the
    inputs are those of parity with the same range (2 for bits), and the same input can be classified or
    regressed; the sum of bits is how many ones there are.
    """

    config: SumRegressionConfig
    input_size = 1
    output_size = 1
    perfect_metric = 0.0

    def __init__(self, config: SumRegressionConfig, device: torch.device | None = None) -> None:
        super().__init__(config, device)
        self.target_range = (0.0, float(config.sequence_length))
        moments = sum_moments(config)
        mean = math.fsum(mean for mean, _ in moments) / len(moments)
        squared_spread = math.fsum(variance + (step_mean - mean) ** 2 for step_mean, variance in moments)
        self.target_moments = (mean, math.sqrt(squared_spread / len(moments)))
        self._scale = NUM_UNIFORM_VALUES if config.number_range is None else config.number_range - 1

    def show(self, words: Words, length: int) -> Batch:
        """The numbers, and their sum."""
        numbers = torch.true_divide(words.letters, self._scale)
        # Sums of long sequences outgrow the precision of float32 on the way.
        sums = words.letters.cumsum(1) if self.config.target_layout == "step" else words.letters.sum(1)
        return Batch(numbers.unsqueeze(-1), (sums.double() / self._scale).float())
