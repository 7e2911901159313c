"""Words, the inputs of a generated task as letters, and how they are drawn (see `input_space`)."""

from itertools import accumulate
from operator import mul
from typing import NamedTuple

import torch
from jaxtyping import Int32, Int64
from torch import Tensor

from failmap.datasets.input_space import InputSpace

#: Up to so many numbers are shuffled as a whole to draw some of them.
_NUM_SHUFFLED = 2**20


class Words(NamedTuple):
    """Inputs as letters, before they become features.

    Attributes:
        leading: Letters with an alphabet each: the positions of marks.
        letters: Letters of one alphabet.
    """

    leading: Int64[Tensor, "batch leading"]
    letters: Int32[Tensor, "batch letters"]


class Vocabulary:
    """The words of one input space on one device, without those whose heads are kept out.

    A word's head (see `InputSpace.head`) is a number below `num_heads`, and its other letters are free. A
    head that is not kept out is found by its rank among all such heads, so that a draw never has to be
    repeated and a GPU never has to ask the host.

    Args:
        space: The input space.
        kept_out: Heads that no drawn word may have, in ascending order.
        device: Where words are drawn.

    Attributes:
        num_heads: Heads that are not kept out.
    """

    def __init__(
        self, space: InputSpace, device: torch.device, kept_out: Int64[Tensor, "kept"] | None = None
    ) -> None:
        self.space = space
        self.num_heads = space.num_heads - (0 if kept_out is None else len(kept_out))
        # How many heads below each kept one are free. A rank is moved on by every kept one with no more.
        self._free_below = None if kept_out is None else (kept_out - torch.arange(len(kept_out))).to(device)
        values = list(accumulate(reversed(space.head[1:]), mul, initial=1))
        self._place_values = torch.tensor(values[::-1], dtype=torch.float64, device=device)
        self._carried = torch.tensor(space.head[1:], dtype=torch.float64, device=device)

    def draw(self, generator: torch.Generator, num_words: int) -> Words:
        """Draw independent words; all that are not kept out are equally likely."""
        ranks = torch.randint(self.num_heads, (num_words,), generator=generator, device=generator.device)
        return self.with_ranks(ranks, generator)

    def with_ranks(self, ranks: Int64[Tensor, "batch"], generator: torch.Generator) -> Words:
        """Return the words with heads of these ranks among those not kept out; other letters are drawn."""
        if self._free_below is not None:
            ranks = ranks + torch.searchsorted(self._free_below, ranks, right=True)
        return self.with_heads(ranks, generator)

    def with_heads(self, heads: Int64[Tensor, "batch"], generator: torch.Generator) -> Words:
        """Return the words with the given heads, kept out or not; other letters are drawn."""
        # Whole numbers up to 2^53, so float64 is exact, and many times faster than int64 at dividing.
        digits = (heads.unsqueeze(1) / self._place_values).floor_()
        digits[:, 1:] -= digits[:, :-1] * self._carried
        num_leading = len(self.space.leading)
        letters = digits[:, num_leading:].int()
        num_free = self.space.num_letters - letters.shape[1]
        if num_free:
            free = torch.randint(
                self.space.alphabet,
                (len(heads), num_free),
                generator=generator,
                device=generator.device,
                dtype=torch.int32,
            )
            letters = torch.cat((letters, free), dim=1)
        return Words(digits[:, :num_leading].long(), letters)


def distinct_numbers(generator: torch.Generator, num_drawn: int, num_all: int) -> Int64[Tensor, "drawn"]:
    """Draw different whole numbers from 0 below `num_all` in random order, on the CPU."""
    assert num_drawn <= num_all
    if num_all <= max(_NUM_SHUFFLED, 4 * num_drawn):
        return torch.randperm(num_all, generator=generator)[:num_drawn]
    numbers = torch.empty(0, dtype=torch.int64)
    while len(numbers) < num_drawn:
        more = torch.randint(num_all, (num_drawn,), generator=generator)
        numbers = torch.cat((numbers, more)).unique()
    return numbers[torch.randperm(len(numbers), generator=generator)[:num_drawn]]
