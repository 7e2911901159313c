"""The list of runs as a table in a terminal, as lines on a pipe, or as JSON."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict

from rich.console import Console
from rich.table import Table
from rich.text import Text

from failmap.run_folder.errors import printable
from failmap.run_folder.wording import duration_display, quantity
from failmap.search.allocation.remaining import decided_words
from failmap.search.run_status import RunStatus, State
from failmap.search.terminal.messages import error_lines

_STATE_TEXTS: dict[State, str] = {
    "running": "running on {host}",
    "died": "died",
    "stopped": "stopped",
    "decided": "all decided",
    "spent": "budget spent",
    "new": "not begun",
    "unreadable": "unreadable",
}
#: Maximum width of a run's name and of its state in the table.
_NAME_WIDTH, _STATE_WIDTH = 26, 16
_STYLES: dict[State, str] = {"running": "bold", "died": "red", "unreadable": "red"}


def show_run_list(statuses: Sequence[RunStatus], console: Console) -> None:
    """Print a table as wide as the terminal, or a line for each run on a pipe."""
    if not console.is_terminal:
        for status in statuses:
            console.print(Text(line_of(status)), soft_wrap=True)
        return
    headings = ("run", "state", "cells", "trials", "per h", "left", "last fault")
    rows = [_row(status) for status in statuses]
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
    for status, row in zip(statuses, rows, strict=True):
        table.add_row(*(Text(cell) for cell in row), style=_STYLES.get(status.state, ""))
    console.print(table)


def _row(status: RunStatus) -> tuple[str, ...]:
    """Return the cells of a run's row."""
    is_readable = status.state != "unreadable"
    return (
        printable(status.run),
        state_display(status),
        f"{status.num_decided}/{status.num_cells}" if is_readable and status.num_cells else "",
        f"{status.num_ended:,}" if is_readable else "",
        "" if status.trials_per_hour is None else f"{status.trials_per_hour:,.0f}",
        "" if status.seconds_left is None else duration_display(status.seconds_left),
        printable(status.problem) or fault_display(status) or errors_display(status),
    )


def line_of(status: RunStatus) -> str:
    """Format a run as one line."""
    if status.state == "unreadable":
        return f"{printable(status.run)}: unreadable: {printable(status.problem)}"
    parts = [
        state_display(status),
        f"{quantity(status.num_ended, 'trial')}, {status.num_unfinished} unfinished",
    ]
    if status.num_cells:
        decided = decided_words(status.num_decided, status.num_cells, status.num_inferred, status.num_edge)
        parts.insert(1, decided)
    if status.trials_per_hour is not None:
        parts.append(f"{status.trials_per_hour:,.0f} trials/h")
    if status.seconds_left is not None:
        parts.append(f"{duration_display(status.seconds_left)} left")
    if status.last_fault is not None:
        parts.append(f"last fault: {fault_display(status)}")
    if status.errors:
        parts.append(errors_display(status))
    if since := since_display(status):
        parts.append(since)
    return f"{printable(status.run)}: {' · '.join(parts)}"


def detail_lines(status: RunStatus) -> Iterator[str]:
    """Yield lines about one run: its state, who started it and when, and its report."""
    yield " · ".join(filter(None, (state_display(status), since_display(status))))
    if status.report is not None:
        yield f"report: {printable(status.report)}"
    yield from map(printable, error_lines(status.errors or {}))


def faults_lines(status: RunStatus) -> Iterator[str]:
    """Yield lines about the faults of a run that were recovered."""
    if status.last_fault is not None:
        faults = status.num_faults or {}
        counts = ", ".join(f"{count} {kind.replace('_', ' ')}" for kind, count in faults.items())
        retried = quantity(status.num_retried, "trial")
        yield f"{quantity(sum(faults.values()), 'start')} of {retried} ended early: {counts}"
        yield f"the last: {fault_display(status)}"


def as_json(statuses: Sequence[RunStatus]) -> str:
    """Return a JSON list of objects with the attributes of `RunStatus`."""
    return json.dumps([asdict(status) for status in statuses], indent=1)


def state_display(status: RunStatus) -> str:
    """Format the state of a run: 'running on HOST', 'stopped'."""
    return _STATE_TEXTS[status.state].format(host=printable(status.host))


def since_display(status: RunStatus) -> str:
    """Format who started a run, and when: 'started 2026-11-22 14:05 by ada'; '' if unknown."""
    if status.started is None:
        return ""
    owner = f" by {printable(status.owner)}" if status.owner else ""
    return f"started {printable(status.started)[:16].replace('T', ' ')}{owner}"


def errors_display(status: RunStatus) -> str:
    """Format the most frequent error of trials, and how many others there are; '' if there is none."""
    if not status.errors:
        return ""
    message, count = next(iter(status.errors.items()))
    others = f", and {len(status.errors) - 1} other messages" if len(status.errors) > 1 else ""
    return f"{count} errored: {printable(message)}{others}"


def fault_display(status: RunStatus) -> str:
    """Format the last fault: 'lost: its node died, 2026-11-22 14:05'; '' if there was none."""
    fault = status.last_fault
    if fault is None:
        return ""
    return f"{fault.kind.replace('_', ' ')}: {printable(fault.reason)}, {printable(fault.at)[:16]}"
