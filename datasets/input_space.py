"""Number of distinct inputs of a generated task, in closed form. Imports no torch.

An input of a given length is a word: a few leading letters that give the positions of marks, each of an
alphabet of its own, then letters of one common alphabet. All letters are independent, their values are
equally likely, and different words are different inputs.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, takewhile
from operator import mul

#: U(0, 1) is drawn from the multiples of 2^-24 below 1, which float32 holds without a gap.
NUM_UNIFORM_VALUES = 2**24
#: A float64 distinguishes whole numbers up to here, and divides them without an error in the quotient.
_LARGEST_HEAD = 2**53


@dataclass(frozen=True)
class InputSpace:
    """The distinct inputs of one length.

    Attributes:
        leading: Size of each leading letter's alphabet.
        alphabet: Size of the alphabet of all other letters.
        num_letters: Number of other letters.
    """

    leading: tuple[int, ...]
    alphabet: int
    num_letters: int

    @cached_property
    def num_inputs(self) -> int:
        """Number of distinct inputs."""
        num_endings: int = self.alphabet**self.num_letters
        return math.prod(self.leading) * num_endings

    @cached_property
    def head(self) -> tuple[int, ...]:
        """Alphabet sizes of a word's first letters, as many as have at most 2^53 values together.

        The head distinguishes words where sets must not share any: it is the whole word, or has at least 2^29
        values, so that a word is practically never kept out because another one has the same head.
        """
        assert math.prod(self.leading) <= _LARGEST_HEAD, self
        sizes = (*self.leading, *[self.alphabet] * self.num_letters)
        products = accumulate(sizes, mul)
        return sizes[: sum(1 for _ in takewhile(lambda product: product <= _LARGEST_HEAD, products))]

    @property
    def num_heads(self) -> int:
        """Number of heads."""
        return math.prod(self.head)
