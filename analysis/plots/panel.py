"""One panel of a failure map: its cells, its labels, and the edge."""

from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke

from failmap.analysis.map.edge import MapEdge, side
from failmap.analysis.map.failure_map import FailureMap, MapCell, cause_label
from failmap.analysis.palette import cell_colour, stripe_colour
from failmap.analysis.plots.saving import FAINT, GRID, INK
from failmap.run_folder.wording import duration_display, label_lines

_POINTS_AN_INCH, _USUAL_POINTS = 72, 9.0
#: Axis labels: width of a character and height of a line in inches at the usual size; number of characters
#: that fit a cell's width, and how much smaller they are if there are more; maximum number of characters of a
#: line on x and y.
LABEL_CHARACTER, LABEL_LINE = 0.08, 0.16
_USUAL_LABEL, _SMALL_LABEL = 11, 0.78
_LABEL_WIDTHS = (15, 28)
#: Patterns of cells: not run, inferred.
NOT_RUN_HATCH, INFERRED_HATCH = "////", "\\\\\\"
BAND_ALPHA = 0.17
#: Markers of an edge below and beyond the map, along x and along y.
_ARROWS, _ARROW_IN = (("<", ">"), ("v", "^")), 0.09
#: The order in which parts of a cell are drawn over each other: the edge lies under the texts.
_BAND_LAYER, _EDGE_LAYER, _TEXT_LAYER = 2.0, 2.5, 3.0
#: Height of a line and mean width of a character, relative to the font size.
_LINE_HEIGHT, _CHARACTER_WIDTH = 1.4, 0.6


@dataclass(frozen=True)
class PanelStyle:
    """How a panel is drawn.

    Attributes:
        cell: Width and height of a cell in inches.
        label_points: Font size of the axis labels in points; all others are in proportion.
        is_brief: Whether cells have their counts alone.
        has_rims: Whether texts stand out by a rim, which makes them outlines, or by a box behind them.
    """

    cell: tuple[float, float]
    label_points: float = _USUAL_POINTS
    is_brief: bool = False
    has_rims: bool = True


def axis_labels(failure_map: FailureMap) -> tuple[list[list[str]], list[list[str]]]:
    """Return the labels of x from left to right and of y from the top down, each as lines."""
    x_width, y_width = _LABEL_WIDTHS
    return (
        [label_lines(label, x_width) for label in failure_map.shown_labels[0]],
        [label_lines(label, y_width) for label, _ in failure_map.rows(failure_map.facets[0])],
    )


def draw_panel(axes: Axes, failure_map: FailureMap, facet: tuple[str, ...], style: PanelStyle) -> None:
    """Draw the cells of a facet into axes, which it scales to one unit a cell."""
    xs, ys = (["\n".join(lines) for lines in labels] for labels in axis_labels(failure_map))
    axes.set(xlim=(0, len(xs)), ylim=(0, len(ys)))
    for from_top, (_, cells) in enumerate(failure_map.rows(facet), start=1):
        for column, cell in enumerate(cells):
            _draw_cell(axes, column, len(ys) - from_top, cell, style)
    if failure_map.edge is not None:
        _draw_edge(axes, failure_map, failure_map.edge, facet)
    axes.set_xticks([position + 0.5 for position in range(len(xs))], xs)
    axes.set_yticks([len(ys) - position - 0.5 for position in range(len(ys))], ys)
    points = style.label_points
    axes.tick_params(length=0, labelsize=points, colors=INK)
    if any(len(line) > _USUAL_LABEL for label in xs for line in label.split("\n")):
        axes.tick_params(axis="x", labelsize=_SMALL_LABEL * points)
    for text in (*axes.get_xticklabels(), *axes.get_yticklabels()):
        text.set_parse_math(False)
    axes.set_xlabel(failure_map.axes[0], fontsize=points + 1.5, color=INK, parse_math=False)
    axes.set_ylabel(failure_map.axes[1], fontsize=points + 1.5, color=INK, parse_math=False)
    heading = failure_map.facet_words(facet)
    axes.set_title(heading, fontsize=points + 2, loc="left", color=INK, fontweight="bold", parse_math=False)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _draw_cell(axes: Axes, column: int, row: int, cell: MapCell, style: PanelStyle) -> None:
    verdict = cell.verdict
    colour = cell_colour(verdict)
    box = (column + 0.02, row + 0.025)
    if colour is None:
        hatch = None if cell.is_elsewhere else NOT_RUN_HATCH
        axes.add_patch(
            Rectangle(box, 0.96, 0.95, facecolor="white", edgecolor=GRID, hatch=hatch, linewidth=0.6)
        )
        if style.is_brief:
            return
        text = "not run" if cell.cost_seconds is None else f"not run\n≈ {duration_display(cell.cost_seconds)}"
        text = "in another\nshard" if cell.is_elsewhere else text
        axes.text(
            column + 0.5, row + 0.5, text, ha="center", va="center", fontsize=7.5, color=FAINT,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.5},
        )  # fmt: skip
        return
    stripes = stripe_colour(verdict)
    axes.add_patch(Rectangle(box, 0.96, 0.95, facecolor=colour, edgecolor="none"))
    if stripes is not None:
        axes.add_patch(
            Rectangle(box, 0.96, 0.95, fill=False, edgecolor=stripes, hatch=INFERRED_HATCH, linewidth=1.0)
        )
    elif verdict.state == "edge":
        inner = (column + 0.05, row + 0.06)
        axes.add_patch(Rectangle(inner, 0.9, 0.88, fill=False, edgecolor=INK, linestyle=":", linewidth=1.4))
    ink = "white" if verdict.is_measured else INK
    lines = _cell_lines(cell)
    if style.is_brief:
        lines = [(text, size) for text, size in lines[:1] if "/" in text]
    _stack(axes, column + 0.5, row + 0.5, lines, ink, colour, style)


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
        axes.add_patch(Rectangle(corner, *size, facecolor=INK, alpha=BAND_ALPHA, zorder=_BAND_LAYER))
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
        xs, ys, color=INK, linewidth=2.0, zorder=_EDGE_LAYER, marker=marker, markersize=6, clip_on=False,
        solid_capstyle="butt", path_effects=[withStroke(linewidth=4.4, foreground="white")],
    )  # fmt: skip


def _stack(
    axes: Axes, x: float, y: float, lines: list[tuple[str, float]], ink: str, colour: str, style: PanelStyle
) -> None:
    """Draw lines of text with their sizes in points, centred on a point; the first is bold.

    They are scaled down to fit into the cell, and stand out from stripes and the edge by its colour.
    """
    room_across, room_up = (0.93 * inches * _POINTS_AN_INCH for inches in style.cell)
    if not lines:
        return
    shrink = min(style.label_points / _USUAL_POINTS, room_up / sum(size * _LINE_HEIGHT for _, size in lines))
    sizes = [min(size * shrink, room_across / (_CHARACTER_WIDTH * len(text))) for text, size in lines]
    heights = [size * _LINE_HEIGHT / _POINTS_AN_INCH / style.cell[1] for size in sizes]
    down = y + sum(heights) / 2
    ground: dict[str, Any] = {"path_effects": [withStroke(linewidth=2.6, foreground=colour)]}
    if not style.has_rims:
        ground = {"bbox": {"facecolor": colour, "edgecolor": "none", "pad": 0.4}}
    for index, ((text, _), size, height) in enumerate(zip(lines, sizes, heights, strict=True)):
        weight = "normal" if index else "bold"
        axes.text(
            x, down - height / 2, text, ha="center", va="center_baseline",
            fontsize=size, fontweight=weight, color=ink, zorder=_TEXT_LAYER,
            **ground,
        )  # fmt: skip
        down -= height
