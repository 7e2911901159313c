"""The order of a table's rows: sequence by sequence, each by its steps or times."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float64, Int64, Shaped

from failmap.datasets.errors import TaskError
from failmap.datasets.files.checks import as_numbers
from failmap.datasets.files.clock import Clock
from failmap.datasets.files.roles import Roles


@dataclass(frozen=True)
class Ordering:
    """Rows in order.

    Attributes:
        rows: Rows of the file, from 0, in that order.
        codes: The sequence of each of them, from 0.
        ids: The name of each sequence in the file.
        lengths: Rows of each sequence.
        firsts: The first row of each sequence.
        notes: What was sorted.
    """

    rows: Int64[np.ndarray, "rows"]
    codes: Int64[np.ndarray, "rows"]
    ids: list[Any]
    lengths: Int64[np.ndarray, "sequences"]
    firsts: Int64[np.ndarray, "sequences"]
    notes: tuple[str, ...]

    def padded(
        self, values: Float64[np.ndarray, "rows *rest"]
    ) -> Float64[np.ndarray, "sequences time *rest"]:
        """Return the values of all rows as sequences padded with zeros."""
        padded = np.zeros((len(self.lengths), self.lengths.max(), *values.shape[1:]))
        padded[self.codes, np.arange(len(values)) - self.firsts[self.codes]] = values
        return padded

    def one_a_sequence(
        self, name: str, values: Shaped[np.ndarray, "rows"], hint: str = ""
    ) -> Shaped[np.ndarray, "sequences"]:
        """Return the value that all rows of a sequence share. Raises TaskError if they differ."""
        first: Shaped[np.ndarray, "sequences"] = values[self.firsts]
        differing = np.flatnonzero(values != first[self.codes])
        if len(differing):
            sequence = self.ids[self.codes[differing[0]]]
            raise TaskError(f"column {name}: differs within sequence {sequence}{hint}")
        return first


def order_rows(frame: pd.DataFrame, roles: Roles, clock: Clock | None) -> Ordering:
    """Sort rows by steps, or by times if there are no steps, or keep each sequence as it is stored.

    Raises:
        TaskError: Two rows of a sequence are at one step or time, or the rows of a sequence do not stand
            together and nothing says their order.
    """
    labels, distinct = pd.factorize(np.zeros(len(frame)) if roles.sequence is None else frame[roles.sequence])
    codes = np.asarray(labels, dtype=np.int64)
    if roles.sequence is not None:
        require_none_missing(roles.sequence, codes < 0)
    num_apart = len(set(codes[:-1][np.diff(codes) < 0].tolist())) if len(codes) > 1 else 0
    order: Shaped[np.ndarray, "rows"]
    if roles.step is not None:
        order, by = as_numbers(f"column {roles.step}", frame[roles.step].to_numpy()), roles.step
        require_none_missing(roles.step, np.isnan(order))
    elif clock is not None:
        order, by = clock.values, str(roles.time)
    else:
        order, by = np.arange(len(frame)), None
        if num_apart:
            first = int(np.argmax(np.diff(codes) < 0)) + 1
            raise TaskError(
                f"rows of sequence {distinct[codes[first]]} do not stand together (row {first}, counted from "
                "0 below the header, follows another sequence), and no column says their order: "
                "task.step_column=NAME or task.time_column=NAME names one"
            )
    rows = np.lexsort((order, codes))
    codes = codes[rows]
    _require_distinct(rows, codes, order[rows], frame, roles, list(distinct), clock)
    lengths = np.bincount(codes)
    notes = []
    if num_apart:
        notes.append(f"rows of one sequence do not stand together in the file: they are sorted by {by}")
    elif (rows != np.arange(len(rows))).any():
        notes.append(f"rows are sorted by {by}")
    return Ordering(rows, codes, list(distinct), lengths, np.cumsum(lengths) - lengths, tuple(notes))


def require_none_missing(name: str, is_missing: Shaped[np.ndarray, "rows"]) -> None:
    """Refuse missing values in a column that has a role."""
    if is_missing.any():
        row = int(np.argmax(is_missing))
        raise TaskError(f"column {name}: a missing value at row {row} (counted from 0 below the header)")


def _require_distinct(
    rows: Int64[np.ndarray, "rows"],
    codes: Int64[np.ndarray, "rows"],
    order: Shaped[np.ndarray, "rows"],
    frame: pd.DataFrame,
    roles: Roles,
    ids: list[Any],
    clock: Clock | None,
) -> None:
    """Refuse two rows of a sequence at the same step or time."""
    twice = (codes[1:] == codes[:-1]) & (order[1:] == order[:-1])
    if not twice.any():
        return
    first = int(np.argmax(twice))
    value = order[first]
    is_time = roles.step is None and clock is not None
    name = roles.time if is_time else roles.step
    shown = clock.text(value) if is_time and clock is not None else f"{value:g}"
    of = "" if roles.sequence is None else f" of sequence {ids[codes[first]]}"
    problem = (
        f"column {name}: {shown} stands in rows {rows[first]} and {rows[first + 1]}{of} (counted from 0 "
        f"below the header; {int(twice.sum()):,} in all repeat a {'time' if is_time else 'step'})"
    )
    if roles.sequence is None:
        series = _series_columns(frame, roles, order[np.argsort(rows)])
        if series:
            offers = " or ".join(f"task.sequence_column={column}" for column in series)
            problem += f": several series in one file? {offers} keeps them apart"
        elif is_time and clock is not None and clock.is_date and twice.sum() < len(rows) / 100:
            problem += ": local time when clocks are set back? give times in UTC, or remove one of the rows"
    raise TaskError(problem)


def _series_columns(frame: pd.DataFrame, roles: Roles, order: Shaped[np.ndarray, "rows"]) -> list[str]:
    """Return columns by which no time stands twice, those with the fewest values first."""
    found = []
    for name in roles.features(list(frame.columns)):
        codes = np.asarray(pd.factorize(frame[name])[0])
        num_values = int(codes.max()) + 1
        # Each series needs some steps; a measurement is different in nearly every row.
        if not 2 <= num_values <= len(frame) / 5 or (codes < 0).any():
            continue
        if not pd.DataFrame({"code": codes, "order": order}).duplicated().any():
            found.append((num_values, name))
    return [name for _, name in sorted(found)][:3]
