"""Samplers, which propose the recipes of trials."""

from failmap.search.samplers.base import Sampler
from failmap.search.samplers.best_samplers import BestTpeSampler, CmaEsSampler, GpSampler, NsgaSampler
from failmap.search.samplers.sequences import GridSampler, RandomSampler, SobolSampler
from failmap.search.samplers.tpe import TpeSampler

__all__ = ["BEST_SAMPLERS", "SAMPLERS", "Sampler"]

#: Samplers of a map by name: they fill in the recipes of each cell.
SAMPLERS: dict[str, type[Sampler]] = {
    "grid": GridSampler,
    "sobol": SobolSampler,
    "random": RandomSampler,
    "tpe": TpeSampler,
}

#: Samplers of goal=best by name: they propose over all axes.
BEST_SAMPLERS: dict[str, type[Sampler]] = {
    "grid": GridSampler,
    "sobol": SobolSampler,
    "random": RandomSampler,
    "tpe": BestTpeSampler,
    "gp": GpSampler,
    "cmaes": CmaEsSampler,
    "nsga2": NsgaSampler,
}
