"""The failure map as tables in a terminal, one for each facet."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from failmap.analysis.palette import STATE_WORDS, cell_colour
from failmap.analysis.verdict import CellVerdict, State, judge
from failmap.run_folder.command_lines import command_line
from failmap.run_folder.wording import (
    axis_display,
    axis_labels,
    in_order,
    is_scale,
    label_lines,
    least_width,
    quantity,
    setting_display,
)
from failmap.search.allocation.known_trials import KnownTrial
from failmap.search.allocation.remaining import judge_cells
from failmap.search.config import RunConfig
from failmap.search.shards import ELSEWHERE
from failmap.search.space import Axis, Cell

#: Minimum, usual and maximum width of a cell, and minimum width of the row labels.
CELL_WIDTHS, MIN_LABEL_WIDTH = (5, 7, 14), 8
#: Marks of the states, for terminals without colour.
MARKS: dict[State, str] = {"learns": "+", "fails": "-", "edge": "~", "unknown": "?", "not_run": "."}


@dataclass(frozen=True)
class _Panel:
    """The table of one facet.

    Attributes:
        heading: Heading.
        rows: Rows from the top, each the label of y and its cells.
        labels: Labels of x, in one or more lines each.
        num_running: Number of running trials.
    """

    heading: str
    rows: Sequence[Sequence[Text]]
    labels: Sequence[Text]
    num_running: int

    @property
    def height(self) -> int:
        """Lines of the whole panel."""
        return self._frame_height + sum(_num_lines(row[0].plain) for row in self.rows)

    @property
    def _frame_height(self) -> int:
        return _num_lines(self.heading) + max(_num_lines(label.plain) for label in self.labels)

    def cut(self, height: int) -> "_Panel":
        """Return the panel cut to so many lines, with the number of hidden rows in its heading."""
        room = height - self._frame_height
        ends = accumulate(_num_lines(row[0].plain) for row in self.rows)
        num_rows = max(sum(end <= room for end in ends), 1)
        hidden = quantity(len(self.rows) - num_rows, "more row")
        return replace(self, heading=f"{self.heading} (… {hidden})", rows=self.rows[:num_rows])

    def parts(self, label_width: int, cell_width: int) -> tuple[RenderableType, RenderableType]:
        """Return the heading and the table."""
        table = Table(box=None, padding=(0, 0), pad_edge=False, show_header=False)
        table.add_column(justify="right", style="bold", width=label_width, no_wrap=True)
        table.add_column(width=1)
        for _ in self.labels:
            table.add_column(justify="center", width=cell_width, no_wrap=True)
        for label, *cells in self.rows:
            table.add_row(label, "", *cells)
        table.add_row("", "", *self.labels)
        return Text(self.heading), table


def map_picture(
    config: RunConfig,
    reached: Iterable[Cell],
    cells: Mapping[Cell, Sequence[KnownTrial]],
    width: int,
    height: int | None = None,
) -> RenderableType:
    """Return the map as a table for each facet: k of n in each cell, its state as colour and mark.

    Numbers on the y axis go upwards; names go downwards in the order of the space. The tables keep within
    the width as far as labels and counts remain legible.

    Args:
        config: The run's configuration.
        reached: Cells that the budget reaches.
        cells: Trials by cell.
        width: Width in characters.
        height: Maximum number of lines; None for no limit. Facets without running trials are hidden first,
            then rows, and a note counts what is hidden.
    """
    x, y, *_ = config.space.map_axes
    columns, rows = _axis_labels(x), _axis_labels(y)
    label_width, cell_width = _widths(width, [text for _, text in columns], [text for _, text in rows])
    panels = list(_panels(config, judge_cells(config, reached, cells), cells, width, label_width, cell_width))
    legend = _legend(config.shard)
    notes = []
    if height is not None:
        room = height - -(-len(legend.plain) // width)
        shown = _that_fit(panels, room)
        if len(shown) < len(panels):
            hidden = quantity(len(panels) - len(shown), "more part") + " of the map"
            command = command_line("status", f"run={config.run}")
            notes = [Text(f"… {hidden}: {command}", style="dim", no_wrap=True)]
            shown = _that_fit(panels, room - 1)
        panels = shown
    parts = [part for panel in panels for part in panel.parts(label_width, cell_width)]
    return Group(*parts, *notes, legend)


def _panels(
    config: RunConfig,
    verdicts: Mapping[Cell, CellVerdict],
    cells: Mapping[Cell, Sequence[KnownTrial]],
    width: int,
    label_width: int,
    cell_width: int,
) -> Iterator[_Panel]:
    """Yield a panel for each facet that the budget reaches or that has trials."""
    x, y, *facet = config.space.map_axes
    columns, rows = _axis_labels(x), _axis_labels(y)
    is_upward = is_scale(y.values or ())
    heading = (
        f"{axis_display(y.path, y.labels)}{' (up)' * is_upward} by {axis_display(x.path, x.labels)} (across)"
    )
    # A gap is left between the columns.
    labels = [Text("\n".join(label_lines(text, cell_width - 1)), style="bold") for _, text in columns]
    for facet_labels in [{facet[0].path: label} for label in facet[0].labels] if facet else [{}]:
        own = [cell for cell in verdicts if facet_labels.items() <= cell.as_dict().items()]
        if not own:
            continue
        drawn: list[list[Text]] = []
        for y_label, row_text in reversed(rows) if is_upward else rows:
            drawn.append([Text("\n".join(label_lines(row_text, label_width)))])
            for x_label, _ in columns:
                chosen = {x.path: x_label, y.path: y_label, **facet_labels}
                cell = config.space.cell(chosen)
                if cell in verdicts or config.shard is None:
                    verdict = verdicts.get(cell) or judge(())
                    drawn[-1].append(_cell_text(verdict, cells.get(cell, ()), cell_width))
                else:
                    drawn[-1].append(Text(ELSEWHERE, style="dim"))
        suffix = "".join(f", {setting_display(path, label)}" for path, label in facet_labels.items())
        lines = "\n".join(label_lines(f"{heading}{suffix}", width))
        yield _Panel(lines, drawn, labels, sum(verdicts[cell].num_unfinished for cell in own))


def _num_lines(text: str) -> int:
    return text.count("\n") + 1


def _that_fit(panels: Sequence[_Panel], height: int) -> list[_Panel]:
    """Return the panels that fit into so many lines, in order; at least one, cut if necessary."""
    fitting: list[int] = []
    # Panels with running trials come first; sorting is stable.
    for index in sorted(range(len(panels)), key=lambda index: panels[index].num_running == 0):
        if panels[index].height <= height:
            fitting.append(index)
            height -= panels[index].height
        elif not fitting:
            return [panels[index].cut(height)]
    return [panels[index] for index in sorted(fitting)]


def _axis_labels(axis: Axis) -> list[tuple[Any, str]]:
    """Return the labels of an axis in order, with their display texts."""
    labels = in_order(axis.labels)
    return list(zip(labels, axis_labels(axis.path, labels), strict=True))


def _widths(width: int, columns: Collection[str], rows: Iterable[str]) -> tuple[int, int]:
    """Return the widths of the label column and of the other columns, narrower in a narrow terminal.

    Row labels are broken between words before words of column labels are broken.
    """
    narrow, usual, wide = CELL_WIDTHS
    rows = list(rows)
    preferred = min(max(usual, *(len(text) + 1 for text in columns)), wide)
    whole_words = min(max(narrow, *(least_width(text) + 1 for text in columns)), wide)
    width -= 1
    least = max(MIN_LABEL_WIDTH, *map(least_width, rows))
    if least > width - narrow * len(columns):
        least = MIN_LABEL_WIDTH
    label_width = min(max(map(len, rows)), max(least, width - whole_words * len(columns)))
    return label_width, max(narrow, min(preferred, (width - label_width) // len(columns)))


def _cell_text(verdict: CellVerdict, notes: Sequence[KnownTrial], width: int) -> Text:
    """Return k/n of the deciding recipe, the mark of the state, and a sign for running trials."""
    tally, running = verdict.tally, "…" if verdict.num_unfinished else " "
    ended = tally.trials - sum(
        note.outcome is None for note in notes if note.recipe_index == verdict.best_recipe
    )
    mark = f"({MARKS[verdict.state]})" if verdict.is_inferred else MARKS[verdict.state]
    shown = f"{tally.learned}/{ended}{mark}{running}" if ended else f"{mark}{running}"
    if verdict.is_inferred and len(shown) > width:
        shown = f"{mark}{running}"
    ink, background = "white" if verdict.is_measured else "black", cell_colour(verdict)
    style = "" if background is None else f"{ink} on {background}"
    return Text(f" {shown}".center(width) if len(shown) < width else shown, style=style)


def _legend(shard: str | None) -> Text:
    marks = ", ".join(f"{mark} {STATE_WORDS[state]}" for state, mark in MARKS.items())
    elsewhere = f", {ELSEWHERE} in another shard" if shard else ""
    inferred = f"({MARKS['learns']}) ({MARKS['fails']}) inferred from neighbours"
    return Text(f"k/n: k of n seeds learned; {marks}{elsewhere}; {inferred}; … under way", style="dim")
