"""Windows of series for forecasting: history and horizon, each within one part."""

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from jaxtyping import Float64, Int64

from failmap.datasets.config import ArrayFileConfig
from failmap.datasets.errors import TaskError
from failmap.datasets.files.contents import Series, SeriesSet
from failmap.datasets.files.split import Kind, Parts, Rows, kind_of_split, part_sizes, split_units

#: Validation and test are thinned evenly to so many windows: neighbours are nearly the same.
MAX_WINDOWS = 4096


@dataclass(frozen=True)
class Windows:
    """Windows of history and horizon, given by their first steps.

    Attributes:
        values: Features of the steps of all series, one after the other.
        lengths: Steps of each series.
        parts: First steps of windows, as rows of `values`.
        span: Steps of one window.
    """

    values: Float64[np.ndarray, "steps features"]
    lengths: tuple[int, ...]
    parts: Parts
    span: int

    def by_series(self) -> list[Float64[np.ndarray, "_ features"]]:
        """Return the features of the steps of each series."""
        return np.split(self.values, np.cumsum(self.lengths)[:-1])


def cut_windows(series_set: SeriesSet, config: ArrayFileConfig) -> Windows:
    """Cut all windows of a file's series, each entirely within one part.

    Raises:
        TaskError: The series are too short, or the split would leak.
    """
    span = config.sequence_length + config.horizon
    series = series_set.series
    kind = kind_of_split(config, has_times=True, has_groups=len(set(_groups(series))) > 1)
    parts = _by_time(series, span, config) if kind == "time" else _shuffled(series, span, kind, config)
    longest = max(len(one.values) for one in series)
    parts = parts.checked(
        kind,
        f"task.sequence_length={config.sequence_length} and task.horizon={config.horizon} need {span} steps "
        f"in a row, and the longest series has {longest} for all three parts",
    )
    values = np.concatenate([one.values for one in series])
    parts = replace(parts, validation=thinned(parts.validation), test=thinned(parts.test))
    return Windows(values, tuple(len(one.values) for one in series), parts, span)


def _by_time(series: tuple[Series, ...], span: int, config: ArrayFileConfig) -> Parts:
    """Split at two borders, which are points in time, or shares of a series without times."""
    num_windows = sum(max(0, len(one.values) - span + 1) for one in series)
    test_share = config.test_share
    if config.test_size:
        test_share = config.test_size / max(1, num_windows)
        if test_share > 0.6:
            raise TaskError(
                f"task.test_size={config.test_size}: the series have {num_windows} windows in all"
            )
    shares = np.array([1 - 1.5 * test_share, 1 - test_share])
    clocks = [one.times for one in series if one.times is not None]
    pooled = np.sort(np.concatenate(clocks)) if clocks else None
    starts: tuple[list[Rows], list[Rows], list[Rows]] = ([], [], [])
    ages: list[Rows] = []
    first = 0
    for one in series:
        num_steps = len(one.values)
        if pooled is None or one.times is None:
            borders = np.round(shares * num_steps).astype(np.int64)
        else:
            borders = np.searchsorted(one.times, pooled[(shares * len(pooled)).astype(np.int64)])
        for part, (begin, end) in zip(starts, pairwise([0, *borders.tolist(), num_steps]), strict=True):
            part.append(np.arange(first + begin, first + max(begin, end - span + 1)))
        ages.append(np.arange(len(starts[0][-1]))[::-1])
        first += num_steps
    train, validation, test = (np.concatenate(part) for part in starts)
    return Parts(train[np.argsort(np.concatenate(ages), kind="stable")], validation, test)


def _shuffled(series: tuple[Series, ...], span: int, kind: Kind, config: ArrayFileConfig) -> Parts:
    """Split windows of whole series, or all windows at random."""
    owners = np.repeat(np.arange(len(series)), [len(one.values) for one in series])
    rows = all_windows(series, span)
    units = np.array(_groups(series))[owners[rows]] if kind == "group" else np.arange(len(rows))
    parts = split_units(units, *part_sizes(len(rows), config))
    return Parts(rows[parts.train], rows[parts.validation], rows[parts.test])


def all_windows(series: tuple[Series, ...], span: int) -> Rows:
    """Return the first step of every window, as rows of all series one after the other."""
    owners = np.repeat(np.arange(len(series)), [len(one.values) for one in series])
    # A window may begin at a step if the last step of the window is of the same series.
    num_begins = max(0, len(owners) - span + 1)
    return np.flatnonzero(owners[:num_begins] == owners[span - 1 :])


def _groups(series: tuple[Series, ...]) -> list[int]:
    """Return the group of each series: a number that pieces of one series share."""
    return [-number if one.group is None else one.group for number, one in enumerate(series)]


def thinned(starts: Int64[np.ndarray, "windows"]) -> Int64[np.ndarray, "kept"]:
    """Return at most `MAX_WINDOWS` of some windows, evenly spaced."""
    if len(starts) <= MAX_WINDOWS:
        return starts
    return starts[np.linspace(0, len(starts) - 1, MAX_WINDOWS).round().astype(np.int64)]
