"""Whether two marked bits differ, of many that do not count: parity's nonlinearity and adding's selection."""

import math

import torch

from failmap.datasets.chance import xor_probabilities
from failmap.datasets.config import MarkedXorConfig
from failmap.datasets.generated import GeneratedTask
from failmap.datasets.task import Batch
from failmap.datasets.words import Words


class MarkedXor(GeneratedTask):
    """The exclusive or of the two bits that are marked, at two different steps anywhere.

    Features: a bit, and its mark, 1 or 0. At every step the target is the exclusive or of the marked bits
    seen until then: 0 before the first, that bit before the second.
    """

    config: MarkedXorConfig
    input_size = 2
    output_size = 1
    shortest_length = 2

    def __init__(self, config: MarkedXorConfig, device: torch.device | None = None) -> None:
        super().__init__(config, device)
        ones = xor_probabilities(config)
        mean = math.fsum(ones) / len(ones)
        self.target_moments = (mean, math.sqrt(mean * (1 - mean)))

    def show(self, words: Words, length: int) -> Batch:
        """The bits and marks, and the exclusive or of the marked bits."""
        inputs = torch.zeros(len(words.letters), length, 2, device=words.letters.device)
        bits, marks = inputs.unbind(-1)
        bits.copy_(words.letters)
        # Round and match of a tournament where everybody meets everybody once, as pair_alphabets has it: in
        # a round, players at a distance meet; where their number is even, the last one meets the odd one out.
        rounds, matches = words.leading.unbind(1)
        num_players = length - 1 + length % 2
        distance = matches + length % 2
        other = torch.where(distance == 0, length - 1, (rounds + distance) % num_players)
        marks.scatter_(1, torch.stack((rounds, other), dim=1), 1.0)
        counted = bits * marks
        sums = counted.cumsum(1) if self.config.target_layout == "step" else counted.sum(1)
        return Batch(inputs, sums % 2)
