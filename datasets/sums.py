"""Tasks whose target is a sum: the adding problem, and the sum of all numbers."""

import torch

from failmap.datasets.config import AddingConfig, SumRegressionConfig
from failmap.datasets.generated import GeneratedTask
from failmap.datasets.input_space import NUM_UNIFORM_VALUES
from failmap.datasets.task import Batch
from failmap.datasets.vocabulary import Words


class Adding(GeneratedTask):
    """The sum of the two numbers that are marked, one in the first half and one in the second.

    Experiment 4 of Hochreiter and Schmidhuber (1997), with halves as in Arjovsky et al. (2016). Features: a
    number of U(0, 1), and its mark, 1 or 0. At every step the target is the sum of the numbers marked so far.
    """

    config: AddingConfig
    output_size = 1
    target_range = (0.0, 2.0)
    perfect_metric = 0.0
    shortest_length = 2

    def show(self, words: Words, length: int) -> Batch:
        """Return the numbers and marks, and the sum of the marked numbers."""
        device = words.letters.device
        inputs = torch.zeros(len(words.letters), length, 2, device=device)
        numbers, marks = inputs.unbind(-1)
        torch.mul(words.letters, 1 / NUM_UNIFORM_VALUES, out=numbers)
        marked = words.leading
        marked[:, 1] += length // 2
        marks.scatter_(1, marked, 1.0)
        if self.config.target_layout == "step":
            return Batch(inputs, (numbers * marks).cumsum(1))
        return Batch(inputs, numbers.gather(1, marked).sum(1))


class SumRegression(GeneratedTask):
    """The sum of all numbers so far, each scaled to 0 .. 1: parity without its nonlinearity.

    One feature: a number of U(0, 1). With `number_range` it is a whole number scaled to 0 .. 1, so that the
    inputs are those of parity with the same range (2 for bits), and the same input can be classified or
    regressed; the sum of bits is how many ones there are.
    """

    config: SumRegressionConfig
    output_size = 1
    perfect_metric = 0.0

    def __init__(self, config: SumRegressionConfig, device: torch.device | None = None) -> None:
        super().__init__(config, device)
        self.target_range = (0.0, float(config.sequence_length))
        self._scale = NUM_UNIFORM_VALUES if config.number_range is None else config.number_range - 1

    def show(self, words: Words, length: int) -> Batch:
        """Return the numbers, and their sum."""
        numbers = torch.true_divide(words.letters, self._scale)
        # Sums of long sequences outgrow the precision of float32 on the way.
        sums = words.letters.cumsum(1) if self.config.target_layout == "step" else words.letters.sum(1)
        return Batch(numbers.unsqueeze(-1), (sums.double() / self._scale).float())
