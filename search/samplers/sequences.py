"""Samplers that draw points of the unit cube, the same ones for every cell, so that cells are comparable."""

import itertools
import math
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from failmap.search.allocation.known_trials import KnownTrial
from failmap.search.samplers.base import Sampler
from failmap.search.space import Cell

#: Points drawn at once. Sobol' sequences are balanced at powers of two.
_BLOCK = 64


class SequenceSampler(Sampler):
    """Converts each point into a recipe, one coordinate for each axis; yields nothing without axes."""

    @abstractmethod
    def points(self, num_axes: int) -> Iterator[Float[np.ndarray, " axes"]]:
        """Yield points of [0, 1)^axes, as a function of the run's seed."""

    def candidates(self, cell: Cell, trials: Sequence[KnownTrial]) -> Iterator[dict[str, Any]]:
        """Yield the recipe of every point."""
        axes = self.space.recipe_axes
        if not axes:
            return
        for point in self.points(len(axes)):
            chosen = {axis.path: axis.from_unit(float(u)) for axis, u in zip(axes, point, strict=True)}
            yield self.space.complete(cell, chosen)


class SobolSampler(SequenceSampler):
    """A scrambled Sobol' sequence (Owen 1998), which fills the cube evenly."""

    def points(self, num_axes: int) -> Iterator[Float[np.ndarray, " axes"]]:
        """Yield the sequence from its start."""
        from scipy.stats import qmc  # Takes 0.4 s, and only this sampler needs it.

        engine = qmc.Sobol(num_axes, scramble=True, seed=self.seed)
        for _ in range(math.floor(engine.maxn) // _BLOCK):
            yield from engine.random(_BLOCK)


class RandomSampler(SequenceSampler):
    """Independent uniform points."""

    def points(self, num_axes: int) -> Iterator[Float[np.ndarray, " axes"]]:
        """Yield the stream from its start."""
        generator = np.random.default_rng(self.seed)
        while True:
            yield generator.random(num_axes)


class GridSampler(Sampler):
    """Changes one axis of the default recipe, then two, and so on.

    Optuna's own grid sampler repeats points when it is rebuilt, and does not support conditional axes.
    """

    def candidates(self, cell: Cell, trials: Sequence[KnownTrial]) -> Iterator[dict[str, Any]]:
        """Yield each recipe once, in order of the number of axes that differ from the default."""
        axes = self.space.recipe_axes
        others = {axis.path: axis.grid()[1:] for axis in axes}
        for num_changed in range(len(axes) + 1):
            for changed in itertools.combinations(others, num_changed):
                for values in itertools.product(*(others[path] for path in changed)):
                    recipe = self.space.complete(cell, dict(zip(changed, values, strict=True)))
                    # A recipe without one of these axes was generated with fewer changes.
                    if all(path in recipe for path in changed):
                        yield recipe
