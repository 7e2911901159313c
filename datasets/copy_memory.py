"""Symbols are shown and, after a time, to be said in order (Arjovsky et al. 2016, section 5.1)."""

import torch
from torch.nn import functional

from failmap.datasets.config import CopyMemoryConfig
from failmap.datasets.generated import GeneratedTask
from failmap.datasets.task import Batch
from failmap.datasets.words import Words

#: The class, and the feature, of a step with nothing to say.
BLANK = 0


class CopyMemory(GeneratedTask):
    """Copies `num_copied` of K symbols after `sequence_length` steps, the last of which cues the answer.

    Features: one of blank, the K symbols, and the cue. Shown are the symbols, blanks, the cue, and blanks
    while the symbols are to be said. The target is blank (0) until then, and then the symbols (1 to K) in
    order. The loss is over all steps; the accuracy counts only those at which a symbol is to be said.
    """

    config: CopyMemoryConfig

    def __init__(self, config: CopyMemoryConfig, device: torch.device | None = None) -> None:
        super().__init__(config, device)
        self.input_size = config.num_symbols + 2
        self.output_size = config.num_symbols + 1
        self.counted_from = config.sequence_length + config.num_copied

    def show(self, words: Words, length: int) -> Batch:
        """The symbols, and the symbols after so many steps."""
        num_copied, cue = self.config.num_copied, self.config.num_symbols + 1
        symbols = words.letters.long() + 1
        shown = functional.pad(symbols, (0, length + num_copied), value=BLANK)
        shown[:, num_copied + length - 1] = cue
        inputs = torch.zeros(*shown.shape, self.input_size, device=shown.device)
        inputs.scatter_(2, shown.unsqueeze(-1), 1.0)
        return Batch(inputs, functional.pad(symbols, (num_copied + length, 0), value=BLANK))
