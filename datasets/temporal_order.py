"""In which order marks appeared (Hochreiter and Schmidhuber 1997, experiments 6a and 6b)."""

import torch
from torch.nn import functional

from failmap.datasets.chance import order_chance
from failmap.datasets.config import TemporalOrderConfig
from failmap.datasets.generated import GeneratedTask
from failmap.datasets.input_space import NUM_DISTRACTORS, mark_ranges
from failmap.datasets.task import Batch, PartialSolution
from failmap.datasets.words import Words


class TemporalOrder(GeneratedTask):
    """Which of X and Y each of two or three marks was, far apart among symbols that do not count.

    Features: one of a, b, c, d, X and Y. Marks stand where the paper has them, in proportion to the length
    (see mark_ranges). The paper's first and last symbols, E and B, are left out: sequences are of one length
    here, and the place of the label tells the end. The classes are XX, XY, YX, YY, or XXX to YYY. At every
    step the target is that of the marks seen until then, X standing for those to come.
    """

    config: TemporalOrderConfig
    input_size = NUM_DISTRACTORS + 2

    def __init__(self, config: TemporalOrderConfig, device: torch.device | None = None) -> None:
        super().__init__(config, device)
        self.output_size = 2**config.num_marks
        self.shortest_length = config.num_marks
        self.partial_solutions = tuple(
            PartialSolution(f"knows {known} of the {config.num_marks} marks", level.metric, level.loss)
            for known in range(1, config.num_marks)
            for level in [order_chance(config, known)]
        )

    def show(self, words: Words, length: int) -> Batch:
        """The symbols, and the class of the marks."""
        num_marks, device = self.config.num_marks, words.letters.device
        classes, places = words.leading[:, :1], words.leading[:, 1:]
        ranges = mark_ranges(num_marks, length)
        marked = [place + steps.start for place, steps in zip(places.unbind(1), ranges, strict=True)]
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
