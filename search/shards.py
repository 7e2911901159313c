"""Shards of a space, for machines that do not communicate.

Every machine computes the same order of cells from the configuration alone, and takes its share of them. A
cell is never split, so that its verdict needs no other machine.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

#: The symbol for a cell of another shard in the terminal.
ELSEWHERE = "/"

Item = TypeVar("Item")


@dataclass(frozen=True, order=True)
class Shard:
    """One of `count` shares of a space; `index` is from 1."""

    count: int
    index: int

    @classmethod
    def parse(cls, text: str) -> "Shard":
        """Parse a text such as 2/5. Raises ValueError with one line if it is invalid."""
        match = re.fullmatch(r"([0-9]{1,4})/([0-9]{1,4})", text)
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
    def text(self) -> str:
        """The shard as text: 'shard 2 of 5'."""
        return f"shard {self.index} of {self.count}"

    @property
    def suffix(self) -> str:
        """The suffix of its run's name, '.2of5', so that all shards can share a storage."""
        return f".{self.index}of{self.count}"

    @property
    def all(self) -> tuple["Shard", ...]:
        """All shards of the same space, this one included."""
        return tuple(Shard(index=index, count=self.count) for index in range(1, self.count + 1))

    def take(self, items: Sequence[Item]) -> list[Item]:
        """Return this shard's items, in the same order.

        Items are dealt back and forth (1 2 3 3 2 1 1 ...): if their cost rises along the order, no shard
        always gets the most expensive of a round. The share of a prefix is a prefix of the share.
        """
        mine = (self.index - 1, self.count - self.index)
        return [item for at, item in enumerate(items) if at % self.count == mine[at // self.count % 2]]


def checked_shard(text: str) -> str:
    """Return the text of a valid shard. Raises ValueError as `Shard.parse` does."""
    Shard.parse(text)
    return text


def shard_of_name(name: str) -> tuple[str, Shard | None]:
    """Split the suffix of a shard from a run's name: 'map.2of5' is 'map' and 2/5."""
    match = re.search(r"\.([1-9][0-9]{0,3})of([1-9][0-9]{0,3})$", name)
    if match is None or not int(match[1]) <= int(match[2]):
        return name, None
    return name[: match.start()], Shard(index=int(match[1]), count=int(match[2]))


def shard_problems(name: str | None, text: str, num_cells: int) -> list[str]:
    """Return the reasons why a run cannot be a shard, one line each.

    Args:
        name: The run's name as the user typed it, or None if it is generated.
        text: The shard, which can be parsed.
        num_cells: The number of cells that the budget reaches.
    """
    shard, problems = Shard.parse(text), []
    named = None if name is None else shard_of_name(name)[1]
    if named is not None and named != shard:
        problems.append(f"run={name}: the name is that of {named.text}, and shard={text} is another")
    if shard.count > num_cells:
        cells = f"{num_cells} cell{'s' * (num_cells != 1)}"
        problems.append(f"shard={text}: the budget reaches only {cells}: use at most {num_cells} shards")
    return problems


def name_of_shard(name: str, shard: Shard) -> str:
    """Return the name of a shard's run: 'map.2of5' for 'map', and for itself."""
    return name if shard_of_name(name)[1] == shard else f"{name}{shard.suffix}"
