"""The terminal view: the map filling in. On a pipe, one plain line every few seconds."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from time import monotonic
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from analysis.palette import STATE_WORDS, cell_colour
from analysis.records import Outcome
from analysis.verdict import CellVerdict, State, TrialResult, judge
from analysis.wording import (
    axis_labels,
    axis_words,
    count_words,
    duration_text,
    is_scale,
    label_lines,
    setting_words,
)
from search.agenda import cells_in_order
from search.config import RunConfig
from search.cost import relative_cost
from search.shards import ELSEWHERE, Shard
from search.space import Axis, Cell
from search.study import Results
from search.terminal import TerminalView
from search.wants import TrialNote

#: Characters of a cell: at least, usually, and at most where its label is longer; and of the rows' labels.
CELL_WIDTHS, MIN_LABEL_WIDTH = (5, 7, 14), 8
#: What stands for a state where there is no colour.
MARKS: dict[State, str] = {"learns": "+", "fails": "-", "unknown": "?", "not_run": "."}


class LiveView(TerminalView):
    """Shows the map while it fills in.

    Args:
        config: of the run.
        results: asks the study what is known.
        seconds_left: estimated seconds until the search ends by itself; None where nobody knows.
        console: where to draw.
    """

    def __init__(
        self,
        config: RunConfig,
        results: Callable[[], Results],
        seconds_left: Callable[[Results], float | None],
        console: Console,
    ) -> None:
        super().__init__(console)
        self.config = config
        self.results = results
        self.seconds_left = seconds_left
        self.reached = cells_in_order(config, relative_cost)
        self.ended_before = sum(results().outcomes.values())

    def show_map(self, results: Results) -> None:
        """Prints the map and the counts, to stay."""
        self.console.print(self._picture(results))
        self.console.print(self.status_line(results, "unfinished"), highlight=False, soft_wrap=True)

    def picture(self) -> RenderableType:
        """The map as it stands."""
        return self._picture(self.results())

    def line(self) -> str:
        """The counts as they stand."""
        return self.status_line(self.results())

    def _picture(self, results: Results) -> RenderableType:
        return map_picture(self.config, self.reached, results.cells, self.console.width)

    def status_line(self, results: Results, others: str = "running") -> str:
        """Counts of outcomes, decided cells, trials a minute and time left, in one line.

        `others` is what trials are called that have not ended.
        """
        seconds = monotonic() - self.started
        ended = sum(results.outcomes.values())
        counts = [
            f"{results.outcomes.get('learned', 0)} learned",
            f"{results.outcomes.get('failed', 0)} failed",
        ]
        rare: tuple[Outcome, ...] = ("censored", "errored")
        counts += [f"{results.outcomes[one]} {one}" for one in rare if results.outcomes.get(one)]
        verdicts = judge_cells(self.config, self.reached, results.cells)
        decided = sum(verdict.state in ("learns", "fails") for verdict in verdicts.values())
        left = self.seconds_left(results)
        changed = sum(note.outcome is None for note in results.interventions)
        shard = [] if self.config.shard is None else [Shard.parse(self.config.shard).words]
        parts = [
            *shard,
            duration_text(seconds),
            f"{count_words(ended, 'trial')}: {', '.join(counts)}; {results.num_unfinished} {others}",
            *([f"{count_words(changed, 'intervention')} {others}"] if changed else []),
            f"{decided} of {count_words(len(verdicts), 'cell')} decided",
            f"{(ended - self.ended_before) / max(seconds, 1) * 60:.0f} trials/min",
            "no estimate of the time left" if left is None else f"{duration_text(left)} left",
        ]
        return " · ".join(parts)


def judge_cells(
    config: RunConfig, reached: Iterable[Cell], cells: Mapping[Cell, Sequence[TrialNote]]
) -> dict[Cell, CellVerdict]:
    """What is known of every cell that the budget reaches or has trials, by the rules of the failure map."""
    return {
        cell: judge(
            [TrialResult(note.recipe_index, note.purpose, note.outcome) for note in cells.get(cell, ())],
            config.space.fail_after_recipes,
        )
        for cell in dict.fromkeys([*reached, *cells])
    }


def map_picture(
    config: RunConfig, reached: Iterable[Cell], cells: Mapping[Cell, Sequence[TrialNote]], width: int
) -> RenderableType:
    """The map, a table for each facet: k of n in each cell, its state by colour and mark.

    Numbers on the y axis go upwards; names stand one below the other, as the space lists them. It keeps
    within so many characters as far as labels and counts can be read.
    """
    verdicts = judge_cells(config, reached, cells)
    x, y, *facet = config.space.map_axes
    is_upward = is_scale(y.values or ())
    heading = f"{_axis_words(y)}{' (up)' * is_upward} by {_axis_words(x)} (across)"
    columns, rows = _axis_labels(x), _axis_labels(y)
    label_width, cell_width = _widths(width, [words for _, words in columns], [words for _, words in rows])
    panels: list[RenderableType] = []
    for facet_value in facet[0].values or () if facet else (None,):
        facet_labels = {facet[0].path: facet[0].label(facet_value)} if facet else {}
        if not any(facet_labels.items() <= cell.as_dict().items() for cell in verdicts):
            continue
        table = Table(box=None, padding=(0, 0), pad_edge=False, show_header=False)
        table.add_column(justify="right", style="bold", width=label_width, no_wrap=True)
        table.add_column(width=1)
        for _ in columns:
            table.add_column(justify="center", width=cell_width, no_wrap=True)
        for y_label, row_words in reversed(rows) if is_upward else rows:
            row = [Text(row_words), Text("")]
            for x_label, _ in columns:
                labels = {x.path: x_label, y.path: y_label, **facet_labels}
                cell = Cell(tuple((path, labels[path]) for path in config.space.map.paths))
                if cell in verdicts or config.shard is None:
                    verdict = verdicts.get(cell) or judge(())
                    row.append(_cell_text(verdict, cells.get(cell, ()), cell_width))
                else:
                    row.append(Text(ELSEWHERE, style="dim"))
            table.add_row(*row)
        table.add_row("", "", *(Text(_lines(words, cell_width), style="bold") for _, words in columns))
        told = f", {setting_words(facet[0].path, facet_labels[facet[0].path])}" if facet else ""
        panels += [Text(f"{heading}{told}"), table]
    panels.append(_legend(config.shard))
    return Group(*panels)


def _axis_words(axis: Axis) -> str:
    return axis_words(axis.path, axis.values or ())


def _axis_labels(axis: Axis) -> list[tuple[Any, str]]:
    """Each label of a map's axis, and what it is shown as."""
    labels = [axis.label(value) for value in axis.values or ()]
    return list(zip(labels, axis_labels(axis.path, labels), strict=True))


def _widths(width: int, columns: Collection[str], rows: Iterable[str]) -> tuple[int, int]:
    """Characters of the labels' column and of each other one: narrower where the terminal is."""
    narrow, usual, wide = CELL_WIDTHS
    wanted = min(max(usual, *(len(words) + 1 for words in columns)), wide)
    width -= 1
    label_width = min(max(map(len, rows)), max(MIN_LABEL_WIDTH, width - narrow * len(columns)))
    return label_width, max(narrow, min(wanted, (width - label_width) // len(columns)))


def _lines(words: str, cell_width: int) -> str:
    """A label of x in lines that leave a gap between the columns."""
    return "\n".join(label_lines(words, cell_width - 1))


def _cell_text(verdict: CellVerdict, notes: Sequence[TrialNote], width: int) -> Text:
    """k/n of the recipe that says most, a mark for the state, and how many trials are under way."""
    tally, running = verdict.tally, verdict.num_unfinished
    ended = tally.trials - sum(
        note.outcome is None for note in notes if note.recipe_index == verdict.best_recipe
    )
    known = f"{tally.learned}/{ended}{MARKS[verdict.state]}" if ended else MARKS[verdict.state]
    background = cell_colour(verdict)
    style = ""
    if background is not None:
        ink = "black" if verdict.state == "unknown" else "white"
        style = f"{ink} on {background}"
    shown = f"{known}{'…' if running else ' '}"
    return Text(f" {shown}".center(width) if len(shown) < width else shown, style=style)


def _legend(shard: str | None) -> Text:
    words = ", ".join(f"{mark} {STATE_WORDS[state]}" for state, mark in MARKS.items())
    elsewhere = f", {ELSEWHERE} in another shard" if shard else ""
    return Text(f"k/n: k of n seeds learned; {words}{elsewhere}; … under way", style="dim")
