"""The base class of pruners."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from optuna.trial import FrozenTrial

from failmap.search.config import RunConfig


class Pruner(ABC):
    """Stops trials by their rank among the trials of their cell.

    It receives the rivals instead of Optuna's study, which Optuna's own pruners traverse as a whole: with
    10,000 trials that takes 4 ms at every rung. Only reports at the updates that it `judges_at` are written
    to the journal; histories hold all of them.
    """

    def __init__(self, config: RunConfig) -> None:
        self.config = config

    @abstractmethod
    def is_exempt(self, number: int) -> bool:
        """Return whether a trial is never stopped, to measure the cost of pruning; a function of the seed."""

    @abstractmethod
    def judges_at(self, trial: FrozenTrial, update: int) -> bool:
        """Return whether the trial's score at an update is compared with others."""

    @abstractmethod
    def stops(self, trial: FrozenTrial, rivals: Sequence[FrozenTrial]) -> bool:
        """Return whether to stop a trial after its last report.

        Args:
            trial: The trial with that report among its intermediate values.
            rivals: All trials of its cell, including itself.
        """


class NoPruner(Pruner):
    """Stops no trial."""

    def is_exempt(self, number: int) -> bool:
        """Return False: there is nothing to be exempt from."""
        return False

    def judges_at(self, trial: FrozenTrial, update: int) -> bool:
        """Return False."""
        return False

    def stops(self, trial: FrozenTrial, rivals: Sequence[FrozenTrial]) -> bool:
        """Return False."""
        return False
