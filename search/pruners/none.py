"""No stopping by rank."""

from collections.abc import Sequence

from optuna.trial import FrozenTrial

from failmap.search.pruners.base import Pruner


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
