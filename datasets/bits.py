"""Tasks whose label is a bit: parity, and the XOR of two marked bits."""

import torch

from failmap.datasets.config import MarkedXorConfig, ParityConfig
from failmap.datasets.generated import GeneratedTask
from failmap.datasets.task import Batch
from failmap.datasets.vocabulary import Words


class Parity(GeneratedTask):
    """Whether the sum of all numbers so far is odd (1.0) or even (0.0).

    One feature: the number, scaled to 0 .. 1. With more numbers than bits the network must also find out
    which ones are odd.
    """

    config: ParityConfig
    output_size = 1

    def show(self, words: Words, length: int) -> Batch:
        """Return the numbers, and the parity of their sum."""
        numbers = words.letters
        sums = numbers.cumsum(1) if self.config.target_layout == "step" else numbers.sum(1)
        inputs = torch.true_divide(numbers, self.config.num_values - 1).unsqueeze(-1)
        return Batch(inputs, (sums & 1).float())


class MarkedXor(GeneratedTask):
    """The exclusive or of the two bits that are marked, at two different steps anywhere.

    Features: a bit, and its mark, 1 or 0. At every step the target is the exclusive or of the marked bits
    seen so far: 0 before the first, that bit before the second. Combines parity's nonlinearity and the adding
    problem's selection.
    """

    config: MarkedXorConfig
    output_size = 1
    shortest_length = 2

    def show(self, words: Words, length: int) -> Batch:
        """Return the bits and marks, and the exclusive or of the marked bits."""
        inputs = torch.zeros(len(words.letters), length, 2, device=words.letters.device)
        bits, marks = inputs.unbind(-1)
        bits.copy_(words.letters)
        # Round and match of a tournament where everybody meets everybody once, as in input_space: in a round,
        # players at a distance meet; if their number is even, the last one meets the odd one out.
        rounds, matches = words.leading.unbind(1)
        num_players = length - 1 + length % 2
        distance = matches + length % 2
        other = torch.where(distance == 0, length - 1, (rounds + distance) % num_players)
        marks.scatter_(1, torch.stack((rounds, other), dim=1), 1.0)
        counted = bits * marks
        sums = counted.cumsum(1) if self.config.target_layout == "step" else counted.sum(1)
        return Batch(inputs, sums % 2)
