"""The grid sampler: all combinations of the axes' grids."""

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

from failmap.search.samplers.base import Sampler, Tried
from failmap.search.space import Cell


class GridSampler(Sampler):
    """Changes one axis of the default recipe, then two, and so on.

    Optuna's own grid sampler repeats points when it is rebuilt, and does not support conditional axes.
    """

    def candidates(self, cell: Cell, tried: Sequence[Tried]) -> Iterator[dict[str, Any]]:
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
