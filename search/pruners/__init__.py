"""Who stops a trial by its rank."""

from search.pruners.base import Pruner
from search.pruners.halving import HalvingPruner
from search.pruners.none import NoPruner

__all__ = ["PRUNERS", "Pruner"]

#: Every pruner by its name in a run's configuration.
PRUNERS: dict[str, type[Pruner]] = {"none": NoPruner, "halving": HalvingPruner}
