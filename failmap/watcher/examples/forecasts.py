"""Forecasts: outputs that repeat the last value, and windows that are shorter than the lag that matters."""

from collections import Counter
from typing import NamedTuple

import numpy as np

from failmap.watcher.examples.dependence import Dependence, dependence
from failmap.watcher.examples.host_batch import Array, HostBatch, as_features
from failmap.watcher.examples.store import Examples, digests

#: Share of the targets' variance below which the error of the last value makes it a forecast at all.
_PERSISTENT = 0.5
#: Lags before a window that are tried: as many as leave enough rows.
_NUM_BEFORE = (96, 48, 24, 12)
#: Share of the largest correlation from which on a lag counts as the best one.
_AS_GOOD = 0.8
#: Lags of these that are used, rows that are needed, and share of them that a regression is fitted on.
_NUM_LAGS, MIN_ROWS, _KNOWN = 3, 120, 0.6
#: Steps and features of a window beyond which it is not looked at.
_MAX_STEPS, _MAX_FEATURES = 128, 8
#: Penalty of the regressions, as a share of the mean eigenvalue.
_PENALTY = 1e-3


class Copies(NamedTuple):
    """How close outputs are to the last input values.

    Attributes:
        to_last: Mean squared distance of the outputs from the last input values.
        to_target: Their mean squared error.
        persistence: Mean squared error of the last input values.
    """

    to_last: float
    to_target: float
    persistence: float

    @property
    def distance(self) -> float:
        """Return the squared distance from the last values in units of the squared error."""
        return self.to_last / self.to_target if self.to_target > 0 else float("inf")


def last_values(inputs: Array, targets: Array) -> Array | None:
    """Return the last input values that the targets continue, shaped as (examples, numbers) of the targets.

    Return None if targets are classes or at every step, or are far from every feature's last value.
    """
    if inputs.dtype.kind != "f" or targets.dtype.kind != "f" or inputs.ndim < 2 or len(inputs) < 8:
        return None
    wanted = targets.reshape(len(targets), -1)
    last = as_features(inputs)[:, -1]
    errors = np.square(last - wanted[:, :1]).mean(axis=0)
    if last.shape[1] == wanted.shape[1] > 1:
        nearest = last
    else:
        nearest = np.repeat(last[:, [int(errors.argmin())]], wanted.shape[1], axis=1)
    error = float(np.square(nearest - wanted).mean())
    return nearest if error < _PERSISTENT * float(wanted.var(axis=0).mean()) else None


def copies_last(batches: list[HostBatch]) -> Copies | None:
    """Compare outputs with the last input values, or return None where this is no forecast."""
    shown = []
    for batch in batches:
        last = None if batch.is_by_step else last_values(batch.inputs, batch.targets)
        if last is None or batch.outputs is None or batch.outputs.size != last.size:
            continue
        outputs, targets = batch.outputs.reshape(last.shape), batch.targets.reshape(last.shape)
        pairs = ((outputs, last), (outputs, targets), (last, targets))
        shown.append([float(np.square(one - other).mean()) for one, other in pairs])
    return Copies(*map(float, np.mean(shown, axis=0))) if shown else None


def increment_dependence(examples: Examples) -> Dependence | None:
    """Test whether the changes from the last values to the targets depend on the inputs."""
    last = None if examples.is_by_step else last_values(examples.inputs, examples.targets)
    if last is None:
        return None
    # The differences within a window say more of a change than its level does.
    steps = as_features(examples.inputs)
    changes = np.diff(steps, axis=1) if steps.shape[1] > 1 else steps
    return dependence(changes, examples.targets.reshape(last.shape) - last)


class BeforeWindow(NamedTuple):
    """What the values before a window add to a linear forecast from the window, on later rows.

    Attributes:
        window_error, longer_error: Squared errors with the window alone and with earlier values, as shares
            of the targets' variance.
        lag: Steps before the target of the earlier value that adds most.
        window: Steps of a window.
        rows: Number of rows.
    """

    window_error: float
    longer_error: float
    lag: int
    window: int
    rows: int


def before_window(examples: Examples) -> BeforeWindow | None:
    """Join windows that overlap to series, and test whether values before a window predict its target."""
    inputs = examples.inputs
    if examples.is_by_step or examples.has_classes or inputs.dtype.kind != "f" or len(inputs) < MIN_ROWS:
        return None
    # A window of features without a time axis is a window of one feature.
    steps = as_features(inputs)
    num_steps, num_features = steps.shape[1:]
    if not 3 <= num_steps <= _MAX_STEPS or num_features > _MAX_FEATURES:
        return None
    series = _series(steps)
    for num_before in _NUM_BEFORE:
        earlier, rows = _values_before(steps, series, num_before)
        border = int(_KNOWN * len(rows))
        if len(rows) >= MIN_ROWS and border >= 3 * (num_steps * num_features + _NUM_LAGS):
            break
    else:
        return None
    windows, targets = (
        steps[rows].reshape(len(rows), -1),
        examples.targets[rows].reshape(len(rows), -1)[:, :1],
    )
    short = _residuals(windows, targets, border)
    variance = float(targets[border:].var())
    if not variance > 0:
        return None
    told = [_alignment(earlier[:border, lag], short[:border]) for lag in range(earlier.shape[1])]
    best = np.argsort(told)[-_NUM_LAGS:]
    more = earlier[:, best].reshape(len(rows), -1)
    longer = _residuals(np.concatenate([windows, more], axis=1), targets, border)
    return BeforeWindow(
        float(np.square(short[border:]).mean()) / variance,
        float(np.square(longer[border:]).mean()) / variance,
        # Multiples of a season are as good as the season itself.
        num_steps + 1 + int(np.argmax(np.array(told) >= _AS_GOOD * max(told))),
        num_steps,
        len(rows),
    )


def _values_before(steps: Array, placed: list[dict[int, int]], num_before: int) -> tuple[Array, Array]:
    """Return the values before windows, the latest first, and the rows of these windows, in time's order.

    Shapes (rows, lags, features) and (rows,).

    Args:
        placed: Result of `_series`.
        num_before: Number of values before each window.
    """
    found, rows = [], []
    for places in placed:
        start, end = min(places.values()), max(places.values()) + steps.shape[1]
        if end - start < num_before + steps.shape[1]:
            continue
        series = np.full((end - start, steps.shape[2]), np.nan)
        for row, place in places.items():
            series[place - start : place - start + steps.shape[1]] = steps[row]
        for row, place in sorted(places.items(), key=lambda item: item[1]):
            before = series[max(0, place - start - num_before) : place - start][::-1]
            if len(before) == num_before and np.isfinite(before).all():
                found.append(before)
                rows.append(row)
    return np.array(found), np.array(rows, dtype=np.int64)


def _series(steps: Array) -> list[dict[int, int]]:
    """Return groups of windows that overlap: the place of each row on the time axis of its series.

    Windows that share half of their steps are found by the digests of these; a beginning that occurs twice is
    left out.
    """
    num_rows, num_steps = steps.shape[:2]
    num_shared = max(2, num_steps // 2)
    heads = digests(steps[:, :num_shared])
    counts = Counter(heads)
    row_of = {head: row for row, head in enumerate(heads) if counts[head] == 1}
    neighbours: list[list[tuple[int, int]]] = [[] for _ in range(num_rows)]
    for lag in range(1, num_steps - num_shared + 1):
        for row, part in enumerate(digests(steps[:, lag : lag + num_shared])):
            other = row_of.get(part)
            if other is None or other == row:
                continue
            if np.array_equal(steps[row, lag:], steps[other, : num_steps - lag]):
                neighbours[row].append((other, lag))
                neighbours[other].append((row, -lag))
    groups: list[dict[int, int]] = []
    placed: set[int] = set()
    for first in range(num_rows):
        if first in placed:
            continue
        places, waiting = {first: 0}, [first]
        while waiting:
            row = waiting.pop()
            for other, lag in neighbours[row]:
                if other not in places:
                    places[other] = places[row] + lag
                    waiting.append(other)
        placed |= places.keys()
        groups.append(places)
    return groups


def _residuals(numbers: Array, targets: Array, border: int) -> Array:
    """Return the residuals of a ridge regression that is fitted on the rows before a border."""
    centre, level = numbers[:border].mean(axis=0), targets[:border].mean(axis=0)
    shown = numbers - centre
    products = shown[:border].T @ shown[:border]
    penalty = _PENALTY * np.trace(products) / len(products) + 1e-9
    weights = np.linalg.solve(
        products + penalty * np.eye(len(products)), shown[:border].T @ (targets[:border] - level)
    )
    residuals: Array = targets - level - shown @ weights
    return residuals


def _alignment(values: Array, residuals: Array) -> float:
    """Return the largest absolute correlation of a feature with the residuals."""
    values = values - values.mean(axis=0)
    size = np.linalg.norm(values, axis=0) * np.linalg.norm(residuals)
    products = np.abs(values.T @ residuals)[:, 0]
    return float(np.divide(products, size, out=np.zeros_like(products), where=size > 0).max())
