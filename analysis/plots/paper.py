"""The failure map at the width of a paper's column: vector graphics with their fonts, no title."""

from collections.abc import Iterable
from typing import Literal

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from failmap.analysis.map.failure_map import FailureMap
from failmap.analysis.palette import FAILS, INFERRED_FAILS, INFERRED_LEARNS, LEARNS, unknown_colour
from failmap.analysis.plots.panel import (
    INFERRED_HATCH,
    NOT_RUN_HATCH,
    PanelStyle,
    axis_labels,
    draw_panel,
)
from failmap.analysis.plots.saving import GRID, INK, save
from failmap.run_folder.storage import AnyPath

#: Inches: one of two columns, and the text's width, of IEEE's and ACM's templates, rounded down.
COLUMNS = {"single": 3.3, "double": 6.9}
#: Formats of figures for papers.
FIGURES: tuple[Literal["pdf", "svg"], ...] = ("pdf", "svg")
#: Points: labels and legend.
_POINTS = 7.0
#: Inches: the least width of a cell that holds more than its counts, the least width of any, the height of
#: cells, the width of a character and the height of a line at `_POINTS`, the space between panels, and at
#: the right.
_WORDY, _LEAST, _TALLEST = 0.75, 0.3, 0.55
_CHARACTER, _LINE, _GAP, _RIGHT = 0.062, 0.13, 0.2, 0.03


def draw_for_paper(failure_map: FailureMap, width: float) -> Figure:
    """Draw the facets that were begun, side by side where there is room, over a legend.

    Args:
        failure_map: The map.
        width: Width of the figure in inches.
    """
    x_lines, y_lines = axis_labels(failure_map)
    num_x, num_y = len(x_lines), len(y_lines)
    facets = failure_map.begun_facets or failure_map.facets
    left = 0.32 + _CHARACTER * max(len(line) for lines in y_lines for line in lines)
    across = max(1, min(len(facets), int((width + _GAP) / (left + num_x * _LEAST + _GAP))))
    panel_width = (width + _GAP - _RIGHT) / across - left - _GAP
    cell = (panel_width / num_x, min(_TALLEST, 0.8 * panel_width / num_x))
    style = PanelStyle(cell, label_points=_POINTS, is_brief=cell[0] < _WORDY, has_rims=False)
    head = 0.22 if facets[0] else 0.05
    below = 0.2 + _LINE * max(map(len, x_lines))
    row_height = head + num_y * cell[1] + below
    entries = _legend_entries(failure_map)
    legend_columns = 4 if width > 5 else 2
    legend_height = 0.1 + 0.15 * -(-len(entries) // legend_columns)
    down = -(-len(facets) // across)
    height = down * row_height + legend_height

    figure = Figure(figsize=(width, height), facecolor="white")
    FigureCanvasAgg(figure)
    for index, facet in enumerate(facets):
        start = index % across * (panel_width + left + _GAP) + left
        bottom = height - (index // across) * row_height - head - num_y * cell[1]
        box = (start / width, bottom / height, panel_width / width, num_y * cell[1] / height)
        draw_panel(figure.add_axes(box), failure_map, facet, style)
    handles, labels = zip(*entries, strict=True)
    figure.legend(
        handles, labels, loc="lower center", ncols=legend_columns, fontsize=_POINTS - 0.5, frameon=False,
        labelcolor=INK, handlelength=1.6, handleheight=0.9, columnspacing=1.2, borderpad=0.1,
        labelspacing=0.35,
    )  # fmt: skip
    return figure


def write_for_papers(
    failure_map: FailureMap, folder: AnyPath, kinds: Iterable[Literal["svg", "pdf"]]
) -> list[AnyPath]:
    """Write the map at both widths in each format: failure_map_single.pdf and so on; return the paths."""
    return [
        save(draw_for_paper(failure_map, width), folder / f"failure_map_{column}.{kind}", kind)
        for kind in kinds
        for column, width in COLUMNS.items()
    ]


def _legend_entries(failure_map: FailureMap) -> list[tuple[Patch | Line2D, str]]:
    """Return what the cells of the map need to be understood."""
    shown = [cell for cell in failure_map.cells.values() if cell.labels[2:] in failure_map.begun_facets]
    kinds = {(cell.verdict.state, cell.verdict.is_inferred) for cell in shown}
    hatch = INFERRED_HATCH
    known: list[tuple[bool, Patch | Line2D, str]] = [
        (("learns", False) in kinds, Patch(facecolor=LEARNS), "learns"),
        (
            ("learns", True) in kinds,
            Patch(facecolor=INFERRED_LEARNS, edgecolor=LEARNS, hatch=hatch),
            "learns, inferred",
        ),
        (("fails", False) in kinds, Patch(facecolor=FAILS), "fails"),
        (
            ("fails", True) in kinds,
            Patch(facecolor=INFERRED_FAILS, edgecolor=FAILS, hatch=hatch),
            "fails, inferred",
        ),
        (
            ("edge", False) in kinds or ("edge", True) in kinds,
            Patch(facecolor=unknown_colour(0.5), edgecolor=INK, linestyle=":"),
            "at the edge",
        ),
        (("unknown", False) in kinds, Patch(facecolor=unknown_colour(0.5)), "unknown"),
        (
            ("not_run", False) in kinds or not shown,
            Patch(facecolor="white", edgecolor=GRID, hatch=NOT_RUN_HATCH),
            "not run",
        ),
        (failure_map.edge is not None, Line2D([], [], color=INK, linewidth=2.0), "P(learn) = ½, 95 % band"),
    ]
    return [(handle, words) for is_shown, handle, words in known if is_shown]
