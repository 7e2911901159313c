"""Who stops a trial by its rank."""

from failmap.search.pruners.base import NoPruner, Pruner
from failmap.search.pruners.halving import HalvingPruner

__all__ = ["PRUNERS", "Pruner"]

#: Every pruner by its name in a run's configuration.
PRUNERS: dict[str, type[Pruner]] = {"none": NoPruner, "halving": HalvingPruner}
