"""Times of a table's rows: numbers, or dates as whole numbers of nanoseconds."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Shaped

from failmap.datasets.errors import TaskError

#: Ways of writing dates that are offered for a column that reads as one.
_FORMATS = (
    "%d.%m.%Y", "%d.%m.%Y %H:%M", "%d.%m.%Y %H:%M:%S", "%m/%d/%Y", "%d/%m/%Y", "%m/%d/%Y %H:%M",
    "%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M:%S", "%d/%m/%Y %H:%M:%S", "%m/%d/%y", "%d/%m/%y", "%d.%m.%y",
    "%d-%m-%Y", "%d-%b-%Y", "%d-%b-%y", "%d %b %Y", "%b %d, %Y", "%b %Y", "%Y/%m/%d", "%Y/%m/%d %H:%M",
    "%Y/%m/%d %H:%M:%S", "%Y.%m.%d", "%m/%d/%Y %I:%M %p", "%Y-%m-%d-%H", "%d-%m-%Y %H:%M",
    "%d-%m-%Y %H:%M:%S",
)  # fmt: skip
#: Rows that a format is tried on before all of them.
_NUM_TRIED = 50


@dataclass(frozen=True)
class Clock:
    """The time of each row, on one clock for all.

    Attributes:
        values: Numbers, or nanoseconds since 1970 (UTC) for dates.
        is_date: Whether they are dates.
    """

    values: Shaped[np.ndarray, "rows"]
    is_date: bool

    def text(self, value: Any) -> str:
        """Return a time as a user would write it."""
        if not self.is_date:
            return f"{value:.12g}"
        # As long as the most precise time needs.
        for unit, length in ((86_400, 10), (60, 16), (1, 19)):
            if (self.values % (unit * 10**9) == 0).all():
                return str(pd.Timestamp(int(value)))[:length]
        return str(pd.Timestamp(int(value)))

    def length(self, value: Any) -> str:
        """Return a duration as a user would write it."""
        if not self.is_date:
            return f"{value:.12g}"
        for unit, seconds in (("day", 86_400), ("hour", 3600), ("minute", 60), ("second", 1)):
            if value % (seconds * 10**9) == 0:
                count = int(value // (seconds * 10**9))
                return f"{count:,} {unit}{'s' if count != 1 else ''}"
        return f"{value / 1e9:g} seconds"


def read_clock(name: str, times: "pd.Series[Any]", time_format: str | None) -> Clock:
    """Return times that can be compared.

    Raises:
        TaskError: A time is missing, or is neither a number nor a date as `time_format` or ISO 8601 has it.
    """
    if times.isna().any():
        row = int(np.argmax(times.isna().to_numpy()))
        raise TaskError(f"column {name}: a missing value at row {row} (counted from 0 below the header)")
    if time_format is None and pd.api.types.is_numeric_dtype(times):
        if not date_formats(times):
            return Clock(times.to_numpy(), is_date=False)
        # As numbers, days like 20240131 and 20240201 would be 70 apart.
        time_format = "%Y%m%d"
    moments = _dates(times, time_format)
    if moments.isna().any():
        row = int(np.argmax(moments.isna().to_numpy()))
        known = "like 2024-03-01 12:00" if time_format is None else f"like task.time_format={time_format}"
        what = "neither a number nor a time" if time_format is None else "no time"
        raise TaskError(
            f"column {name}, row {row}: {str(times.iloc[row])!r} is {what} {known} "
            f"({int(moments.isna().sum()):,} of {len(times):,} rows){_offer(name, times)}"
        )
    return Clock(pd.DatetimeIndex(moments).as_unit("ns").asi8, is_date=True)


def date_formats(values: "pd.Series[Any]") -> list[str | None]:
    """Return the ways in which all values of a column read as dates; None is ISO 8601.

    Numbers are dates only if they read as 20240301.
    """
    values = values.dropna()
    if pd.api.types.is_datetime64_any_dtype(values):
        return [None]
    if values.empty or pd.api.types.is_bool_dtype(values):
        return []
    if pd.api.types.is_numeric_dtype(values):
        is_day = values.between(1800_01_01, 2200_12_31) & (values == values.round())
        return ["%Y%m%d"] if is_day.all() and _reads(values, "%Y%m%d") else []
    return [written for written in (None, *_FORMATS) if _reads(values, written)]


def _reads(values: "pd.Series[Any]", time_format: str | None) -> bool:
    first = values.iloc[:_NUM_TRIED]
    return bool(_dates(first, time_format).notna().all() and _dates(values, time_format).notna().all())


def _dates(times: "pd.Series[Any]", time_format: str | None) -> "pd.Series[Any]":
    if pd.api.types.is_float_dtype(times):
        times = times.astype("Int64")
    if time_format is not None and not pd.api.types.is_datetime64_any_dtype(times):
        times = times.astype(str)
    return pd.Series(pd.to_datetime(times, utc=True, format=time_format or "ISO8601", errors="coerce"))


def _offer(name: str, times: "pd.Series[Any]") -> str:
    offers = [f"task.time_format={written}" for written in date_formats(times) if written is not None]
    return f": set {' or '.join(offers)}" if offers else ": task.time_format says how dates are written"


def offer_of_time(name: str, values: "pd.Series[Any]") -> str | None:
    """Return the settings that make a column of dates the time column, or None if it holds no dates."""
    offers = [
        f"task.time_column={name}" + ("" if written is None else f" task.time_format={written}")
        for written in date_formats(values)
    ]
    return " or ".join(offers) if offers else None
