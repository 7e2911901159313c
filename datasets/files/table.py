"""Reading of tables from .csv and .parquet files, with one row for each step of each sequence."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from jaxtyping import Float64, Shaped

from failmap.datasets.config import ArrayFileConfig
from failmap.datasets.errors import TaskError, nearest_name
from failmap.datasets.files.checks import as_numbers, require_finite, require_room
from failmap.datasets.files.contents import Sequences, Series, SeriesSet

#: Settings that name columns which are no features.
_ROLES = ("sequence_column", "step_column", "time_column", "group_column")


def read_table(path: Path, config: ArrayFileConfig) -> Sequences | SeriesSet:
    """Read the contents of a table.

    The rows of a sequence are sorted by its steps, or by its times if it has no steps, or kept as they are.

    Raises:
        TaskError: The table cannot be read, or its columns do not fit.
    """
    table = _Table(_load(path), config)
    return table.series() if config.target == "forecasting" else table.sequences()


def _load(path: Path) -> pd.DataFrame:
    try:
        frame = pd.read_csv(path) if path.suffix.lower() == ".csv" else _read_parquet(path)
    except TaskError:
        raise
    except Exception as error:  # For a damaged file pandas and pyarrow raise errors of many types.
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise TaskError(f"no table that can be read ({reason})") from None
    if frame.empty:
        raise TaskError("the table has no rows")
    return frame.rename(columns=str)


def _read_parquet(path: Path) -> pd.DataFrame:
    """Raises TaskError where the table would not fit into memory."""
    about = pq.read_metadata(path)
    require_room(about.num_rows * about.num_columns * np.dtype(np.float64).itemsize, path.name)
    return pd.read_parquet(path)


class _Table:
    """A table whose rows are in order, sequence by sequence.

    Attributes:
        rows: Rows of the file, from 0, in that order.
        codes: The sequence of each of them, from 0.
        ids: The name of each sequence in the file.
        lengths: Rows of each sequence.
        firsts: The first row of each sequence.
        times: Time of each row; None if the file has no times.
    """

    def __init__(self, frame: pd.DataFrame, config: ArrayFileConfig) -> None:
        self.frame = frame
        self.config = config
        self.ignored = config.ignored_columns.split("+") if config.ignored_columns else []
        for name in self.ignored:
            if name not in frame.columns:
                raise TaskError(f"task.ignored_columns: no column {name}{nearest_name(name, frame.columns)}")
        self._require_named_columns()
        ids = self._column(config.sequence_column)
        if ids is None and config.target != "forecasting":
            name = config.sequence_column
            raise TaskError(
                f"no column {name} says which sequence a row belongs to{nearest_name(name, frame.columns)}"
            )
        labels, distinct = pd.factorize(np.zeros(len(frame)) if ids is None else ids)
        codes, self.ids = np.asarray(labels, dtype=np.int64), list(distinct)
        _require_none_missing(config.sequence_column, codes < 0)
        self.times = self._clock()
        order = self._ordering()
        self.rows = np.lexsort((order, codes))
        self.codes = codes[self.rows]
        self._require_distinct(order[self.rows])
        self.lengths = np.bincount(codes)
        self.firsts = np.cumsum(self.lengths) - self.lengths

    def sequences(self) -> Sequences:
        """Return the table as sequences, each with a target."""
        target = "target" if self.config.target_column is None else str(self.config.target_column)
        if target not in self.frame.columns:
            raise TaskError(f"no column {target} for the target{nearest_name(target, self.frame.columns)}")
        features = self._features(leave_out=target)
        inputs = self._padded(np.stack([self._numbers(name) for name in features], axis=1))
        targets = self._numbers(target)
        if self.config.supervision == "every_step":
            targets = self._padded(targets)
        else:
            hint = "; a target that changes takes task.supervision=every_step"
            targets = self._one_a_sequence(target, targets, hint)
        groups, group = None, self.config.group_column
        if group in self.frame.columns:
            codes = np.asarray(pd.factorize(self.frame[group])[0], dtype=np.int64)
            _require_none_missing(group, codes < 0)
            groups = self._one_a_sequence(group, codes[self.rows])
        return Sequences(inputs, targets, self.lengths, groups, self._spans(), features)

    def series(self) -> SeriesSet:
        """Return the table as series, one for each sequence."""
        target = self.config.target_column
        features = self._features(leave_out=None)
        if target is not None:
            name = str(target)
            if name not in features:
                raise TaskError(f"task.target_column={name}: no such column{nearest_name(name, features)}")
            features = (name, *(other for other in features if other != name))
        values = np.stack([self._numbers(name) for name in features], axis=1)
        firsts = self.firsts[1:]
        times = [None] * len(self.lengths) if self.times is None else np.split(self.times[self.rows], firsts)
        series = tuple(Series(*both) for both in zip(np.split(values, firsts), times, strict=True))
        return SeriesSet(series, len(features) if target is None else 1, features)

    def _require_named_columns(self) -> None:
        """Refuse a column that the user has named and that is missing; a default one may be missing."""
        columns = self.frame.columns
        for key in _ROLES:
            name = getattr(self.config, key)
            if name != ArrayFileConfig.model_fields[key].default and name not in columns:
                raise TaskError(f"task.{key}={name}: no such column{nearest_name(name, columns)}")

    def _column(self, name: str) -> "pd.Series[Any] | None":
        return self.frame[name] if name in self.frame.columns else None

    def _clock(self) -> Shaped[np.ndarray, "rows"] | None:
        """Return times as numbers that can be compared: dates become whole numbers."""
        times = self._column(self.config.time_column)
        if times is None:
            return None
        _require_none_missing(self.config.time_column, times.isna().to_numpy())
        if pd.api.types.is_numeric_dtype(times):
            return times.to_numpy()
        try:
            moments = pd.to_datetime(times, utc=True, format="ISO8601")
        except ValueError as error:
            reason = str(error).splitlines()[0]
            raise TaskError(
                f"column {self.config.time_column}: neither numbers nor times like 2024-03-01 12:00 "
                f"({reason})"
            ) from None
        return pd.DatetimeIndex(moments).as_unit("ns").asi8

    def _ordering(self) -> Shaped[np.ndarray, "rows"]:
        """Return the values by which rows of a sequence are ordered."""
        steps = self._column(self.config.step_column)
        if steps is not None:
            numbers = as_numbers(f"column {self.config.step_column}", steps.to_numpy())
            _require_none_missing(self.config.step_column, np.isnan(numbers))
            return numbers
        return np.arange(len(self.frame)) if self.times is None else self.times

    def _require_distinct(self, order: Shaped[np.ndarray, "rows"]) -> None:
        """Refuse two rows of a sequence at the same step."""
        twice = (self.codes[1:] == self.codes[:-1]) & (order[1:] == order[:-1])
        if twice.any():
            first = int(np.argmax(twice))
            raise TaskError(
                f"rows {self.rows[first]} and {self.rows[first + 1]} (counted from 0 below the header) are "
                f"one step of sequence {self.ids[self.codes[first]]}"
            )

    def _features(self, leave_out: str | None) -> tuple[str, ...]:
        """Return the columns without another role."""
        special = {*(getattr(self.config, key) for key in _ROLES), *self.ignored, leave_out}
        features = tuple(name for name in self.frame.columns if name not in special)
        if not features:
            raise TaskError(
                "no column is left for the features: they are all columns that have no other role"
            )
        for name in features:
            if not pd.api.types.is_numeric_dtype(self.frame[name]):
                raise TaskError(
                    f"column {name}: holds no numbers: make it numbers, or set task.ignored_columns={name}"
                )
        return features

    def _numbers(self, name: str) -> Float64[np.ndarray, "rows"]:
        """Return a column in the order of the sequences."""
        column = self.frame[name]
        if not pd.api.types.is_numeric_dtype(column):
            raise TaskError(f"column {name}: holds {column.dtype}, not numbers")
        numbers = column.to_numpy(dtype=np.float64, na_value=np.nan)
        require_finite(f"column {name}", numbers, ("row",))
        return numbers[self.rows]

    def _padded(
        self, values: Float64[np.ndarray, "rows *rest"]
    ) -> Float64[np.ndarray, "sequences time *rest"]:
        """Return the values of all rows as sequences padded with zeros."""
        padded = np.zeros((len(self.lengths), self.lengths.max(), *values.shape[1:]))
        padded[self.codes, np.arange(len(values)) - self.firsts[self.codes]] = values
        return padded

    def _one_a_sequence(
        self, name: str, values: Shaped[np.ndarray, "rows"], hint: str = ""
    ) -> Shaped[np.ndarray, "sequences"]:
        """Return the value that all rows of a sequence share."""
        first: Shaped[np.ndarray, "sequences"] = values[self.firsts]
        differing = np.flatnonzero(values != first[self.codes])
        if len(differing):
            sequence = self.ids[self.codes[differing[0]]]
            raise TaskError(f"column {name}: differs within sequence {sequence}{hint}")
        return first

    def _spans(self) -> Shaped[np.ndarray, "sequences 2"] | None:
        """Return begin and end of each sequence."""
        if self.times is None:
            return None
        times = self.times[self.rows]
        begins, ends = np.minimum.reduceat(times, self.firsts), np.maximum.reduceat(times, self.firsts)
        spans: Shaped[np.ndarray, "sequences 2"] = np.stack([begins, ends], axis=1)
        return spans


def _require_none_missing(name: str, is_missing: Shaped[np.ndarray, "rows"]) -> None:
    if is_missing.any():
        row = int(np.argmax(is_missing))
        raise TaskError(f"column {name}: a missing value at row {row} (counted from 0 below the header)")
