"""The surface of P(learn) over a run's map: one fit for its verdicts, its edge and the nearest evidence."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from math import dist, prod
from typing import Any

import numpy as np

from failmap.analysis.surface.beliefs import CellBelief, MapSurface
from failmap.analysis.surface.threads import one_thread
from failmap.analysis.verdict import CellVerdict

#: Maps with more cells have no surface: the work grows with the cube of their number.
MAX_CELLS = 400

#: The labels of a cell in the order of the map's paths.
Labels = tuple[Any, ...]
#: How many trials of the default recipe learned, and how many ended, by cell. One that was stopped as
#: hopeless counts by its probability of learning.
Counts = dict[Labels, tuple[float, int]]


def default_counts(verdicts: Mapping[Labels, CellVerdict]) -> Counts:
    """Return the counts of the default recipe in each cell in which a trial of it ended."""
    counts = {cell: verdict.surface_counts for cell, verdict in verdicts.items()}
    return {cell: (learned, ended) for cell, (learned, ended) in counts.items() if ended}


def map_surface(
    paths: Sequence[str], labels: Sequence[Sequence[Any]], counts: Mapping[Labels, tuple[float, int]]
) -> MapSurface | None:
    """Return the surface of a map, or None if no axis is numeric or the map is too large.

    Args:
        paths: Dotted paths of the map's axes x and y, and of its facet.
        labels: The labels of each of them.
        counts: What `default_counts` returns.
    """
    return _surface(*_hashable(paths, labels, counts))


def map_beliefs(
    paths: Sequence[str], labels: Sequence[Sequence[Any]], counts: Mapping[Labels, tuple[float, int]]
) -> dict[Labels, CellBelief]:
    """Return what is believed of each cell of a map (see `map_surface`); nothing without a surface."""
    return _beliefs(*_hashable(paths, labels, counts))


def nearest_evidence(
    surface: MapSurface, cell: Labels, counts: Mapping[Labels, tuple[float, int]]
) -> tuple[Labels, ...]:
    """Return the cells nearest to one, itself left out, in which a trial of the default recipe ended.

    They are of the same categories; distances are in the surface's units. Several are equally near.
    """

    def parts(labels: Labels) -> tuple[list[float], list[Any]]:
        paired = list(zip(surface.axes, labels, strict=True))
        numbers = [float(axis.position(np.array(label, dtype=float))) for axis, label in paired if axis]
        return numbers, [label for axis, label in paired if axis is None]

    position, categories = parts(cell)
    distances = {
        other: round(dist(position, parts(other)[0]), 6)
        for other in counts
        if other != cell and parts(other)[1] == categories
    }
    least = min(distances.values(), default=0.0)
    return tuple(other for other, distance in distances.items() if distance == least)


_Fitted = tuple[tuple[str, ...], tuple[Labels, ...], tuple[tuple[Labels, tuple[float, int]], ...]]


def _hashable(
    paths: Sequence[str], labels: Sequence[Sequence[Any]], counts: Mapping[Labels, tuple[float, int]]
) -> _Fitted:
    return tuple(paths), tuple(map(tuple, labels)), tuple(sorted(counts.items(), key=repr))


# A live view asks again and again, and a report for both.
@lru_cache(maxsize=16)
def _surface(
    paths: tuple[str, ...],
    labels: tuple[Labels, ...],
    counts: tuple[tuple[Labels, tuple[float, int]], ...],
) -> MapSurface | None:
    if prod(map(len, labels)) > MAX_CELLS:
        return None
    with one_thread():
        return MapSurface.fit(paths, labels, dict(counts))


@lru_cache(maxsize=16)
def _beliefs(
    paths: tuple[str, ...],
    labels: tuple[Labels, ...],
    counts: tuple[tuple[Labels, tuple[float, int]], ...],
) -> dict[Labels, CellBelief]:
    surface = _surface(paths, labels, counts)
    if surface is None:
        return {}
    with one_thread():
        return surface.beliefs()
