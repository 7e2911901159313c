"""The adding problem (Hochreiter and Schmidhuber 1997, experiment 4; halves as in Arjovsky et al. 2016)."""

import math

import torch

from failmap.datasets.chance import adding_chance, running_sum_moments
from failmap.datasets.config import AddingConfig
from failmap.datasets.generated import GeneratedTask
from failmap.datasets.input_space import NUM_UNIFORM_VALUES, first_half
from failmap.datasets.task import Batch, PartialSolution
from failmap.datasets.words import Words


class Adding(GeneratedTask):
    """The sum of the two numbers that are marked, one in the first half and one in the second.

    Features: a number of U(0, 1), and its mark, 1 or 0. At every step the target is the sum of what has been
    marked until then.
    """

    config: AddingConfig
    input_size = 2
    output_size = 1
    target_range = (0.0, 2.0)
    perfect_metric = 0.0
    shortest_length = 2

    def __init__(self, config: AddingConfig, device: torch.device | None = None) -> None:
        super().__init__(config, device)
        moments = running_sum_moments(config)
        mean = math.fsum(mean for mean, _ in moments) / len(moments)
        second_moment = math.fsum(variance + mean**2 for mean, variance in moments) / len(moments)
        self.target_moments = (mean, math.sqrt(second_moment - mean**2))
        known = adding_chance(config, num_known=1)
        self.partial_solutions = (PartialSolution("knows one of the two numbers", known.metric, known.loss),)

    def show(self, words: Words, length: int) -> Batch:
        """The numbers and marks, and the sum of the marked numbers."""
        device = words.letters.device
        inputs = torch.zeros(len(words.letters), length, 2, device=device)
        numbers, marks = inputs.unbind(-1)
        torch.mul(words.letters, 1 / NUM_UNIFORM_VALUES, out=numbers)
        marked = words.leading
        marked[:, 1] += first_half(length)
        marks.scatter_(1, marked, 1.0)
        if self.config.target_layout == "step":
            return Batch(inputs, (numbers * marks).cumsum(1))
        return Batch(inputs, numbers.gather(1, marked).sum(1))
