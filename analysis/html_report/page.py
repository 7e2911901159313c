"""The HTML page of the report, rendered from its template."""

from collections.abc import Collection
from typing import Any

from failmap.analysis.diagnosis import CAUSE_WORDS
from failmap.analysis.html_report.by_updates import maps_by_updates
from failmap.analysis.html_report.curves import MAX_POINTS
from failmap.analysis.html_report.data import page_data, state_line
from failmap.analysis.html_report.interventions import fixes
from failmap.analysis.html_report.templates import TEMPLATES, run_files, script_safe_json, source
from failmap.analysis.in_words import in_words
from failmap.analysis.load import Run
from failmap.analysis.map.edge import side
from failmap.analysis.map.failure_map import (
    FailureMap,
    MapCell,
    cause_counts,
    cause_label,
    counts_line,
    share_words,
)
from failmap.analysis.next_steps import TrialsLeft, next_steps, rescue_command
from failmap.analysis.palette import (
    FAILS,
    INFERRED_FAILS,
    INFERRED_LEARNS,
    LEARNS,
    cell_colour,
    stripe_colour,
    unknown_colour,
)
from failmap.run_folder.wording import cell_display, duration_display

#: What is in files of the report that the page links to.
_WORDS_OF_FILES = {
    "failure_map.png": "the map as a picture",
    "cells.csv": "a row for each cell",
    "edge.csv": "the edge in each row, with its interval",
    "rescue.csv": "a row for each fix that was tried",
    "trials.csv": "a row for each trial",
    "summary.md": "the result to paste into a pull request",
    "cells.parquet": "the rows of cells.csv",
    **{
        f"failure_map_{column}.{kind}": f"the map for a paper, {words}"
        for column, words in (("single", "one column wide"), ("double", "as wide as the text"))
        for kind in ("pdf", "svg")
    },
}
#: Maximum number of rows and columns of a map that has the chosen cell at its side.
_SMALL = 8
#: Maximum number of errored trials that are named.
_MAX_ERRORED = 50
#: Maximum number of trials whose curves and evidence are in the page: 5 to 8 kB each.
MAX_TRIALS = 1500


def render(
    run: Run,
    failure_map: FailureMap,
    trials_left: TrialsLeft | None = None,
    beside: Collection[str] = (),
    refresh: int | None = None,
) -> str:
    """Return the page. Raises UserError if the history of a trial has a corrupt line.

    Args:
        run: The run.
        failure_map: Its map.
        trials_left: Leaves out next steps that would begin no trial; None: that is not known.
        beside: Names of the files that were written beside it, to link to.
        refresh: Seconds after which the page loads itself again; None: it does not.
    """
    cells = list(failure_map.cells.values())
    identifiers = {cell.labels: index for index, cell in enumerate(cells)}
    data = page_data(run, failure_map, MAX_TRIALS)
    by_updates = maps_by_updates(run, failure_map, _drawn_cells)
    begun = failure_map.begun_facets or failure_map.facets
    steps = next_steps(run, failure_map, trials_left)
    errored = _errored(run, failure_map)
    tones = ", ".join(unknown_colour(share) for share in (0.0, 0.5, 1.0))
    return TEMPLATES.get_template("report.html").render(
        run=run,
        refresh=refresh,
        map=failure_map,
        panels=[
            (
                failure_map.facet_words(facet),
                facet in begun,
                [
                    (y, [_button(failure_map, cell, identifiers[cell.labels]) for cell in row])
                    for y, row in failure_map.rows(facet)
                ],
            )
            for facet in failure_map.facets
        ],
        counts=counts_line(failure_map),
        sentences=in_words(run, failure_map, steps),
        first=_first_cell(failure_map),
        is_small=len(begun) == 1 and max(map(len, failure_map.labels[:2])) <= _SMALL,
        stripes={
            "learns": (LEARNS, INFERRED_LEARNS, "learns"),
            "fails": (FAILS, INFERRED_FAILS, "fails"),
        },
        tones=f"linear-gradient(90deg, {tones})",
        edges=_edge_sentences(failure_map),
        num_left_out=max(0, len(run.records) - MAX_TRIALS),
        max_points=MAX_POINTS,
        open_cells=[
            (identifiers[cell.labels], cell_display(failure_map.paths, cell.labels), cell.verdict.reason)
            for cell in cells
            if cell.verdict.state in ("edge", "unknown")
        ],
        causes=[
            (cause_label(cause), count, CAUSE_WORDS[cause])
            for cause, count in cause_counts(failure_map).items()
        ],
        fixes=fixes(run, failure_map),
        rescue=rescue_command(run, failure_map),
        steps=steps,
        errored=errored[:_MAX_ERRORED],
        num_more_errored=max(0, len(errored) - _MAX_ERRORED),
        beside=[(name, words) for name, words in _WORDS_OF_FILES.items() if name in beside],
        files=run_files(run),
        num_budgets=len(by_updates),
        own_budget=next((index for index, one in enumerate(by_updates) if one["is_own"]), 0),
        data=script_safe_json({**data, "by_updates": by_updates}),
        style=source("report.css"),
        script=source("charts.js", "report.js", "grid.js", "copy.js", "reload.js"),
    )


def _first_cell(failure_map: FailureMap) -> int | None:
    """Return the number of the cell to open the page with: at the edge, else failing, else with most trials.

    None if no cell has a trial.
    """
    cells = list(failure_map.cells.values())
    shown = [index for index, cell in enumerate(cells) if cell.numbers]

    def tells_most(index: int) -> tuple[bool, bool, int]:
        cell = cells[index]
        return cell.verdict.state == "edge", cell.diagnosis is not None, len(cell.numbers)

    return max(shown, key=tells_most, default=None)


def _errored(run: Run, failure_map: FailureMap) -> list[tuple[int, int | None, str, str]]:
    """Return the number, the cell's number and words, and the reason of each trial that broke."""
    cells = {
        number: index
        for index, cell in enumerate(failure_map.cells.values())
        for number in (*cell.numbers, *cell.continuations, *cell.interventions)
    }
    return [
        (
            one.number,
            cells.get(one.number),
            cell_display(tuple(one.cell), tuple(map(str, one.cell.values()))),
            one.summary.reason,
        )
        for one in run.records
        if one.summary is not None and one.summary.outcome == "errored"
    ]


def _drawn_cells(failure_map: FailureMap) -> list[dict[str, Any]]:
    """Return the attributes and the content of each cell's button."""
    parts: Any = TEMPLATES.get_template("cell.html").module
    buttons = [_button(failure_map, cell, index) for index, cell in enumerate(failure_map.cells.values())]
    return [
        {
            "classes": str(parts.classes(button)),
            "style": str(parts.style(button)),
            "label": button["label"],
            "content": "".join(line.strip() for line in str(parts.content(button)).splitlines()),
        }
        for button in buttons
    ]


def _button(failure_map: FailureMap, cell: MapCell, identifier: int) -> dict[str, Any]:
    """Return the attributes and texts of a cell's button."""
    verdict = cell.verdict
    low, high = verdict.shown_interval
    has_counts = verdict.tally.trials > 0
    cause = f"; {share_words(cell.shown_cause)}" if cell.shown_cause else ""
    notes = {
        "censored": verdict.tally.censored,
        "errored": verdict.num_errored,
        "running": verdict.num_unfinished if verdict.state == "not_run" else 0,
    }
    return {
        "identifier": identifier,
        "state": verdict.state,
        "is_inferred": verdict.is_inferred,
        "colour": cell_colour(verdict),
        "stripes": stripe_colour(verdict),
        "edge": _edge_in_cell(failure_map, cell),
        "place": cell_display(failure_map.paths, cell.labels),
        "label": f"{cell_display(failure_map.paths, cell.labels)}: {state_line(failure_map, cell)}{cause}",
        "counts": f"{verdict.tally.learned}/{verdict.tally.trials}" if has_counts else "",
        "interval": f"{low:.2f} to {high:.2f}" if has_counts or verdict.state != "unknown" else "",
        "cause": cause_label(cell.shown_cause.cause) if cell.shown_cause else "",
        "notes": [f"{count} {word}" for word, count in notes.items() if count]
        + ([f"recipe {verdict.best_recipe}"] if verdict.best_recipe else []),
        "cost": "" if cell.cost_seconds is None or cell.is_elsewhere else duration_display(cell.cost_seconds),
        "is_elsewhere": cell.is_elsewhere,
    }


def _edge_in_cell(failure_map: FailureMap, cell: MapCell) -> dict[str, Any] | None:
    """Return the part of the edge and of its band in a cell, in percent of its width or height; None if none.

    Percentages count from the left, or from the bottom where the edge runs along y.
    """
    edge = failure_map.edge
    found = None if edge is None or cell.is_elsewhere else edge.of_cell(cell.labels)
    if edge is None or found is None:
        return None
    index = failure_map.labels[edge.along].index(cell.labels[edge.along])
    low, middle, high = (100 * (edge.place(value) - index) for value in (found.low, found.middle, found.high))
    is_last = index == len(failure_map.labels[edge.along]) - 1
    start, end = max(low, 0.0), min(high, 100.0)
    part: dict[str, Any] = {"along": "y" if edge.along else "x"}
    if start < end:
        part["band"] = (round(start, 1), round(end - start, 1))
    if 0 <= middle < 100 or (is_last and middle == 100):
        part["line"], part["lies"] = round(middle, 1), side(found.middle)
    return part if len(part) > 1 else None


def _edge_sentences(failure_map: FailureMap) -> list[tuple[str, list[str]]]:
    """Return a heading for each facet, with what its rows say about the edge; nothing without an edge."""
    edge = failure_map.edge
    if edge is None:
        return []
    sections = []
    for facet in failure_map.facets:
        rows = [(label, *facet) for label in failure_map.labels[1 - edge.along]]
        told = [edge.sentence(row) for row in rows if row in edge.rows or row in edge.bent]
        sections.append(
            (failure_map.facet_words(facet), told or ["No trial of the default recipe has ended"])
        )
    return sections
