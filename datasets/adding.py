"""The adding problem (Hochreiter and Schmidhuber 1997, experiment 4; halves as in Arjovsky et al. 2016)."""

import math

import torch

from datasets.chance import first_half, running_sum_moments
from datasets.config import AddingConfig
from datasets.generated import GeneratedTask
from datasets.task import Batch


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

    def draw(self, generator: torch.Generator, batch_size: int, length: int) -> Batch:
        """Independent numbers, each mark anywhere in its half with equal probability."""
        device, half = generator.device, first_half(length)
        inputs = torch.zeros(batch_size, length, 2, device=device)
        numbers, marks = inputs.unbind(-1)
        numbers.uniform_(generator=generator)
        first = torch.randint(half, (batch_size, 1), generator=generator, device=device)
        second = torch.randint(half, length, (batch_size, 1), generator=generator, device=device)
        marked = torch.cat((first, second), dim=1)
        marks.scatter_(1, marked, 1.0)
        if self.config.target_layout == "step":
            return Batch(inputs, (numbers * marks).cumsum(1))
        return Batch(inputs, numbers.gather(1, marked).sum(1))
