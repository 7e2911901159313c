"""Reading of .tsf files, in which the Monash archive publishes series to forecast.

Times are counted from each start as it is written. (Readers that count in pandas' frequencies move the start
of a yearly series to the first or last day of a year.)
"""

import re
from itertools import pairwise
from pathlib import Path

import numpy as np
from jaxtyping import Shaped

from failmap.datasets.config import ArrayFileConfig
from failmap.datasets.errors import TaskError
from failmap.datasets.files.contents import Series, SeriesSet

#: Months of a step.
_MONTHS = {"yearly": 12, "quarterly": 3, "monthly": 1}
#: Seconds of a step.
_SECONDS = {
    "weekly": 604_800,
    "daily": 86_400,
    "hourly": 3600,
    "half_hourly": 1800,
    "minutely": 60,
    "secondly": 1,
}
_UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400}


def read_tsf(path: Path, config: ArrayFileConfig) -> SeriesSet:
    """Read a .tsf file: `@` lines, then a line for each series, its attributes and its values between colons.

    Series are cut where values are missing, so that no window crosses a gap.

    Raises:
        TaskError: It is not for a forecast, or a line cannot be read; names it.
    """
    if config.target != "forecasting":
        raise TaskError("the file has series without labels: set task.target=forecasting")
    attributes: list[str] = []
    header: dict[str, str] = {}
    series: list[Series] = []
    lengths: list[int] = []
    num_missing = 0
    try:
        lines = path.read_text(encoding="utf-8-sig", errors="replace").splitlines()
    except OSError as error:
        raise TaskError(f"the file cannot be read: {error.strerror}") from None
    for number, line in enumerate(lines, start=1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        if "data" not in header:
            key, _, value = text.removeprefix("@").partition(" ")
            header[key.lower()] = value.strip()
            if key.lower() == "attribute":
                attributes.append(value.split()[0])
            continue
        *told, values_text = text.split(":")
        if len(told) != len(attributes):
            raise TaskError(f"line {number}: {len(told)} attributes, and the header names {len(attributes)}")
        try:
            values = np.array(
                [np.nan if part.strip() in ("?", "NaN") else float(part) for part in values_text.split(",")]
            )
        except ValueError as error:
            raise TaskError(f"line {number}: {str(error).partition(': ')[2]} is no number") from None
        start = dict(zip(attributes, told, strict=True)).get("start_timestamp")
        times = _times(start, header.get("frequency", ""), len(values), number)
        is_missing = np.isnan(values)
        num_missing += int(is_missing.sum())
        series += _pieces(values, times, is_missing, group=len(lengths))
        lengths.append(len(values))
    if not series:
        raise TaskError("the file has no series")
    if any(one.times is None for one in series):
        series = [Series(one.values, None, one.group) for one in series]
    frequency = header.get("frequency", "an unknown frequency")
    notes = [f"read {len(lengths):,} series of {min(lengths):,} to {max(lengths):,} steps, {frequency}"]
    if num_missing:
        notes.append(
            f"{num_missing:,} values are missing: no window crosses one, {len(series):,} pieces are left"
        )
    if header.get("horizon", "").isdigit() and int(header["horizon"]) != config.horizon:
        notes.append(f"the file asks for task.horizon={header['horizon']}")
    return SeriesSet(tuple(series), 1, ("value",), tuple(notes))


def _times(
    written: str | None, frequency: str, num_steps: int, line: int
) -> Shaped[np.ndarray, "time"] | None:
    """Return the time of each step in nanoseconds since 1970, or None if the file does not say."""
    steps = np.arange(num_steps)
    if written is None or not frequency:
        return None
    day, _, clock = written.strip().partition(" ")
    try:
        start = np.datetime64(f"{day}T{clock.replace('-', ':') or '00:00:00'}", "s")
    except ValueError:
        raise TaskError(f"line {line}: {written!r} is no time like 1979-01-01 00-00-00") from None
    if frequency in _MONTHS:
        month = start.astype("M8[M]")
        months = month + steps * _MONTHS[frequency]
        # The 31st of a shorter month is its last day.
        last_day = (months + 1).astype("M8[D]") - np.timedelta64(1, "D")
        days = np.minimum(months.astype("M8[D]") + (start.astype("M8[D]") - month.astype("M8[D]")), last_day)
        times = days + (start - start.astype("M8[D]"))
    else:
        times = start + steps * np.timedelta64(_seconds(frequency), "s")
    nanoseconds: Shaped[np.ndarray, "time"] = times.astype("M8[ns]").astype(np.int64)
    return nanoseconds


def _seconds(frequency: str) -> int:
    """Return the seconds of a step, also of 10_minutes or 4_seconds."""
    if frequency in _SECONDS:
        return _SECONDS[frequency]
    found = re.fullmatch(r"(\d+)_(second|minute|hour|day)s?", frequency)
    if found is None:
        raise TaskError(
            f"@frequency {frequency}: not known; known: {', '.join([*_MONTHS, *_SECONDS])}, 10_minutes, ..."
        )
    return int(found[1]) * _UNITS[found[2]]


def _pieces(
    values: Shaped[np.ndarray, "time"],
    times: Shaped[np.ndarray, "time"] | None,
    is_missing: Shaped[np.ndarray, "time"],
    group: int,
) -> list[Series]:
    """Return the runs of values between missing ones."""
    cuts = np.flatnonzero(np.diff(is_missing)) + 1
    bounds = [0, *cuts.tolist(), len(values)]
    return [
        Series(values[begin:end, None], None if times is None else times[begin:end], group)
        for begin, end in pairwise(bounds)
        if end > begin and not is_missing[begin]
    ]
