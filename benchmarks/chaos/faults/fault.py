"""One kind of fault."""

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.chaos.lab import Lab
from benchmarks.chaos.tally import Tally


@dataclass(frozen=True)
class Fault:
    """A way to disturb runs.

    Attributes:
        what: one line, for the table.
        minutes: its share of a chaos of twenty minutes.
        inject: disturbs runs and counts, until so many seconds are spent, and at least once.
    """

    what: str
    minutes: float
    inject: Callable[[Lab, Tally, float], None]
