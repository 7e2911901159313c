"""The failure map as a picture with its title, counts and legend."""

import textwrap
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.legend_handler import HandlerTuple
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from failmap.analysis.map.failure_map import FailureMap, counts_line
from failmap.analysis.palette import FAILS, INFERRED_FAILS, INFERRED_LEARNS, LEARNS, unknown_colour
from failmap.analysis.plots.panel import (
    BAND_ALPHA,
    INFERRED_HATCH,
    LABEL_CHARACTER,
    LABEL_LINE,
    NOT_RUN_HATCH,
    PanelStyle,
    axis_labels,
    draw_panel,
)
from failmap.analysis.plots.saving import DOTS_PER_INCH, FAINT, GRID, INK, save
from failmap.run_folder.storage import AnyPath

#: Inches: the size of a cell, which its text needs, and the largest width of a figure with panels side by
#: side.
_STYLE = PanelStyle(cell=(1.0, 0.7))
_WIDEST = 20.0
_GAP, _RIGHT, _BOTTOM = 0.3, 0.3, 1.47
_LINE = 0.21


def draw_failure_map(failure_map: FailureMap) -> Figure:
    """Draw one panel per facet that was begun: x across, numbers on y upwards, names on y downwards."""
    x_lines, y_lines = axis_labels(failure_map)
    num_x, num_y = len(x_lines), len(y_lines)
    left_room = 0.65 + LABEL_CHARACTER * max(len(line) for lines in y_lines for line in lines)
    below = 0.46 + LABEL_LINE * max(map(len, x_lines))
    panel_width, panel_height = max(num_x, 2) * _STYLE.cell[0], num_y * _STYLE.cell[1]
    facets = failure_map.begun_facets or failure_map.facets
    room = _WIDEST - _RIGHT + _GAP
    across = min(len(facets), max(1, int(room / (left_room + panel_width + _GAP))))
    down = -(-len(facets) // across)
    width = max(across * (left_room + panel_width + _GAP) - _GAP + _RIGHT, 7.0)
    heading = textwrap.wrap(failure_map.title.question, int(width * 7.2)) or [""]
    told = [*failure_map.title.lines, counts_line(failure_map)]
    lines = [line for text in told for line in textwrap.wrap(text, int(width * 14))]
    panel_head = 0.4 if facets[0] else 0.1
    top = 0.3 + len(heading) * 0.3 + len(lines) * _LINE + 0.12
    row_height = panel_height + panel_head + below
    footnote = textwrap.wrap(_footnote(failure_map, facets), int(width * 15))
    height = top + down * row_height + _BOTTOM - 0.62 + _LINE * (len(footnote) - 1)

    figure = Figure(figsize=(width, height), dpi=DOTS_PER_INCH, facecolor="white")
    FigureCanvasAgg(figure)
    _write_title(figure, heading, lines)
    for index, facet in enumerate(facets):
        left = left_room + index % across * (left_room + panel_width + _GAP)
        bottom = height - top - (index // across) * row_height - panel_head - panel_height
        axes = figure.add_axes((left / width, bottom / height, panel_width / width, panel_height / height))
        draw_panel(axes, failure_map, facet, _STYLE)
    _draw_legend(figure, footnote)
    return figure


def write_failure_map(failure_map: FailureMap, path: AnyPath) -> AnyPath:
    """Draw the map and write it atomically as a PNG."""
    return save(draw_failure_map(failure_map), path)


def _write_title(figure: Figure, heading: list[str], lines: list[str]) -> None:
    width, height = figure.get_size_inches()
    down = 0.3
    for line in heading:
        _text(figure, 0.22 / width, 1 - down / height, line, size=14, weight="bold", colour=INK)
        down += 0.3
    for line in lines:
        _text(figure, 0.22 / width, 1 - down / height, line, size=9.5, weight="normal", colour=FAINT)
        down += _LINE


def _text(figure: Figure, x: float, y: float, text: str, *, size: float, weight: str, colour: str) -> None:
    # Dollar signs in a question are text, not mathematics.
    figure.text(x, y, text, fontsize=size, fontweight=weight, color=colour, va="center", parse_math=False)


def _footnote(failure_map: FailureMap, drawn: tuple[tuple[str, ...], ...]) -> str:
    """Return how to read a cell, and the facets that are not drawn because no trial was begun in them."""
    has_causes = any(cell.shown_cause for cell in failure_map.cells.values())
    cause = "the cause of most failures, and " if has_causes else ""
    legend = (
        f"k/n: seeds that learned, of those tried; below it {cause}the 95 % interval of P(learn), "
        "in inferred cells and at the edge by the default recipe's trials around them"
    )
    left_out = [failure_map.facet_words(facet) for facet in failure_map.facets if facet not in drawn]
    return f"{legend}. Not begun: {', '.join(left_out)}" if left_out else legend


def _draw_legend(figure: Figure, footnote: list[str]) -> None:
    width, height = figure.get_size_inches()
    edge = (Patch(facecolor=INK, alpha=BAND_ALPHA), Line2D([], [], color=INK, linewidth=2.0))
    swatches: list[tuple[Any, str]] = [
        (Patch(facecolor=LEARNS), "learns: P(learn) surely above ½"),
        (Patch(facecolor=FAILS), "fails: surely below ½"),
        (
            tuple(
                Patch(facecolor=light, edgecolor=full, hatch=INFERRED_HATCH)
                for light, full in ((INFERRED_LEARNS, LEARNS), (INFERRED_FAILS, FAILS))
            ),
            "inferred from neighbours",
        ),
        (Patch(facecolor=unknown_colour(0.5), edgecolor=INK, linestyle=":"), "cell at the edge"),
        (edge, "the edge, P(learn) = ½, and its 95 % band"),
        (
            tuple(Patch(facecolor=unknown_colour(share)) for share in (0.75, 0.0)),
            "unknown",
        ),
        (Patch(facecolor="white", edgecolor=GRID, hatch=NOT_RUN_HATCH), "not run, ≈ cost"),
    ]
    columns = 4 if width > 10.5 else 3
    legend_up = 0.27 + _LINE * (len(footnote) - 1)
    handles, labels = zip(*swatches, strict=True)
    figure.legend(
        handles, labels, loc="lower left", bbox_to_anchor=(0.15 / width, legend_up / height), ncols=columns,
        fontsize=8, frameon=False, labelcolor=INK, handlelength=1.7, handleheight=1.1, columnspacing=1.4,
        # Side by side, but the edge's line over its band.
        handler_map={tuple: HandlerTuple(ndivide=None), edge: HandlerTuple(ndivide=1)},
    )  # fmt: skip
    for index, line in enumerate(footnote, start=1):
        up = (0.17 + _LINE * (len(footnote) - index)) / height
        _text(figure, 0.22 / width, up, line, size=8, weight="normal", colour=FAINT)
