"""Pruners, which stop trials by their rank."""

from failmap.search.pruners.base import HalvingPruner, Pruner

__all__ = ["PRUNERS", "Pruner"]

#: All pruners by name.
PRUNERS: dict[str, type[Pruner]] = {"none": Pruner, "halving": HalvingPruner}
