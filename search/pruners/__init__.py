"""Pruners, which stop trials by their rank."""

from failmap.search.pruners.base import HalvingPruner, Pruner
from failmap.search.pruners.optuna_pruners import OptunaPruner

__all__ = ["BEST_PRUNERS", "PRUNERS", "Pruner"]

#: Pruners of a map by name: they compare trials of the same cell.
PRUNERS: dict[str, type[Pruner]] = {"none": Pruner, "halving": HalvingPruner}
#: Pruners of goal=best by name.
BEST_PRUNERS: dict[str, type[Pruner]] = {
    "none": Pruner,
    "halving": OptunaPruner,
    "hyperband": OptunaPruner,
    "median": OptunaPruner,
}
