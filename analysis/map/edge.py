"""The edge of a failure map: the value up to which each of its rows learns, in numbers and in words."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Literal

import numpy as np

from failmap.analysis.map.surface import Labels
from failmap.analysis.surface.axes import SurfaceAxis
from failmap.analysis.surface.beliefs import MapSurface
from failmap.analysis.surface.surface import Edge
from failmap.analysis.surface.threads import one_thread
from failmap.analysis.verdict import CellVerdict
from failmap.run_folder.wording import cell_display, label_text, path_display, quantity

#: Maximum number of rows whose edge stands in one line.
_MAX_ROWS = 8

Side = Literal["below", "inside", "beyond"]
#: The texts of a row's labels: those of its cells without the one of the axis along which the edge is sought.
RowKey = tuple[str, ...]


@dataclass(frozen=True)
class MapEdge:
    """Where P(learn) crosses one half in each row of a map.

    Attributes:
        along: Index of the axis along which the edge is sought: 0 for x, 1 for y. A "row" is a column then.
        path: Dotted path of that axis.
        row_paths: Dotted paths of the others.
        axis: The axis, in whose units values are interpolated.
        values: Its values on the map, ascending.
        rows: The edges, of facets in which trials have ended.
        bent: Rows that learn beyond values that fail, and so have no single edge.
        outside: The side of the map on which the edge of every row lies: 'beyond' if each learns at its last
            value, 'below' if each fails at its first; None if neither.
    """

    along: int
    path: str
    row_paths: tuple[str, ...]
    axis: SurfaceAxis
    values: tuple[float, ...]
    rows: dict[RowKey, Edge]
    bent: tuple[RowKey, ...] = ()
    outside: Side | None = None

    def of_cell(self, labels: Sequence[str]) -> Edge | None:
        """Return the edge of the row of a cell; None without one."""
        return self.rows.get((*labels[: self.along], *labels[self.along + 1 :]))

    def place(self, value: float) -> float:
        """Return where a value lies on the map's evenly spaced cells: 0.5 is the middle of the first one.

        0 is the map's border for what is below, and the number of cells for what is beyond.
        """
        num_cells = len(self.values)
        if not math.isfinite(value):
            return 0.0 if value < 0 else float(num_cells)
        middles = np.arange(num_cells) + 0.5
        known = self.axis.position(np.array(self.values, dtype=float))
        return float(np.interp(self.axis.position(np.array(value, dtype=float)), known, middles))

    def row_words(self, row: RowKey) -> str:
        """Return 'depth 3', with the facet if several have an edge."""
        num_shown = len(self.row_paths) if len({row[1:] for row in (*self.rows, *self.bent)}) > 1 else 1
        return cell_display(self.row_paths[:num_shown], row[:num_shown])

    def sentence(self, row: RowKey) -> str:
        """Return 'At depth 3 it learns up to sequence length 71 (95 %: 50 to 100)'."""
        where, name = f"At {self.row_words(row)} it learns", path_display(self.path)
        first, last = self._shown(self.values[0]), self._shown(self.values[-1])
        if row in self.bent:
            return f"{where} at a larger {name} again than one at which it fails: there is no single edge"
        middle = self.rows[row].middle
        up_to = {
            "below": f"{where} at no {name} tried, from {first} on",
            "inside": f"{where} up to {name} {self._shown(middle)}",
            "beyond": f"{where} at every {name} tried, up to {last}",
        }
        return f"{up_to[side(middle)]} ({self.interval(row)})"

    def interval(self, row: RowKey) -> str:
        """Return '95 %: 50 to 100', or '95 %: 50 to beyond 200'."""
        low, high = (self.shown(bound) for bound in (self.rows[row].low, self.rows[row].high))
        return f"95 %: {low}" if low == high else f"95 %: {low} to {high}"

    @property
    def line(self) -> str:
        """Return the edge of every row in one line, for a terminal."""
        shown = list(self.rows)[:_MAX_ROWS]
        parts = [
            f"{self.row_words(row)}: {self.shown(self.rows[row].middle)} ({self.interval(row)})"
            for row in shown
        ]
        if more := len(self.rows) - len(shown):
            parts.append(f"{quantity(more, 'more row')} in report/edge.csv")
        return f"edge, the {path_display(self.path)} up to which it learns: {'; '.join(parts)}"

    def shown(self, value: float) -> str:
        """Return a value as text: '71', 'below 5', 'beyond 200'."""
        if math.isfinite(value):
            return self._shown(value)
        return (
            f"below {self._shown(self.values[0])}" if value < 0 else f"beyond {self._shown(self.values[-1])}"
        )

    def _shown(self, value: float) -> str:
        if value in self.values:
            return f"{value:,.12g}"
        # More digits than the interval supports.
        return f"{float(f'{value:.2g}' if self.axis.is_log else f'{value:.3g}'):,.12g}"


def find_edge(
    paths: Sequence[str], surface: MapSurface, verdicts: Mapping[Labels, CellVerdict]
) -> MapEdge | None:
    """Return the edge of a map along its axis of lengths, or else along its first axis of numbers.

    Args:
        paths: Dotted paths of the map's axes x and y, and of its facet.
        surface: The map's.
        verdicts: Those on its cells. A facet without an ended trial has no edge.

    Returns:
        The edge, or None if neither x nor y is numeric, or no trial has ended.
    """
    numeric = [index for index in (0, 1) if surface.axes[index] is not None]
    if not numeric:
        return None
    along = next((index for index in numeric if _may_fall(surface.axes[index])), numeric[0])
    axis = surface.axes[along]
    assert axis is not None
    begun = {cell[2:] for cell, verdict in verdicts.items() if verdict.default_counts[1]}
    rows, bent, sides = {}, [], set()
    # Threads of BLAS that wait for busy cores made this ten times slower.
    with one_thread():
        edges = surface.edges(along)
    values = surface.values
    for *facet, label in product(*values[2:], values[1 - along]):
        edge = edges[row := (label, *facet)]
        if tuple(facet) not in begun:
            continue
        key = tuple(map(label_text, row))
        mine = [verdicts[(*row[:along], value, *row[along:])].state for value in values[along]]
        if _is_bent(mine, edge):
            bent.append(key)
            continue
        rows[key] = edge
        is_sure = mine[-1 if edge.middle > 0 else 0] in ("learns", "fails")
        sides.add(side(edge.middle) if is_sure else "inside")
    if not rows and not bent:
        return None
    outside = sides.pop() if len(sides) == 1 and not bent and "inside" not in sides else None
    others = tuple(path for index, path in enumerate(paths) if index != along)
    numbers = tuple(map(float, values[along]))
    return MapEdge(along, paths[along], others, axis, numbers, rows, tuple(bent), outside)


def edge_rows(edge: MapEdge) -> Iterator[dict[str, Any]]:
    """Yield the rows of edge.csv: where the edge lies outside the map, its number is left out."""
    for row in (*edge.rows, *edge.bent):
        found = edge.rows.get(row)
        line: dict[str, Any] = dict(zip(edge.row_paths, row, strict=True))
        line["along"] = edge.path
        bounds = {} if found is None else found._asdict()
        for name, field in (("learns_up_to", "middle"), ("low", "low"), ("high", "high")):
            bound = bounds.get(field)
            line[name] = bound if bound is not None and math.isfinite(bound) else None
            line[f"{name}_lies"] = "" if bound is None else side(bound)
        yield line


def side(value: float) -> Side:
    """Return whether a value lies on the map."""
    if math.isfinite(value):
        return "inside"
    return "below" if value < 0 else "beyond"


def _may_fall(axis: SurfaceAxis | None) -> bool:
    return axis is not None and axis.may_fall


def _is_bent(states: Sequence[str], edge: Edge) -> bool:
    """Return whether cells of a row contradict an edge outside the map: it learns beyond what fails."""
    return (edge.middle == math.inf and "fails" in states) or (
        edge.middle == -math.inf and "learns" in states
    )
