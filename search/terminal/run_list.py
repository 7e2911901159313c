"""The runs of a storage as a table in a terminal, as lines on a pipe, or as JSON."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict

from rich.console import Console
from rich.table import Table
from rich.text import Text

from failmap.run_folder.errors import printable
from failmap.run_folder.wording import duration_display, quantity
from failmap.search.run_status import RunStatus, State

_STATE_WORDS: dict[State, str] = {
    "running": "running on {host}",
    "died": "died",
    "stopped": "stopped",
    "decided": "all decided",
    "spent": "budget spent",
    "new": "not begun",
    "unreadable": "unreadable",
}
#: Characters of a run's name, and of its state, in one line of the table.
_NAME_WIDTH, _STATE_WIDTH = 26, 16
_STYLES: dict[State, str] = {"running": "bold", "died": "red", "unreadable": "red"}


def show_run_list(standings: Sequence[RunStatus], console: Console) -> None:
    """A table as wide as the terminal; on a pipe a line for each run."""
    if not console.is_terminal:
        for standing in standings:
            console.print(Text(line_of(standing)), soft_wrap=True)
        return
    headings = ("run", "state", "cells", "trials", "per h", "left", "last fault")
    rows = [_row(standing) for standing in standings]
    widths = [max(len(cells[i]) for cells in (headings, *rows)) for i in range(len(headings))]
    widths[0], widths[1] = min(widths[0], _NAME_WIDTH), min(widths[1], _STATE_WIDTH)
    widths[-1] = min(widths[-1], max(console.width - sum(widths[:-1]) - len(headings), len(headings[-1])))
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False)
    for index, (heading, width) in enumerate(zip(headings, widths, strict=True)):
        table.add_column(
            heading,
            width=width,
            justify="right" if 2 <= index <= 5 else "left",
            no_wrap=index > 1,
            overflow="fold" if index < 2 else "ellipsis",
        )
    for standing, row in zip(standings, rows, strict=True):
        table.add_row(*(Text(cell) for cell in row), style=_STYLES.get(standing.state, ""))
    console.print(table)


def _row(standing: RunStatus) -> tuple[str, ...]:
    """What the table says of one run, by its headings."""
    is_readable = standing.state != "unreadable"
    return (
        printable(standing.run),
        state_display(standing),
        f"{standing.num_decided}/{standing.num_cells}" if is_readable else "",
        f"{standing.num_ended:,}" if is_readable else "",
        "" if standing.trials_per_hour is None else f"{standing.trials_per_hour:,.0f}",
        "" if standing.seconds_left is None else duration_display(standing.seconds_left),
        printable(standing.problem) or fault_display(standing),
    )


def line_of(standing: RunStatus) -> str:
    """One run in one line."""
    if standing.state == "unreadable":
        return f"{printable(standing.run)}: unreadable: {printable(standing.problem)}"
    parts = [
        state_display(standing),
        f"{standing.num_decided} of {quantity(standing.num_cells, 'cell')} decided",
        f"{quantity(standing.num_ended, 'trial')}, {standing.num_unfinished} unfinished",
    ]
    if standing.trials_per_hour is not None:
        parts.append(f"{standing.trials_per_hour:,.0f} trials/h")
    if standing.seconds_left is not None:
        parts.append(f"{duration_display(standing.seconds_left)} left")
    if standing.last_fault is not None:
        parts.append(f"last fault: {fault_display(standing)}")
    return f"{printable(standing.run)}: {' · '.join(parts)}"


def faults_lines(standing: RunStatus) -> Iterator[str]:
    """What went wrong in a run and was mended: nothing where nothing did."""
    if standing.last_fault is not None:
        counts = ", ".join(
            f"{count} {kind.replace('_', ' ')}" for kind, count in (standing.num_faults or {}).items()
        )
        total = sum((standing.num_faults or {}).values())
        retried = quantity(standing.num_retried, "trial")
        yield f"{quantity(total, 'start')} of {retried} ended early: {counts}"
        yield f"the last: {fault_display(standing)}"


def as_json(standings: Sequence[RunStatus]) -> str:
    """A list of objects: the attributes of `RunStatus`."""
    return json.dumps([asdict(standing) for standing in standings], indent=1)


def state_display(standing: RunStatus) -> str:
    """'running on HOST', 'stopped'."""
    return _STATE_WORDS[standing.state].format(host=printable(standing.host))


def fault_display(standing: RunStatus) -> str:
    """'lost: its node died, 2026-11-22 14:05'; '' where there was none."""
    fault = standing.last_fault
    if fault is None:
        return ""
    return f"{fault.kind.replace('_', ' ')}: {printable(fault.reason)}, {printable(fault.at)[:16]}"
