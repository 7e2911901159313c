"""The surfaces of a whole map: one for each combination of its categories."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int64

from failmap.analysis.surface.axes import SurfaceAxis, numeric_axes
from failmap.analysis.surface.surface import Beliefs, Joint, Surface

#: Probability from which on a side counts as sure.
SURE = 0.975

Labels = tuple[Any, ...]


class _Part(NamedTuple):
    """The cells that share their categories, by index, and their surface."""

    cells: Int64[np.ndarray, " part"]
    points: Float[np.ndarray, "part axes"]
    surface: Surface


@dataclass(frozen=True)
class MapSurface:
    """P(learn) in every cell of a map, tried or not.

    Attributes:
        beliefs: What is believed of each cell, in the order of the cells.
        axes: The axes of the map's paths; None for categories.
    """

    beliefs: Beliefs
    axes: tuple[SurfaceAxis | None, ...]
    _parts: dict[Labels, _Part]
    _part_of: list[Labels]

    @classmethod
    def fit(
        cls,
        paths: Sequence[str],
        cells: Sequence[Labels],
        learned: Float[np.ndarray, " cells"],
        trials: Float[np.ndarray, " cells"],
    ) -> "MapSurface | None":
        """Fit the surfaces of a map to counts; return None if none of its axes is numeric.

        Args:
            paths: Dotted paths of the map's axes and facet.
            cells: Labels of all cells, in the order of the paths.
            learned, trials: Counts of each cell, which may be fractions.
        """
        if not cells:
            return None
        axes = numeric_axes(paths, [list(dict.fromkeys(column)) for column in zip(*cells, strict=True)])
        numeric = [index for index, axis in enumerate(axes) if axis is not None]
        if not numeric:
            return None
        categories = [
            tuple(label for label, axis in zip(cell, axes, strict=True) if axis is None) for cell in cells
        ]
        members: dict[Labels, list[int]] = defaultdict(list)
        for index, category in enumerate(categories):
            members[category].append(index)
        columns = [np.empty(len(cells)) for _ in Beliefs._fields]
        parts = {}
        for category, indices in members.items():
            mine = np.array(indices)
            points = np.array([[float(cells[index][axis]) for axis in numeric] for index in indices])
            surface = Surface.fit(points, learned[mine], trials[mine], [axis for axis in axes if axis])
            parts[category] = _Part(mine, points, surface)
            for column, values in zip(columns, surface.at(points), strict=True):
                column[mine] = values
        return cls(Beliefs(*columns), axes, parts, categories)

    def side(self, cell: int) -> bool | None:
        """Return whether a cell learns, where the surface is sure of it, by the cell's index."""
        above = self.beliefs.prob_above[cell]
        return True if above >= SURE else False if above <= 1 - SURE else None

    def joint(self, cell: int) -> tuple[Int64[np.ndarray, " part"], Joint]:
        """Return the cells that share a cell's categories, and the distribution of their log odds."""
        part = self._parts[self._part_of[cell]]
        return part.cells, part.surface.joint(part.points)
