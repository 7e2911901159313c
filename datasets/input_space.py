"""How many distinct inputs a generated task has, in closed form. Knows no torch.

Every input of one length is a word: a few leading letters that say where marks stand, each of an alphabet of
its own, and then letters of one alphabet. All are independent and their values equally likely, and different
words are different inputs.
"""

import math
from dataclasses import dataclass
from functools import cached_property

from failmap.datasets.config import (
    AddingConfig,
    CopyMemoryConfig,
    DelayedRecallConfig,
    GeneratedTaskConfig,
    MarkedXorConfig,
    ParityConfig,
    SumRegressionConfig,
    TaskConfig,
    TemporalOrderConfig,
)

#: U(0, 1) stands for the multiples of 2^-24 below 1, which float32 holds without a gap.
NUM_UNIFORM_VALUES = 2**24
#: Symbols of the temporal order task that are no mark: a, b, c and d in the paper.
NUM_DISTRACTORS = 4
#: A float64 tells whole numbers up to here apart, and divides them without an error in the quotient.
_LARGEST_HEAD = 2**53


@dataclass(frozen=True)
class InputSpace:
    """The distinct inputs of one length.

    Attributes:
        leading: the size of each leading letter's alphabet.
        alphabet: the size of the alphabet of all other letters.
        num_letters: how many other letters there are.
    """

    leading: tuple[int, ...]
    alphabet: int
    num_letters: int

    @cached_property
    def num_inputs(self) -> int:
        """How many distinct inputs there are."""
        num_endings: int = self.alphabet**self.num_letters
        return math.prod(self.leading) * num_endings

    @cached_property
    def head(self) -> tuple[int, ...]:
        """Alphabet sizes of a word's first letters, as many as have at most 2^53 values together.

        The head tells words apart where sets must not share any: it is the whole word, or has 2^29 values at
        least, so that a word is as good as never kept out for another one with its head.
        """
        sizes, num_heads = list(self.leading), math.prod(self.leading)
        assert num_heads <= _LARGEST_HEAD, self
        while (
            len(sizes) < len(self.leading) + self.num_letters and num_heads * self.alphabet <= _LARGEST_HEAD
        ):
            sizes.append(self.alphabet)
            num_heads *= self.alphabet
        return tuple(sizes)

    @property
    def num_heads(self) -> int:
        """How many heads there are."""
        return math.prod(self.head)


def input_space(config: GeneratedTaskConfig, length: int) -> InputSpace:
    """The inputs of a task at one length, which may be shorter than its full one."""
    match config:
        case ParityConfig():
            return InputSpace((), config.number_range or 2, length)
        case MarkedXorConfig():
            return InputSpace(pair_alphabets(length), 2, length)
        case AddingConfig():
            half = first_half(length)
            return InputSpace((half, length - half), NUM_UNIFORM_VALUES, length)
        case SumRegressionConfig():
            return InputSpace((), config.number_range or NUM_UNIFORM_VALUES, length)
        case CopyMemoryConfig():
            return InputSpace((), config.num_symbols, config.num_copied)
        case DelayedRecallConfig():
            return InputSpace((), config.num_symbols, 1)
        case _:
            assert isinstance(config, TemporalOrderConfig), config
            places = tuple(len(steps) for steps in mark_ranges(config.num_marks, length))
            return InputSpace((2**config.num_marks, *places), NUM_DISTRACTORS, length - config.num_marks)


def num_held_out(config: TaskConfig) -> int:
    """Sequences that validation and test ask for together."""
    return config.validation_size + config.test_size


def is_enumerated(config: TaskConfig) -> bool:
    """Whether all sets hold every distinct input: holding some out would leave less than half to train on.

    A map over length would otherwise show how few inputs are left, where it asks for what is too long.
    """
    if not isinstance(config, GeneratedTaskConfig):
        return False
    return input_space(config, config.sequence_length).num_inputs < 2 * num_held_out(config)


def num_validation_sequences(config: TaskConfig) -> int:
    """Sequences of the validation set: as asked for, or every distinct input."""
    if isinstance(config, GeneratedTaskConfig) and is_enumerated(config):
        return input_space(config, config.sequence_length).num_inputs
    return config.validation_size


def first_half(sequence_length: int) -> int:
    """Steps of the first half, where the first mark of the adding problem stands."""
    return sequence_length // 2


def pair_alphabets(length: int) -> tuple[int, int]:
    """Two alphabets whose words stand for the pairs of two different steps, each pair once.

    They are the rounds and the matches of a tournament where everybody meets everybody once.
    """
    return (length, length // 2) if length % 2 else (length - 1, length // 2)


def mark_ranges(num_marks: int, length: int) -> tuple[range, ...]:
    """Where each mark of the temporal order task may stand: steps from 0.

    The paper's ranges, 10 to 20 and 50 to 60 of 100 steps (three marks: 10 to 20, 33 to 43 and 66 to 76), in
    proportion to the length.
    """
    starts = (length // 10, length // 2) if num_marks == 2 else (length // 10, length // 3, 2 * length // 3)
    return tuple(range(start, start + length // 10 + 1) for start in starts)
