"""Pictures of the failure map and of range tests. No other module imports matplotlib."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.legend_handler import HandlerTuple
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from matplotlib.patheffects import withStroke

from failmap.analysis.map.edge import MapEdge, side
from failmap.analysis.map.failure_map import FailureMap, MapCell, cause_label, counts_line
from failmap.analysis.palette import (
    FAILS,
    INFERRED_FAILS,
    INFERRED_LEARNS,
    LEARNS,
    cell_colour,
    stripe_colour,
    unknown_colour,
)
from failmap.run_folder.storage import AnyPath, write_atomically
from failmap.run_folder.wording import duration_display, label_lines

_INK = "#1d2430"
_FAINT = "#6b7280"
_GRID = "#c9ced6"
_POINTS_AN_INCH = 72
#: Inches: the size of a cell, which its text needs, and the largest width of a figure with panels side by
#: side.
_CELL = (1.0, 0.7)
_WIDEST = 20.0
_GAP, _RIGHT, _BOTTOM = 0.3, 0.3, 1.47
_LINE = 0.21
#: Axis labels: font size in points, width of a character and height of a line in inches; number of characters
#: that fit a cell's width, and font size if there are more; maximum number of characters of a line on x and
#: y.
_LABEL_POINTS, _LABEL_CHARACTER, _LABEL_LINE = 9.0, 0.08, 0.16
_USUAL_LABEL, _SMALL_LABEL_POINTS = 11, 7.0
_LABEL_WIDTHS = (15, 28)
_DOTS_PER_INCH = 130
#: Patterns of cells: not run, inferred.
_NOT_RUN_HATCH, _INFERRED_HATCH = "////", "\\\\\\"
_BAND_ALPHA = 0.17
#: Markers of an edge below and beyond the map, along x and along y.
_ARROWS, _ARROW_IN = (("<", ">"), ("v", "^")), 0.09
#: The order in which parts of a cell are drawn over each other: the edge lies under the texts.
_BAND_LAYER, _EDGE_LAYER, _TEXT_LAYER = 2.0, 2.5, 3.0
#: Height of a line and mean width of a character, relative to the font size.
_LINE_HEIGHT, _CHARACTER_WIDTH = 1.4, 0.6


@dataclass(frozen=True)
class RateCurve:
    """The training loss while the learning rate increases from update to update.

    Attributes:
        title: Title of the picture.
        rates: Learning rate of each update.
        losses: Training loss of each update.
        smoothed: Smoothed loss; it ends where the loss is no longer finite.
        steepest: Rate at which the loss fell fastest; None if it never fell.
        suggested: Interval of rates to try; None if the loss never fell.
    """

    title: str
    rates: Sequence[float]
    losses: Sequence[float]
    smoothed: Sequence[float]
    steepest: float | None
    suggested: tuple[float, float] | None


def draw_failure_map(failure_map: FailureMap) -> Figure:
    """Draw one panel per facet that was begun: x across, numbers on y upwards, names on y downwards."""
    x_lines, y_lines = _label_lines(failure_map)
    num_x, num_y = len(x_lines), len(y_lines)
    left_room = 0.65 + _LABEL_CHARACTER * max(len(line) for lines in y_lines for line in lines)
    below = 0.46 + _LABEL_LINE * max(map(len, x_lines))
    panel_width, panel_height = max(num_x, 2) * _CELL[0], num_y * _CELL[1]
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

    figure = Figure(figsize=(width, height), dpi=_DOTS_PER_INCH, facecolor="white")
    FigureCanvasAgg(figure)
    _write_title(figure, heading, lines)
    for index, facet in enumerate(facets):
        left = left_room + index % across * (left_room + panel_width + _GAP)
        bottom = height - top - (index // across) * row_height - panel_head - panel_height
        axes = figure.add_axes((left / width, bottom / height, panel_width / width, panel_height / height))
        _draw_panel(axes, failure_map, facet)
    _draw_legend(figure, footnote)
    return figure


def write_failure_map(failure_map: FailureMap, path: AnyPath) -> AnyPath:
    """Draw the map and write it atomically as a PNG."""
    return _save(draw_failure_map(failure_map), path)


def write_range_test(curve: RateCurve, path: AnyPath) -> AnyPath:
    """Draw the loss over the learning rate and write it atomically as a PNG."""
    figure = Figure(figsize=(7.5, 4.2), dpi=_DOTS_PER_INCH, facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    shown = len(curve.smoothed)
    axes.plot(curve.rates[:shown], curve.losses[:shown], color=_GRID, linewidth=0.8, label="each update")
    axes.plot(curve.rates[:shown], curve.smoothed, color=LEARNS, linewidth=1.8, label="smoothed")
    if curve.suggested is not None and curve.steepest is not None:
        low, high = curve.suggested
        axes.axvspan(low, high, color=_GRID, alpha=0.4, label=f"suggested: {low:.2g} to {high:.2g}")
        axes.axvline(curve.steepest, color=FAILS, linewidth=1.2, label=f"steepest: {curve.steepest:.2g}")
    axes.set_xscale("log")
    least, first = min(curve.smoothed), curve.smoothed[0]
    # An exploding loss would flatten the rest: show twice the height of the fall.
    axes.set_ylim(least - 0.1 * (first - least or 1), first + (first - least or 1))
    axes.set_xlabel("learning rate", color=_INK)
    axes.set_ylabel("training loss", color=_INK)
    axes.set_title(curve.title, loc="left", fontsize=11, color=_INK, fontweight="bold", parse_math=False)
    axes.legend(fontsize=8, frameon=False, labelcolor=_INK, loc="lower left")
    return _save(figure, path)


def _save(figure: Figure, path: AnyPath) -> AnyPath:
    buffer = BytesIO()
    figure.savefig(buffer, format="png")
    write_atomically(path, buffer.getvalue())
    return path


def _write_title(figure: Figure, heading: list[str], lines: list[str]) -> None:
    width, height = figure.get_size_inches()
    down = 0.3
    for line in heading:
        _text(figure, 0.22 / width, 1 - down / height, line, size=14, weight="bold", colour=_INK)
        down += 0.3
    for line in lines:
        _text(figure, 0.22 / width, 1 - down / height, line, size=9.5, weight="normal", colour=_FAINT)
        down += _LINE


def _text(figure: Figure, x: float, y: float, text: str, *, size: float, weight: str, colour: str) -> None:
    # Dollar signs in a question are text, not mathematics.
    figure.text(x, y, text, fontsize=size, fontweight=weight, color=colour, va="center", parse_math=False)


def _label_lines(failure_map: FailureMap) -> tuple[list[list[str]], list[list[str]]]:
    """Return the labels of x from left to right and of y from the top down, each as lines."""
    x_width, y_width = _LABEL_WIDTHS
    return (
        [label_lines(label, x_width) for label in failure_map.shown_labels[0]],
        [label_lines(label, y_width) for label, _ in failure_map.rows(failure_map.facets[0])],
    )


def _draw_panel(axes: Axes, failure_map: FailureMap, facet: tuple[str, ...]) -> None:
    xs, ys = (["\n".join(lines) for lines in labels] for labels in _label_lines(failure_map))
    axes.set(xlim=(0, len(xs)), ylim=(0, len(ys)))
    for from_top, (_, cells) in enumerate(failure_map.rows(facet), start=1):
        for column, cell in enumerate(cells):
            _draw_cell(axes, column, len(ys) - from_top, cell)
    if failure_map.edge is not None:
        _draw_edge(axes, failure_map, failure_map.edge, facet)
    axes.set_xticks([position + 0.5 for position in range(len(xs))], xs)
    axes.set_yticks([len(ys) - position - 0.5 for position in range(len(ys))], ys)
    axes.tick_params(length=0, labelsize=_LABEL_POINTS, colors=_INK)
    if any(len(line) > _USUAL_LABEL for label in xs for line in label.split("\n")):
        axes.tick_params(axis="x", labelsize=_SMALL_LABEL_POINTS)
    for text in (*axes.get_xticklabels(), *axes.get_yticklabels()):
        text.set_parse_math(False)
    axes.set_xlabel(failure_map.axes[0], fontsize=10.5, color=_INK, parse_math=False)
    axes.set_ylabel(failure_map.axes[1], fontsize=10.5, color=_INK, parse_math=False)
    heading = failure_map.facet_words(facet)
    axes.set_title(heading, fontsize=11, loc="left", color=_INK, fontweight="bold", parse_math=False)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _draw_cell(axes: Axes, column: int, row: int, cell: MapCell) -> None:
    verdict = cell.verdict
    colour = cell_colour(verdict)
    box = (column + 0.02, row + 0.025)
    if colour is None:
        hatch = None if cell.is_elsewhere else _NOT_RUN_HATCH
        axes.add_patch(
            Rectangle(box, 0.96, 0.95, facecolor="white", edgecolor=_GRID, hatch=hatch, linewidth=0.6)
        )
        text = "not run" if cell.cost_seconds is None else f"not run\n≈ {duration_display(cell.cost_seconds)}"
        text = "in another\nshard" if cell.is_elsewhere else text
        axes.text(
            column + 0.5, row + 0.5, text, ha="center", va="center", fontsize=7.5, color=_FAINT,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.5},
        )  # fmt: skip
        return
    stripes = stripe_colour(verdict)
    axes.add_patch(Rectangle(box, 0.96, 0.95, facecolor=colour, edgecolor="none"))
    if stripes is not None:
        axes.add_patch(
            Rectangle(box, 0.96, 0.95, fill=False, edgecolor=stripes, hatch=_INFERRED_HATCH, linewidth=1.0)
        )
    elif verdict.state == "edge":
        inner = (column + 0.05, row + 0.06)
        axes.add_patch(Rectangle(inner, 0.9, 0.88, fill=False, edgecolor=_INK, linestyle=":", linewidth=1.4))
    ink = "white" if verdict.is_measured else _INK
    _stack(axes, column + 0.5, row + 0.5, _cell_lines(cell), ink, colour)


def _cell_lines(cell: MapCell) -> list[tuple[str, float]]:
    """Return the texts of a cell that is not empty, with their sizes in points."""
    verdict, tally = cell.verdict, cell.verdict.tally
    low, high = verdict.shown_interval
    lines = [
        (f"{tally.learned}/{tally.trials}" if tally.trials else "", 12.0),
        ("" if tally.trials or verdict.state == "unknown" else verdict.state, 9.5),
        (f"inferred{f': {verdict.state}' if tally.trials else ''}" if verdict.is_inferred else "", 6.6),
        ("edge" if tally.trials and verdict.state == "edge" else "", 6.6),
        (cause_label(cell.shown_cause.cause) if cell.shown_cause else "", 6.6),
        (f"{low:.2f} to {high:.2f}" if tally.trials or verdict.state != "unknown" else "", 7.2),
        (f"{tally.censored} censored" if tally.censored else "", 6.2),
        (f"{verdict.num_errored} errored" if verdict.num_errored else "", 6.2),
        (f"recipe {verdict.best_recipe}" if verdict.best_recipe else "", 6.2),
    ]
    return [(text, size) for text, size in lines if text]


def _draw_edge(axes: Axes, failure_map: FailureMap, edge: MapEdge, facet: tuple[str, ...]) -> None:
    """Draw the edge as a line through the rows of a panel, stepping from one to the next, with its band."""
    labels = failure_map.labels[1 - edge.along]
    across: list[float] = []
    up: list[float] = []
    for index, label in enumerate(labels):
        found = edge.rows.get((label, *facet))
        if found is None:
            _draw_steps(axes, across, up, edge.along)
            across, up = [], []
            continue
        # Names on the y axis are drawn downwards.
        is_down = edge.along == 0 and not failure_map.is_upward
        start = len(labels) - 1 - index if is_down else index
        low, middle, high = (edge.place(value) for value in (found.low, found.middle, found.high))
        corner, size = (low, start + 0.025), (high - low, 0.95)
        if edge.along:
            corner, size = corner[::-1], size[::-1]
        axes.add_patch(Rectangle(corner, *size, facecolor=_INK, alpha=_BAND_ALPHA, zorder=_BAND_LAYER))
        if (lies := side(found.middle)) != "inside":
            # Inside of the border, where it points out.
            inward = _ARROW_IN if lies == "below" else -_ARROW_IN
            marker = _ARROWS[edge.along][lies == "beyond"]
            _draw_steps(axes, [middle + inward], [start + 0.84], edge.along, marker)
        across += [middle, middle]
        up += [start + 1, start] if is_down else [start, start + 1]
    _draw_steps(axes, across, up, edge.along)


def _draw_steps(
    axes: Axes, across: list[float], up: list[float], along: int, marker: str | None = None
) -> None:
    """Draw a line through points, which are swapped if the edge runs along y, or a marker at one."""
    xs, ys = (up, across) if along else (across, up)
    axes.plot(
        xs, ys, color=_INK, linewidth=2.0, zorder=_EDGE_LAYER, marker=marker, markersize=6, clip_on=False,
        solid_capstyle="butt", path_effects=[withStroke(linewidth=4.4, foreground="white")],
    )  # fmt: skip


def _stack(axes: Axes, x: float, y: float, lines: list[tuple[str, float]], ink: str, colour: str) -> None:
    """Draw lines of text with their sizes in points, centred on a point; the first is bold.

    They are scaled down to fit into the cell, and stand out from stripes and the edge by a rim in its colour.
    """
    room_across, room_up = (0.93 * inches * _POINTS_AN_INCH for inches in _CELL)
    shrink = min(1.0, room_up / sum(size * _LINE_HEIGHT for _, size in lines))
    sizes = [min(size * shrink, room_across / (_CHARACTER_WIDTH * len(text))) for text, size in lines]
    heights = [size * _LINE_HEIGHT / _POINTS_AN_INCH / _CELL[1] for size in sizes]
    down = y + sum(heights) / 2
    for index, ((text, _), size, height) in enumerate(zip(lines, sizes, heights, strict=True)):
        weight = "normal" if index else "bold"
        axes.text(
            x, down - height / 2, text, ha="center", va="center_baseline",
            fontsize=size, fontweight=weight, color=ink, zorder=_TEXT_LAYER,
            path_effects=[withStroke(linewidth=2.6, foreground=colour)],
        )  # fmt: skip
        down -= height


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
    edge = (Patch(facecolor=_INK, alpha=_BAND_ALPHA), Line2D([], [], color=_INK, linewidth=2.0))
    swatches: list[tuple[Any, str]] = [
        (Patch(facecolor=LEARNS), "learns: P(learn) surely above ½"),
        (Patch(facecolor=FAILS), "fails: surely below ½"),
        (
            tuple(
                Patch(facecolor=light, edgecolor=full, hatch=_INFERRED_HATCH)
                for light, full in ((INFERRED_LEARNS, LEARNS), (INFERRED_FAILS, FAILS))
            ),
            "inferred from neighbours",
        ),
        (Patch(facecolor=unknown_colour(0.5), edgecolor=_INK, linestyle=":"), "cell at the edge"),
        (edge, "the edge, P(learn) = ½, and its 95 % band"),
        (
            tuple(Patch(facecolor=unknown_colour(share)) for share in (0.75, 0.0)),
            "unknown",
        ),
        (Patch(facecolor="white", edgecolor=_GRID, hatch=_NOT_RUN_HATCH), "not run, ≈ cost"),
    ]
    columns = 4 if width > 10.5 else 3
    legend_up = 0.27 + _LINE * (len(footnote) - 1)
    handles, labels = zip(*swatches, strict=True)
    figure.legend(
        handles, labels, loc="lower left", bbox_to_anchor=(0.15 / width, legend_up / height), ncols=columns,
        fontsize=8, frameon=False, labelcolor=_INK, handlelength=1.7, handleheight=1.1, columnspacing=1.4,
        # Side by side, but the edge's line over its band.
        handler_map={tuple: HandlerTuple(ndivide=None), edge: HandlerTuple(ndivide=1)},
    )  # fmt: skip
    for index, line in enumerate(footnote, start=1):
        up = (0.17 + _LINE * (len(footnote) - index)) / height
        _text(figure, 0.22 / width, up, line, size=8, weight="normal", colour=_FAINT)
