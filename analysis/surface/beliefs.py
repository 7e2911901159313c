"""What a surface says about each cell of a map, and about the edge in each of its rows."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from math import ceil
from typing import Any, Literal

import numpy as np
from jaxtyping import Float, Int64

from failmap.analysis.surface.axes import SurfaceAxis, numeric_axes
from failmap.analysis.surface.surface import Edge, Joint, Sides, Surface

#: Probability of a side from which a cell counts as inferred.
SURE = 0.975
#: Points per doubling, or per unit of a linear axis, at which an edge is looked for.
_POINTS_PER_UNIT = 8

Side = Literal["learns", "fails"]
#: The values of a cell on the map's axes, in their order.
CellValues = tuple[Any, ...]


@dataclass(frozen=True)
class CellBelief:
    """What is believed of a cell, tried or not.

    Attributes:
        p: Mean of P(learn).
        low, high: Its 95 % interval.
        prob_above: Probability that P(learn) is above one half.
    """

    p: float
    low: float
    high: float
    prob_above: float

    @property
    def side(self) -> Side | None:
        """Return the side of one half on which P(learn) surely lies; None if that is open."""
        if self.prob_above >= SURE:
            return "learns"
        return "fails" if self.prob_above <= 1 - SURE else None


@dataclass(frozen=True)
class MapSurface:
    """The surfaces of a map: one over its numeric axes for each combination of its categories.

    Attributes:
        axes: Axis of each path, None where its values are categories.
        values: Values of each axis.
        surfaces: Surfaces by their categories.
    """

    axes: tuple[SurfaceAxis | None, ...]
    values: tuple[tuple[Any, ...], ...]
    surfaces: dict[CellValues, Surface]

    @classmethod
    def fit(
        cls,
        paths: Sequence[str],
        values: Sequence[Sequence[Any]],
        counts: Mapping[CellValues, tuple[float, float]],
    ) -> "MapSurface | None":
        """Fit the surfaces of a map.

        Args:
            paths: Dotted paths of its axes.
            values: Values of each axis.
            counts: How many trials learned, and how many there were, by cell. Cells may be missing.

        Returns:
            The surfaces, or None if no axis is numeric.
        """
        axes = numeric_axes(paths, values)
        if not any(axes):
            return None
        listed = tuple(map(tuple, values))
        cells = list(product(*_numeric(axes, listed)))
        surfaces = {}
        for categories in product(*_categorical(axes, listed)):
            learned, trials = _counts(axes, cells, categories, counts)
            surfaces[categories] = Surface.fit(
                np.array(cells, dtype=float), learned, trials, [axis for axis in axes if axis is not None]
            )
        return cls(axes, listed, surfaces)

    def refit(self, counts: Mapping[CellValues, tuple[float, float]]) -> "MapSurface":
        """Return the surfaces of other counts, by the priors that are left; see `fit`."""
        cells = list(product(*_numeric(self.axes, self.values)))
        points = np.array(cells, dtype=float)
        return replace(
            self,
            surfaces={
                categories: surface.refit(points, *_counts(self.axes, cells, categories, counts))
                for categories, surface in self.surfaces.items()
            },
        )

    def beliefs(self) -> dict[CellValues, CellBelief]:
        """Return what is believed of every cell of the map."""
        cells = list(product(*_numeric(self.axes, self.values)))
        points = np.array(cells, dtype=float)
        return {
            _merged(self.axes, numbers, categories): CellBelief(*map(float, belief))
            for categories, surface in self.surfaces.items()
            for numbers, belief in zip(cells, zip(*surface.at(points), strict=True), strict=True)
        }

    def sides(self, cells: Sequence[CellValues]) -> Sides:
        """Return on which side of one half P(learn) lies in each of some cells."""
        p, prob_above = np.zeros((2, len(cells)))
        for indices, surface, points in self._parts(cells):
            p[indices], prob_above[indices] = surface.sides(points)
        return Sides(p, prob_above)

    def joints(self, cells: Sequence[CellValues]) -> Iterator[tuple[Int64[np.ndarray, " part"], Joint]]:
        """Yield the logits of P(learn) of some cells together, with their indices, for each surface apart."""
        for indices, surface, points in self._parts(cells):
            yield indices, surface.joint(points)

    def _parts(
        self, cells: Sequence[CellValues]
    ) -> Iterator[tuple[Int64[np.ndarray, " part"], Surface, Float[np.ndarray, "part axes"]]]:
        """Yield the cells of each surface that has any: their indices and points."""
        parts: dict[CellValues, list[int]] = defaultdict(list)
        for index, cell in enumerate(cells):
            parts[_of_kind(self.axes, cell, numeric=False)].append(index)
        for categories, indices in parts.items():
            points = [_of_kind(self.axes, cells[index], numeric=True) for index in indices]
            yield np.array(indices), self.surfaces[categories], np.array(points, dtype=float)

    def edges(self, along: int = 0) -> dict[CellValues, Edge]:
        """Return the edge of every row by its cell values, without the one of the axis itself.

        Args:
            along: Index of the axis among the map's; it must be numeric.
        """
        axis = self.axes[along]
        assert axis is not None, f"axis {along} has categories"
        index = sum(other is not None for other in self.axes[:along])
        first, last = axis.position(np.array([min(self.values[along]), max(self.values[along])], dtype=float))
        num_points = 1 + ceil(_POINTS_PER_UNIT * (last - first))
        fine = axis.value(np.linspace(first, last, num_points))
        numbers = _numeric(self.axes, self.values)
        # One row for each combination of the others.
        numbers[index] = numbers[index][:1]
        edges = {}
        for categories, surface in self.surfaces.items():
            for row in product(*numbers):
                values = _merged(self.axes, row, categories)
                key = values[:along] + values[along + 1 :]
                edges[key] = surface.edge(index, fine, np.array(row, dtype=float))
        return edges


def _counts(
    axes: Sequence[SurfaceAxis | None],
    cells: Sequence[CellValues],
    categories: CellValues,
    counts: Mapping[CellValues, tuple[float, float]],
) -> Float[np.ndarray, "2 cells"]:
    """Return how many trials learned, and how many there were, of each of a surface's cells."""
    found = [counts.get(_merged(axes, numbers, categories), (0.0, 0.0)) for numbers in cells]
    return np.array(found, dtype=float).T


def _numeric(axes: Sequence[SurfaceAxis | None], values: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return [listed for axis, listed in zip(axes, values, strict=True) if axis is not None]


def _categorical(
    axes: Sequence[SurfaceAxis | None], values: Sequence[tuple[Any, ...]]
) -> list[tuple[Any, ...]]:
    return [listed for axis, listed in zip(axes, values, strict=True) if axis is None]


def _of_kind(axes: Sequence[SurfaceAxis | None], cell: CellValues, *, numeric: bool) -> CellValues:
    """Return a cell's numbers, or its categories."""
    return tuple(value for axis, value in zip(axes, cell, strict=True) if (axis is not None) is numeric)


def _merged(axes: Sequence[SurfaceAxis | None], numbers: CellValues, categories: CellValues) -> CellValues:
    """Return a cell's values in the order of the map's axes."""
    rest_of_numbers, rest_of_categories = iter(numbers), iter(categories)
    return tuple(next(rest_of_categories if axis is None else rest_of_numbers) for axis in axes)
