"""Shards: one space shared out among machines that know nothing of each other.

Every machine works out the same order of cells from the configuration alone, and takes every n-th of them.
A cell stays whole, so that its verdict needs no other machine.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

#: What stands for a cell of another shard in the terminal.
ELSEWHERE = "/"

_TEXT = re.compile(r"([0-9]{1,4})/([0-9]{1,4})")
_SUFFIX = re.compile(r"\.([1-9][0-9]{0,3})of([1-9][0-9]{0,3})$")

Item = TypeVar("Item")


@dataclass(frozen=True, order=True)
class Shard:
    """One of several shares of a space, both numbers from 1."""

    count: int
    index: int

    @classmethod
    def parse(cls, text: str) -> "Shard":
        """Reads 2/5. Raises ValueError, one line, where it is none."""
        match = _TEXT.fullmatch(text)
        if match is None:
            raise ValueError("must be two whole numbers, as in 2/5: the second of five")
        shard = cls(index=int(match[1]), count=int(match[2]))
        if shard.count < 1:
            raise ValueError("there must be at least one shard, as in 1/1")
        if not 1 <= shard.index <= shard.count:
            raise ValueError(f"the shards are 1/{shard.count} to {shard.count}/{shard.count}")
        return shard

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"

    @property
    def words(self) -> str:
        """'shard 2 of 5'."""
        return f"shard {self.index} of {self.count}"

    @property
    def suffix(self) -> str:
        """What the names of its runs end with, so that all shards may lie in one storage: '.2of5'."""
        return f".{self.index}of{self.count}"

    @property
    def all(self) -> tuple["Shard", ...]:
        """Itself and those beside it."""
        return tuple(Shard(index=index, count=self.count) for index in range(1, self.count + 1))

    def take(self, items: Sequence[Item]) -> list[Item]:
        """Its share, in the same order.

        Dealt back and forth (1 2 3 3 2 1 1 ...): where items grow dearer along the order, nobody always gets
        the dearest of a round. The share of a longer sequence begins with the share of its beginning.
        """
        mine = (self.index - 1, self.count - self.index)
        return [item for at, item in enumerate(items) if at % self.count == mine[at // self.count % 2]]


def checked_shard(text: str) -> str:
    """The text itself. Raises ValueError as `Shard.parse` does."""
    Shard.parse(text)
    return text


def shard_of_name(name: str) -> tuple[str, Shard | None]:
    """A run's name without a shard's suffix, and the shard: 'map.2of5' is 'map' and 2/5."""
    match = _SUFFIX.search(name)
    if match is None or not int(match[1]) <= int(match[2]):
        return name, None
    return name[: match.start()], Shard(index=int(match[1]), count=int(match[2]))


def shard_problems(name: str | None, text: str, num_cells: int) -> list[str]:
    """Why a run cannot be a shard, a line each.

    Args:
        name: the run's as the user typed it; None where it is made up.
        text: of the shard, which can be read.
        num_cells: that the budget reaches.
    """
    shard, problems = Shard.parse(text), []
    named = None if name is None else shard_of_name(name)[1]
    if named is not None and named != shard:
        problems.append(f"run={name}: the name says {named.words}, and shard={text} says another")
    if shard.count > num_cells:
        cells = f"{num_cells} cell{'s' * (num_cells != 1)}"
        problems.append(f"shard={text}: the budget reaches {cells} only: deal them among as many at most")
    return problems


def name_of_shard(name: str, shard: Shard) -> str:
    """The name of a shard's run: 'map' becomes 'map.2of5', which stays as it is."""
    return name if shard_of_name(name)[1] == shard else f"{name}{shard.suffix}"
