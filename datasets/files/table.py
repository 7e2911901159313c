"""Reading of tables from .csv and .parquet files, with one row for each step of each sequence."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from jaxtyping import Float64, Int64, Shaped

from failmap.datasets.config import ArrayFileConfig
from failmap.datasets.errors import TaskError, nearest_name
from failmap.datasets.files.checks import as_codes, as_numbers, require_finite, require_room
from failmap.datasets.files.contents import Sequences, Series, SeriesSet


def read_table(path: Path, config: ArrayFileConfig) -> Sequences | SeriesSet:
    """Read the contents of a table.

    Rows of a sequence are put into the order of its steps, or of its times where it has no steps, or are
    taken as they come.

    Raises:
        TaskError: The table is not as it must be.
    """
    table = _Table(_load(path), config)
    return table.series() if config.target == "forecasting" else table.sequences()


def _load(path: Path) -> pd.DataFrame:
    try:
        frame = pd.read_csv(path) if path.suffix.lower() == ".csv" else _read_parquet(path)
    except TaskError:
        raise
    except Exception as error:  # A damaged file has pandas and pyarrow raise whatever they meet.
        told = str(error).partition("\n")[0] or type(error).__name__
        raise TaskError(f"no table that can be read ({told})") from None
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
        rows: Of the file, from 0, in that order.
        codes: Which sequence each of them belongs to, from 0.
        lengths: Rows of each sequence.
    """

    def __init__(self, frame: pd.DataFrame, config: ArrayFileConfig) -> None:
        self.config = config
        self.names = {
            role: getattr(config, f"{role}_column") for role in ("sequence", "step", "time", "group")
        }
        self.ignored = (config.ignored_columns or "").split("+") if config.ignored_columns else []
        for name in self.ignored:
            if name not in frame.columns:
                raise TaskError(f"task.ignored_columns: no column {name}{nearest_name(name, frame.columns)}")
        self._require_named_columns(frame)
        ids = self._column(frame, "sequence")
        if ids is None and config.target != "forecasting":
            name = config.sequence_column
            raise TaskError(
                f"no column {name} says which sequence a row belongs to{_did_you_mean(name, frame)}"
            )
        labels, distinct = pd.factorize(np.zeros(len(frame)) if ids is None else ids)
        codes, self.ids = np.asarray(labels, dtype=np.int64), list(distinct)
        self._require_none_missing(config.sequence_column, codes < 0)
        steps, times = self._column(frame, "step"), self._column(frame, "time")
        self.times = None if times is None else self._clock(times)
        order = self._ordering(frame, steps)
        self.rows = np.lexsort((order, codes))
        self.codes = codes[self.rows]
        self._require_distinct(order[self.rows])
        self.lengths = np.bincount(codes)
        self.frame = frame

    def sequences(self) -> Sequences:
        """Return the table as sequences, each with a target."""
        config = self.config
        target = str(config.target_column if config.target_column is not None else "target")
        if target not in self.frame.columns:
            raise TaskError(f"no column {target} for the target{_did_you_mean(target, self.frame)}")
        features = self._features(leave_out=target)
        inputs = self._padded(np.stack([self._numbers(name) for name in features], axis=1))
        targets = self._padded(self._numbers(target))
        if config.supervision == "last":
            targets = self._one_a_sequence(
                target, self._numbers(target), "; a target that changes takes task.supervision=every_step"
            )
        group = self.config.group_column
        groups = None
        if group in self.frame.columns:
            self._require_none_missing(group, self.frame[group].isna().to_numpy())
            codes = as_codes(np.asarray(pd.factorize(self.frame[group])[0]))[self.rows]
            groups = self._one_a_sequence(group, codes.astype(np.float64), "").astype(np.int64)
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
        ends = np.cumsum(self.lengths)[:-1]
        times = [None] * len(self.lengths) if self.times is None else np.split(self.times[self.rows], ends)
        series = tuple(Series(*both) for both in zip(np.split(values, ends), times, strict=True))
        return SeriesSet(series, len(features) if target is None else 1, features)

    def _require_named_columns(self, frame: pd.DataFrame) -> None:
        """Return a column's name; one that the user has named must exist, a default one may be missing."""
        for role, name in self.names.items():
            usual = ArrayFileConfig.model_fields[f"{role}_column"].default
            if name != usual and name not in frame.columns:
                raise TaskError(
                    f"task.{role}_column={name}: no such column{nearest_name(name, frame.columns)}"
                )

    def _column(self, frame: pd.DataFrame, role: str) -> "pd.Series[Any] | None":
        return frame[self.names[role]] if self.names[role] in frame.columns else None

    def _clock(self, times: "pd.Series[Any]") -> Shaped[np.ndarray, "rows"]:
        """Return times as numbers that can be compared: dates become whole numbers."""
        self._require_none_missing(self.config.time_column, times.isna().to_numpy())
        if pd.api.types.is_numeric_dtype(times):
            return times.to_numpy()
        try:
            moments = pd.to_datetime(times, utc=True, format="ISO8601")
        except ValueError as error:
            told = str(error).splitlines()[0]
            raise TaskError(
                f"column {self.config.time_column}: neither numbers nor times like 2024-03-01 12:00 ({told})"
            ) from None
        return pd.DatetimeIndex(moments).as_unit("ns").asi8

    def _ordering(self, frame: pd.DataFrame, steps: "pd.Series[Any] | None") -> Shaped[np.ndarray, "rows"]:
        """Return the values by which rows of a sequence are ordered."""
        if steps is not None:
            numbers = as_numbers(f"column {self.config.step_column}", steps.to_numpy())
            self._require_none_missing(self.config.step_column, np.isnan(numbers))
            return numbers
        return np.arange(len(frame)) if self.times is None else self.times

    def _require_distinct(self, order: Shaped[np.ndarray, "rows"]) -> None:
        """Refuse two rows of a sequence at the same step."""
        twice = (self.codes[1:] == self.codes[:-1]) & (order[1:] == order[:-1])
        if twice.any():
            first = int(np.argmax(twice))
            raise TaskError(
                f"rows {self.rows[first]} and {self.rows[first + 1]} (counted from 0 below the header) are "
                f"one step of sequence {self.ids[self.codes[first]]}"
            )

    def _require_none_missing(self, name: str, is_missing: Shaped[np.ndarray, "rows"]) -> None:
        if is_missing.any():
            raise TaskError(
                f"column {name}: a missing value at row {int(np.argmax(is_missing))} (counted from 0 below "
                "the header)"
            )

    def _features(self, leave_out: str | None) -> tuple[str, ...]:
        """Return the columns without another role."""
        special = {*self.names.values(), *self.ignored, leave_out}
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
        padded[self.codes, np.arange(len(values)) - self._firsts[self.codes]] = values
        return padded

    @property
    def _firsts(self) -> Int64[np.ndarray, "sequences"]:
        """Return the first row of each sequence."""
        firsts: Int64[np.ndarray, "sequences"] = np.cumsum(self.lengths) - self.lengths
        return firsts

    def _one_a_sequence(
        self, name: str, values: Float64[np.ndarray, "rows"], hint: str
    ) -> Float64[np.ndarray, "sequences"]:
        """Return the value that all rows of a sequence share."""
        first: Float64[np.ndarray, "sequences"] = values[self._firsts]
        (differing,) = np.nonzero(values != first[self.codes])
        if len(differing):
            sequence = self.ids[self.codes[differing[0]]]
            raise TaskError(f"column {name}: differs within sequence {sequence}{hint}")
        return first

    def _spans(self) -> Shaped[np.ndarray, "sequences 2"] | None:
        """Return begin and end of each sequence."""
        if self.times is None:
            return None
        times = self.times[self.rows]
        begins, ends = np.minimum.reduceat(times, self._firsts), np.maximum.reduceat(times, self._firsts)
        spans: Shaped[np.ndarray, "sequences 2"] = np.stack([begins, ends], axis=1)
        return spans


def _did_you_mean(name: str, frame: pd.DataFrame) -> str:
    return nearest_name(name, frame.columns)
