"""One signal over the cells of a run."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import itemgetter
from statistics import median
from typing import Any

from failmap.analysis.load import Run
from failmap.analysis.map.failure_map import build_map
from failmap.run_folder.errors import UserError, nearest
from failmap.run_folder.watched import WATCHED
from failmap.run_folder.wording import cell_display, quantity

#: Reduces a trial's measurements to the one that counts.
_PICK: dict[str, Callable[[Sequence[float]], float]] = {
    "first": itemgetter(0),
    "last": itemgetter(-1),
    "mean": lambda values: sum(values) / len(values),
}


def signal_table(run: Run, signal: str, at: str = "first") -> list[list[str]]:
    """Return a heading, and one row per cell with the median of a signal, or its medians by layer.

    Args:
        run: The run; its interventions are left out.
        signal: Name of the signal.
        at: Which of a trial's measurements counts: the first, the last, or the mean of all.

    Raises:
        UserError: No trial has such a signal, or it is not a number.
    """
    if run.config.objectives:
        raise UserError(
            f"run={run.folder.name}: looks for the best recipe (goal=best) and has no map, "
            "and signals are shown by the map's cells"
        )
    histories = {
        record.number: [
            dict(_numbers(signal, one.signals[signal]))
            for one in run.history(record.number)
            if signal in one.signals and signal != WATCHED
        ]
        for record in run.cell_records
    }
    if not any(histories.values()):
        known = {
            name for record in run.cell_records for one in run.history(record.number) for name in one.signals
        } - {WATCHED}
        raise UserError(
            f"signal={signal}: no trial of {run.folder.name} has it{nearest(signal, sorted(known))}"
        )
    names = dict.fromkeys(name for history in histories.values() for table in history for name in table)
    rows = []
    for cell in build_map(run).cells.values():
        trials = [histories[number] for number in cell.numbers if histories[number]]
        if trials:
            words = cell_display(run.config.map_paths, cell.labels)
            medians = [_median(trials, name, at) for name in names]
            rows.append([words, *medians, quantity(len(trials), "trial")])
    return [["", *(name or signal for name in names), ""], *rows]


def _numbers(signal: str, value: Any, name: str = "") -> Iterator[tuple[str, float]]:
    """Yield a measurement by layer; a single number has the layer ''."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _numbers(signal, inner, f"{name}.{key}" if name else key)
    elif value is None or isinstance(value, int | float):
        yield name, math.nan if value is None else float(value)
    else:
        raise UserError(f"signal={signal}: is a list; the report draws it, for each trial of a chosen cell")


def _median(trials: Sequence[Sequence[Mapping[str, float]]], name: str, at: str) -> str:
    """Return the median over the trials in which it is finite, or '.' if there are none."""
    of_trials = [
        [table[name] for table in trial if math.isfinite(table.get(name, math.nan))] for trial in trials
    ]
    picked = [_PICK[at](values) for values in of_trials if values]
    return f"{median(picked):.2g}" if picked else "."
