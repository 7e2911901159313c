"""Sequences of points in the unit cube, the same for every cell, so that cells can be compared."""

import math
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from failmap.search.samplers.base import Sampler, Tried
from failmap.search.space import Cell

#: Points drawn at once. Sobol' sequences are balanced at powers of two.
_BLOCK = 64


class SequenceSampler(Sampler):
    """Turns each point, one coordinate an axis, into a recipe. It ends where there is nothing to choose."""

    @abstractmethod
    def points(self, num_axes: int) -> Iterator[Float[np.ndarray, " axes"]]:
        """Points of [0, 1)^axes without end; a function of the run's seed."""

    def candidates(self, cell: Cell, tried: Sequence[Tried]) -> Iterator[dict[str, Any]]:
        """The recipe of every point."""
        axes = self.space.recipe_axes
        if not axes:
            return
        for point in self.points(len(axes)):
            chosen = {axis.path: axis.from_unit(float(u)) for axis, u in zip(axes, point, strict=True)}
            yield self.space.complete(cell, chosen)


class SobolSampler(SequenceSampler):
    """A scrambled Sobol' sequence (Owen 1998), seeded once by the run: it fills the cube evenly."""

    def points(self, num_axes: int) -> Iterator[Float[np.ndarray, " axes"]]:
        """The sequence from its beginning."""
        from scipy.stats import qmc  # 0.4 s, which only this sampler needs

        engine = qmc.Sobol(num_axes, scramble=True, seed=self.seed)
        for _ in range(math.floor(engine.maxn) // _BLOCK):
            yield from engine.random(_BLOCK)


class RandomSampler(SequenceSampler):
    """Independent uniform points."""

    def points(self, num_axes: int) -> Iterator[Float[np.ndarray, " axes"]]:
        """The stream from its beginning."""
        generator = np.random.default_rng(self.seed)
        while True:
            yield generator.random(num_axes)
