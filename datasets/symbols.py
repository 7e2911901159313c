"""Tasks whose label is a symbol: delayed recall, copying, and the order of marks."""

import torch
from torch.nn import functional

from failmap.datasets.config import CopyMemoryConfig, DelayedRecallConfig, TemporalOrderConfig
from failmap.datasets.config.symbols import NUM_DISTRACTORS, mark_ranges
from failmap.datasets.generated import GeneratedTask
from failmap.datasets.task import Batch
from failmap.datasets.vocabulary import Words

#: The class, and the feature, of a blank step.
BLANK = 0


class DelayedRecall(GeneratedTask):
    """Which of K symbols was shown at the first step: memory, and nothing else.

    Features: the symbol one-hot at the first step and blanks after it, then a cue that is 1 at the last step.
    At every step the target is the same symbol.
    """

    config: DelayedRecallConfig

    def __init__(self, config: DelayedRecallConfig, device: torch.device | None = None) -> None:
        super().__init__(config, device)
        self.output_size = config.num_symbols

    def show(self, words: Words, length: int) -> Batch:
        """Return the symbol, the blanks and the cue, and the symbol again."""
        symbols = words.letters.long()
        inputs = torch.zeros(len(symbols), length, self.input_size, device=symbols.device)
        inputs[:, 0].scatter_(1, symbols, 1.0)
        inputs[:, -1, -1] = 1.0
        if self.config.target_layout == "step":
            return Batch(inputs, symbols.repeat(1, length))
        return Batch(inputs, symbols.squeeze(1))


class CopyMemory(GeneratedTask):
    """Copies `num_copied` of K symbols after `sequence_length` steps, the last of which cues the answer.

    The task of Arjovsky et al. (2016, section 5.1). Features: blank, the K symbols and the cue, one-hot. The
    input is the symbols, blanks, the cue, and blanks while the symbols are to be said. The target is blank
    (0) until then, and then the symbols (1 to K) in order. The loss is over all steps; the accuracy counts
    only those at which a symbol is to be said.
    """

    config: CopyMemoryConfig

    def __init__(self, config: CopyMemoryConfig, device: torch.device | None = None) -> None:
        super().__init__(config, device)
        self.output_size = config.num_symbols + 1
        self.counted_from = config.sequence_length + config.num_copied

    def show(self, words: Words, length: int) -> Batch:
        """Return the symbols, the blanks and the cue, and the symbols after so many steps."""
        num_copied, cue = self.config.num_copied, self.config.num_symbols + 1
        symbols = words.letters.long() + 1
        shown = functional.pad(symbols, (0, length + num_copied), value=BLANK)
        shown[:, num_copied + length - 1] = cue
        inputs = torch.zeros(*shown.shape, self.input_size, device=shown.device)
        inputs.scatter_(2, shown.unsqueeze(-1), 1.0)
        return Batch(inputs, functional.pad(symbols, (num_copied + length, 0), value=BLANK))


class TemporalOrder(GeneratedTask):
    """Which of X and Y each of two or three marks was, far apart among distractors.

    Experiments 6a and 6b of Hochreiter and Schmidhuber (1997). Features: a, b, c, d, X and Y, one-hot. Marks
    are where the paper has them, in proportion to the length (see `mark_ranges`). The paper's first and last
    symbols, E and B, are left out: sequences have one length here, and the label's step marks the end. The
    classes are XX, XY, YX, YY, or XXX to YYY. At every step the target is that of the marks seen so far, with
    X for those to come.
    """

    config: TemporalOrderConfig

    def __init__(self, config: TemporalOrderConfig, device: torch.device | None = None) -> None:
        super().__init__(config, device)
        self.output_size = 2**config.num_marks
        self.shortest_length = config.num_marks

    def show(self, words: Words, length: int) -> Batch:
        """Return the symbols, and the class of the marks."""
        num_marks, device = self.config.num_marks, words.letters.device
        classes, positions = words.leading[:, :1], words.leading[:, 1:]
        ranges = mark_ranges(num_marks, length)
        marked = [mark + steps.start for mark, steps in zip(positions.unbind(1), ranges, strict=True)]
        marks = torch.stack(marked, dim=1)
        # The first mark is the highest binary digit of the class.
        digits = torch.arange(num_marks - 1, -1, -1, device=device)
        is_y = classes >> digits & 1

        # Symbols make room for marks: a step shows the symbol of its number less the marks until then.
        steps = torch.arange(length, device=device)
        is_seen = steps >= marks.unsqueeze(2)
        symbols = functional.pad(words.letters.long(), (1, 0)).gather(1, 1 + steps - is_seen.sum(1))
        symbols = symbols.scatter(1, marks, NUM_DISTRACTORS + is_y)
        inputs = torch.zeros(*symbols.shape, self.input_size, device=device)
        inputs.scatter_(2, symbols.unsqueeze(2), 1.0)
        if self.config.target_layout == "step":
            return Batch(inputs, (is_seen * (is_y << digits).unsqueeze(2)).sum(1))
        return Batch(inputs, classes.squeeze(1))
