"""Samplers, which propose the recipes of trials."""

from failmap.search.samplers.base import Sampler
from failmap.search.samplers.sequences import GridSampler, RandomSampler, SobolSampler
from failmap.search.samplers.tpe import TpeSampler

__all__ = ["SAMPLERS", "Sampler"]

#: All samplers by name.
SAMPLERS: dict[str, type[Sampler]] = {
    "grid": GridSampler,
    "sobol": SobolSampler,
    "random": RandomSampler,
    "tpe": TpeSampler,
}
