"""Reading of tables with one row for each step of each sequence."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
import pandas as pd
from jaxtyping import Float64, Int64, Shaped

from failmap.datasets.config import ArrayFileConfig
from failmap.datasets.errors import TaskError
from failmap.datasets.files.clock import Clock, date_formats, read_clock
from failmap.datasets.files.contents import Sequences, Series, SeriesSet
from failmap.datasets.files.frame import is_nameless, read_frame
from failmap.datasets.files.gaps import cut_at_gaps
from failmap.datasets.files.identity import Identity, identity_of_text
from failmap.datasets.files.labels import listed, number_labels
from failmap.datasets.files.numbers import column_numbers, reads_as_numbers
from failmap.datasets.files.ordering import Ordering, order_rows, require_none_missing
from failmap.datasets.files.roles import find_roles
from failmap.datasets.files.selection import kept_names, select_of_sequences, select_of_series

_Result = TypeVar("_Result")

#: Names of columns that number rows wherever no two rows have the same value.
_INDEX_NAMES = {"index", "level_0", "id", "row", "row_id", "rowid", "row_number", "rownum", "uid", "uuid"}


def read_table(path: Path, config: ArrayFileConfig) -> Sequences | SeriesSet:
    """Read the contents of a table.

    The rows of a sequence are sorted by its steps, or by its times if it has no steps, or kept as they are.

    Raises:
        TaskError: The table cannot be read, or its columns do not fit; one line for each problem.
    """
    frame, notes = read_frame(path, config)
    table = _Table(frame, config, notes)
    return table.series() if config.target == "forecasting" else table.sequences()


class _Table:
    """A table with roles for its columns, and its rows in order."""

    def __init__(self, frame: pd.DataFrame, config: ArrayFileConfig, notes: tuple[str, ...]) -> None:
        self.frame = frame
        self.config = config
        self.notes = list(notes)
        self.roles = find_roles(list(frame.columns), config)
        self._problems: list[str] = []
        self.clock = self._collect(self._read_clock)
        # Without the times that a user named, an order would be another one.
        self._ordering = (
            None if self._problems else self._collect(lambda: order_rows(frame, self.roles, self.clock))
        )
        self.ids: list[str] = []
        self.features = self._features()
        self.numbers = {name: self._collect(partial(self._numbers, name)) for name in self.features}

    @property
    def ordering(self) -> Ordering:
        """Order of the rows. Raises TaskError with all problems that were found so far."""
        if self._problems:
            raise TaskError(*dict.fromkeys(self._problems))
        assert self._ordering is not None, "without an order there is a problem"
        return self._ordering

    def sequences(self) -> Sequences:
        """Return the table as sequences, each with a target."""
        name = self.roles.target
        assert name is not None, "only forecasts have no column for their target"
        found = self._collect(lambda: self._targets(name))
        groups = self._collect(self._groups)
        ordering = self.ordering
        assert found is not None
        targets = found[ordering.rows]
        if self.config.supervision == "every_step":
            targets = ordering.padded(targets)
        else:
            hint = "; a target that changes takes task.supervision=every_step"
            targets = ordering.one_a_sequence(name, targets, hint)
        values = self._values()
        kept, notes = select_of_sequences(
            self.features, values, ordering.codes, targets, self.config, has_groups=groups is not None
        )
        features = tuple(self.features[position] for position in kept)
        self.notes += [*ordering.notes, *self._left_out(), *notes]
        return Sequences(
            inputs=ordering.padded(values[:, kept]),
            targets=targets,
            lengths=ordering.lengths,
            groups=groups,
            spans=self._spans(),
            features=features,
            notes=(self._summary("sequences", features, f"target {name}"), *self.notes),
        )

    def series(self) -> SeriesSet:
        """Return the table as series, one for each sequence."""
        target, ordering = self.config.target_column, self.ordering
        values = self._values()
        kept, notes = select_of_series(
            self.features, values, ordering.codes, self.config, has_time=self.clock is not None
        )
        if target is not None:
            # The sort is stable: the target comes first, all others keep their order.
            kept.sort(key=lambda position: self.features[position] != str(target))
        features = tuple(self.features[position] for position in kept)
        parts = np.split(values[:, kept], ordering.firsts[1:])
        self.notes += [*ordering.notes, *self._left_out(), *notes]
        clock = self._series_clock()
        if clock is None:
            series = tuple(Series(part, None, group) for group, part in enumerate(parts))
        else:
            times = np.split(clock.values[ordering.rows], ordering.firsts[1:])
            whole = zip(parts, times, range(len(parts)), strict=True)
            series, gap_notes = cut_at_gaps(tuple(Series(*one) for one in whole), clock)
            self.notes += gap_notes
            if self.clock is None:
                series = tuple(replace(one, times=None) for one in series)
        num_targets = len(features) if target is None else 1
        return SeriesSet(series, num_targets, features, (self._summary("series", features), *self.notes))

    def _series_clock(self) -> Clock | None:
        """Return the times of the rows, or their steps if they have no times; both show gaps.

        Raises:
            TaskError: Times do not rise with the steps that the rows are sorted by.
        """
        if self.clock is None:
            name = self.roles.step
            return None if name is None else Clock(self.frame[name].to_numpy(np.float64), is_date=False)
        times, codes = self.clock.values[self.ordering.rows], self.ordering.codes
        back = (np.diff(times) <= 0) & (np.diff(codes) == 0)
        if back.any():
            row = self.ordering.rows[int(np.argmax(back)) + 1]
            raise TaskError(
                f"column {self.roles.time}: {self.clock.text(self.clock.values[row])} in row {row} is not "
                f"after the step before it, by {self.roles.step}: leave one of the two columns out"
            )
        return self.clock

    def _collect(self, read: Callable[[], _Result]) -> _Result | None:
        """Return what is read; if that fails, keep the problems, to report all of them at once."""
        try:
            return read()
        except TaskError as error:
            self._problems += error.problems
            return None

    def _read_clock(self) -> Clock | None:
        name = self.roles.time
        return None if name is None else read_clock(name, self.frame[name], self.config.time_format)

    def _features(self) -> tuple[str, ...]:
        """Return the columns without another role, but for those that tell rows or sequences apart."""
        features = []
        for name in self.roles.features(list(self.frame.columns)):
            if self._is_id(name):
                self.ids.append(name)
            else:
                features.append(name)
        if not features:
            self._problems.append(
                "no column is left for the features: they are all columns that have no other role"
            )
        return tuple(features)

    def _is_id(self, name: str) -> bool:
        """Return whether a column of text, or one without a name, tells rows or sequences apart."""
        column = self.frame[name]
        is_text = not pd.api.types.is_numeric_dtype(column)
        is_distinct = len(column) > 1 and column.is_unique
        if name in kept_names(self.config):
            return False
        if is_text and not reads_as_numbers(column) and not date_formats(column):
            return is_distinct or self._text_identity(name) == "id"
        if is_nameless(name) or name.lower() in _INDEX_NAMES:
            is_whole = is_text or (column.notna().all() and (column == column.round()).all())
            if is_distinct and is_whole:
                return True
            if is_nameless(name) and name == self.frame.columns[0]:
                self._problems.append(
                    f"the first column has no name: name it, or set 'task.ignored_columns={name}'"
                )
        return False

    def _text_identity(self, name: str) -> Identity | None:
        """Return what a column of text says about sequences."""
        if self.roles.sequence is None or self._ordering is None:
            return None
        texts = np.asarray(pd.factorize(self.frame[name])[0], dtype=np.int64)
        return identity_of_text(texts[self._ordering.rows], self._ordering.codes)

    def _numbers(self, name: str) -> Float64[np.ndarray, "rows"]:
        try:
            return column_numbers(name, self.frame[name], has_time=self.clock is not None)
        except TaskError as error:
            if any(f"task.sequence_column={name}" in problem for problem in self._problems):
                return np.empty(0)  # It is offered as what tells series apart.
            is_text = not pd.api.types.is_numeric_dtype(self.frame[name])
            if self.config.group_column != "auto" or not is_text or self._text_identity(name) != "group":
                raise error from None
            raise TaskError(
                f"column {name}: text that is constant within each sequence and shared by several: set "
                f"task.group_column={name} to split by it, like a patient, or task.ignored_columns={name}"
            ) from None

    def _values(self) -> Float64[np.ndarray, "rows features"]:
        """Return all features, with rows in order."""
        columns = [self.numbers[name] for name in self.features]
        values = np.stack([column for column in columns if column is not None], axis=1)
        in_order: Float64[np.ndarray, "rows features"] = values[self.ordering.rows]
        return in_order

    def _targets(self, name: str) -> Float64[np.ndarray, "rows"]:
        """Return the target of each row of the file; text labels are numbered."""
        column = self.frame[name]
        if pd.api.types.is_numeric_dtype(column) or self.config.target != "classification":
            return column_numbers(name, column, has_time=True)
        require_none_missing(name, column.isna().to_numpy())
        if reads_as_numbers(column):
            return column_numbers(name, column, has_time=True)
        numbers, note = number_labels(column.to_numpy(dtype=str))
        self.notes.append(note)
        return numbers

    def _groups(self) -> Int64[np.ndarray, "sequences"] | None:
        name = self.roles.group
        if name is None or self._ordering is None:
            return None
        codes = np.asarray(pd.factorize(self.frame[name])[0], dtype=np.int64)
        require_none_missing(name, codes < 0)
        groups: Int64[np.ndarray, "sequences"] = self._ordering.one_a_sequence(
            name, codes[self._ordering.rows]
        )
        return groups

    def _spans(self) -> Shaped[np.ndarray, "sequences 2"] | None:
        """Return begin and end of each sequence."""
        if self.clock is None:
            return None
        times, firsts = self.clock.values[self.ordering.rows], self.ordering.firsts
        begins, ends = np.minimum.reduceat(times, firsts), np.maximum.reduceat(times, firsts)
        spans: Shaped[np.ndarray, "sequences 2"] = np.stack([begins, ends], axis=1)
        return spans

    def _left_out(self) -> list[str]:
        return [
            f"column {name}: left out, it tells rows or sequences apart, as an id does" for name in self.ids
        ]

    def _summary(self, what: str, features: tuple[str, ...], target: str = "") -> str:
        """Return the note on what was read."""
        lengths = self.ordering.lengths
        shortest, longest = int(lengths.min()), int(lengths.max())
        steps = f"{shortest:,} to {longest:,}" if shortest < longest else f"{longest:,}"
        parts = [
            f"read {len(self.frame):,} rows, {len(lengths):,} {what} of {steps} steps",
            f"features {listed(features)}",
        ]
        if target:
            parts.append(target)
        if self.clock is not None:
            first, last = self.clock.values.min(), self.clock.values.max()
            parts.append(f"{self.roles.time} from {self.clock.text(first)} to {self.clock.text(last)}")
        return "; ".join(parts)
