"""Every combination of the axes' grids, the ones nearest to the default recipe first."""

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

from failmap.search.samplers.base import Sampler, Tried
from failmap.search.space import Cell


class GridSampler(Sampler):
    """Changes one axis, then two, and so on.

    Optuna's own grid sampler repeats points when it is rebuilt, and knows no conditional axes.
    """

    def candidates(self, cell: Cell, tried: Sequence[Tried]) -> Iterator[dict[str, Any]]:
        """Recipes by the number of axes that differ from the default; each exactly once."""
        axes = self.space.recipe_axes
        others = {axis.path: axis.grid()[1:] for axis in axes}
        for num_changed in range(len(axes) + 1):
            for changed in itertools.combinations(others, num_changed):
                for values in itertools.product(*(others[path] for path in changed)):
                    recipe = self.space.complete(cell, dict(zip(changed, values, strict=True)))
                    # An axis that is not there cannot differ: that recipe has its place among fewer changes.
                    if all(path in recipe for path in changed):
                        yield recipe
