"""The contract of a pruner: it stops a trial by its rank among others of its cell."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from optuna.trial import FrozenTrial

from failmap.search.config import RunConfig


class Pruner(ABC):
    """Stops trials by their rank.

    It is handed the rivals instead of Optuna's study, which Optuna's own pruners walk through whole: with
    10,000 trials that takes 4 ms at every rung. Only the reports it `judges_at` come into the journal:
    histories hold them all.
    """

    def __init__(self, config: RunConfig) -> None:
        self.config = config

    @abstractmethod
    def is_exempt(self, number: int) -> bool:
        """Whether a trial is never stopped, to measure what stopping costs; a function of the run's seed."""

    @abstractmethod
    def judges_at(self, trial: FrozenTrial, update: int) -> bool:
        """Whether this trial's score at this update counts, for itself or for others."""

    @abstractmethod
    def stops(self, trial: FrozenTrial, rivals: Sequence[FrozenTrial]) -> bool:
        """Whether to stop a trial after the report that was its last.

        Args:
            trial: with that report among its intermediate values.
            rivals: all trials of its cell, itself among them.
        """


class NoPruner(Pruner):
    """Lets every trial go to its own end."""

    def is_exempt(self, number: int) -> bool:
        """Never: there is nothing to be exempt from."""
        return False

    def judges_at(self, trial: FrozenTrial, update: int) -> bool:
        """Never."""
        return False

    def stops(self, trial: FrozenTrial, rivals: Sequence[FrozenTrial]) -> bool:
        """Never."""
        return False
