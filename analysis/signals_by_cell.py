"""One signal over the cells of a run."""

import math
from collections.abc import Iterator, Mapping, Sequence
from statistics import median
from typing import Any

from failmap.analysis.failure_map import build_map
from failmap.analysis.load import Run
from failmap.run_folder.errors import UserError, nearest
from failmap.run_folder.records import TrialRecord
from failmap.run_folder.wording import quantity, setting_display


def signal_table(run: Run, signal: str, at: str = "first") -> list[list[str]]:
    """A row for each cell with its median, or its medians by layer; the first row says what stands below.

    Args:
        run: whose trials are looked at; interventions are left out.
        signal: its name in a history's signals.
        at: which of a trial's measurements counts: the first, the last, or the mean of all.

    Raises:
        UserError: no trial has such a signal; the nearest name is told. Or it is no number.
    """
    histories = {record.number: list(_measured(run, record, signal)) for record in run.cell_records}
    if not any(histories.values()):
        known = {
            name for record in run.cell_records for one in run.history(record.number) for name in one.signals
        }
        raise UserError(
            f"signal={signal}: no trial of {run.folder.name} has it{nearest(signal, sorted(known))}"
        )
    names = dict.fromkeys(name for history in histories.values() for table in history for name in table)
    rows = []
    for cell in build_map(run).cells.values():
        trials = [histories[number] for number in cell.numbers if histories[number]]
        if trials:
            words = ", ".join(map(setting_display, run.config.map_paths, cell.labels))
            medians = [_told(_median(trials, name, at)) for name in names]
            rows.append([words, *medians, quantity(len(trials), "trial")])
    return [["", *(name or signal for name in names), ""], *rows]


def _measured(run: Run, record: TrialRecord, signal: str) -> Iterator[dict[str, float]]:
    """A trial's measurements in order, each by the layer's name, '' where it is one number."""
    for one in run.history(record.number):
        if signal in one.signals:
            yield dict(_numbers(signal, one.signals[signal]))


def _numbers(signal: str, value: Any, name: str = "") -> Iterator[tuple[str, float]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _numbers(signal, inner, f"{name}.{key}" if name else key)
    elif value is None or isinstance(value, int | float):
        yield name, math.nan if value is None else float(value)
    else:
        raise UserError(f"signal={signal}: is a list; the report draws it, for each trial of a chosen cell")


def _median(trials: Sequence[Sequence[Mapping[str, float]]], name: str, at: str) -> float:
    """Over the trials in which it is finite; NaN where there is none."""
    of_trials = [
        [table[name] for table in trial if math.isfinite(table.get(name, math.nan))] for trial in trials
    ]
    picked = [_pick(values, at) for values in of_trials if values]
    return median(picked) if picked else math.nan


def _pick(values: Sequence[float], at: str) -> float:
    if at == "mean":
        return sum(values) / len(values)
    return values[0] if at == "first" else values[-1]


def _told(value: float) -> str:
    return f"{value:.2g}" if math.isfinite(value) else "."
