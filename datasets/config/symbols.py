"""Settings of tasks whose label is one of several symbols: recall, copying, and the order of marks."""

import math
from typing import ClassVar, Literal

from pydantic import Field, model_validator

from failmap.datasets.chance import Chance, PartialSolution, entropy, mean
from failmap.datasets.config.base import TargetKind
from failmap.datasets.config.generated import GeneratedTaskConfig
from failmap.datasets.input_space import InputSpace

#: Symbols of the temporal order task that are no mark: a, b, c and d in the paper.
NUM_DISTRACTORS = 4


class DelayedRecallConfig(GeneratedTaskConfig):
    """A symbol is shown at the first step and asked for at the last."""

    kind: ClassVar[TargetKind | None] = "category"

    name: Literal["delayed_recall"] = "delayed_recall"
    num_symbols: int = Field(default=2, ge=2, le=1000, description="how many different symbols there are")

    @property
    def num_features(self) -> int:
        """The symbols and the cue."""
        return self.num_symbols + 1

    def input_space(self, length: int) -> InputSpace:
        """Return one input for each symbol, whatever the length."""
        return InputSpace((), self.num_symbols, 1)

    def chance(self) -> Chance:
        """Return chance of guessing any of the equally likely symbols."""
        return Chance(metric=1 / self.num_symbols, loss=math.log(self.num_symbols))


class CopyMemoryConfig(GeneratedTaskConfig):
    """Symbols are shown, then blanks for `sequence_length` steps, then the symbols are to be said in order.

    The last blank is a cue. As in Arjovsky et al. (2016), with sequence_length + 2 x num_copied steps in all.
    """

    kind: ClassVar[TargetKind | None] = "category"
    can_ask_at_last_step: ClassVar[bool] = False

    name: Literal["copy_memory"] = "copy_memory"
    supervision: Literal["every_step"] = Field(default="every_step", description="always at every step")
    num_symbols: int = Field(default=8, ge=2, le=1000, description="how many different symbols there are")
    num_copied: int = Field(default=10, ge=1, le=1000, description="symbols of one sequence")

    @property
    def num_features(self) -> int:
        """The blank, the symbols and the cue."""
        return self.num_symbols + 2

    @property
    def num_steps(self) -> int:
        """The symbols, the blanks, and the steps at which the symbols are to be said."""
        return self.sequence_length + 2 * self.num_copied

    def input_space(self, length: int) -> InputSpace:
        """Return all sequences of symbols, whatever the length."""
        return InputSpace((), self.num_symbols, self.num_copied)

    def chance(self) -> Chance:
        """Return chance of guessing blanks up to the cue, and then any symbol.

        As in section 5.1 of Arjovsky et al. (2016). The accuracy counts the symbols only; the loss is a mean
        over all steps, the blanks being free.
        """
        nats = self.num_copied * math.log(self.num_symbols)
        return Chance(metric=1 / self.num_symbols, loss=nats / self.num_steps)


class TemporalOrderConfig(GeneratedTaskConfig):
    """In which order the marks X and Y appeared (Hochreiter and Schmidhuber 1997, experiment 6)."""

    kind: ClassVar[TargetKind | None] = "category"

    name: Literal["temporal_order"] = "temporal_order"
    num_marks: Literal[2, 3] = Field(default=2, description="marks in a sequence: 4 or 8 classes")

    @property
    def num_features(self) -> int:
        """The distractors, X and Y."""
        return NUM_DISTRACTORS + 2

    def input_space(self, length: int) -> InputSpace:
        """Return all classes, with all positions of the marks and all distractors between them."""
        num_positions = tuple(len(steps) for steps in mark_ranges(self.num_marks, length))
        return InputSpace((2**self.num_marks, *num_positions), NUM_DISTRACTORS, length - self.num_marks)

    def chance(self) -> Chance:
        """Return chance of guessing the likelier of X and Y for each mark."""
        return self.chance_with_known(0)

    def partial_solutions(self) -> tuple[PartialSolution, ...]:
        """Return a level for each number of marks that a network may know."""
        return tuple(
            PartialSolution(f"knows {known} of the {self.num_marks} marks", level.metric, level.loss)
            for known in range(1, self.num_marks)
            for level in [self.chance_with_known(known)]
        )

    def chance_with_known(self, num_known: int) -> Chance:
        """Return chance of guessing, for each mark but the first ones known, the likelier of X and Y.

        A mark counts as Y at a step if it is one and has been seen by then: half the probability of having
        been seen.
        """
        ranges = mark_ranges(self.num_marks, self.sequence_length)[num_known:]
        accuracies, losses = [], []
        for step in self.labelled_steps:
            seen = [min(max(step - steps.start, 0) / len(steps), 1.0) for steps in ranges]
            accuracies.append(math.prod(1 - p / 2 for p in seen))
            losses.append(sum(entropy(p / 2) for p in seen))
        return Chance(metric=mean(accuracies), loss=mean(losses))

    @model_validator(mode="after")
    def _marks_fit(self) -> "TemporalOrderConfig":
        if self.sequence_length < self.num_marks:
            raise ValueError(
                f"task.sequence_length must be at least {self.num_marks} for temporal_order: so many steps "
                "are marked"
            )
        return self


def mark_ranges(num_marks: int, length: int) -> tuple[range, ...]:
    """Return the steps, from 0, at which each mark of the temporal order task may be.

    The paper's ranges, 10 to 20 and 50 to 60 of 100 steps (three marks: 10 to 20, 33 to 43 and 66 to 76), in
    proportion to the length.
    """
    starts = (length // 10, length // 2) if num_marks == 2 else (length // 10, length // 3, 2 * length // 3)
    return tuple(range(start, start + length // 10 + 1) for start in starts)
