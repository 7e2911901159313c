"""A symbol is shown at the first step and asked for at the last: memory, and nothing else."""

import torch

from failmap.datasets.config import DelayedRecallConfig
from failmap.datasets.generated import GeneratedTask
from failmap.datasets.task import Batch
from failmap.datasets.words import Words


class DelayedRecall(GeneratedTask):
    """Which of K symbols stood at the first step.

    Features: the symbol as one of K at the first step and blanks after it, then a cue that is 1 at the last
    step. At every step the target is the same symbol.
    """

    config: DelayedRecallConfig

    def __init__(self, config: DelayedRecallConfig, device: torch.device | None = None) -> None:
        super().__init__(config, device)
        self.input_size = config.num_symbols + 1
        self.output_size = config.num_symbols

    def show(self, words: Words, length: int) -> Batch:
        """The symbol, the blanks and the cue."""
        symbols = words.letters.long()
        inputs = torch.zeros(len(symbols), length, self.input_size, device=symbols.device)
        inputs[:, 0].scatter_(1, symbols, 1.0)
        inputs[:, -1, -1] = 1.0
        if self.config.target_layout == "step":
            return Batch(inputs, symbols.repeat(1, length))
        return Batch(inputs, symbols.squeeze(1))
