"""Robust statistics of short, noisy curves, in which NaN marks values that were not measured."""

import math
from collections.abc import Iterable
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float64, Int64

Curve = Float64[np.ndarray, "evaluations"]

#: Maximum number of points for a slope, since the number of pairs grows quadratically.
_MAX_SLOPE_POINTS = 48
#: Types of recorded values that numpy converts to floats as `number` does: None to NaN.
_NUMBERS = {float, int, type(None)}


def number(value: Any) -> float:
    """Return a recorded number, or NaN for null, a missing value and anything else."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.nan


def curve(values: Iterable[Any]) -> Curve:
    """Return recorded numbers as a curve."""
    listed = list(values)
    if not _NUMBERS.issuperset(map(type, listed)):
        listed = [number(value) for value in listed]
    return np.array(listed, dtype=np.float64)


def known(values: Curve) -> Curve:
    """Return the measured values in order."""
    measured: Curve = values[np.isfinite(values)]
    return measured


def middle(values: Curve) -> float:
    """Return the median of the measured values, or NaN without any."""
    measured = known(values)
    return median(measured) if measured.size else math.nan


def median(values: Curve) -> float:
    """Return the median of at least one value; NaN if one is NaN.

    This is numpy.median, which takes ten times as long for the tens of values of a curve.
    """
    ordered = np.sort(values)  # NaN comes last.
    half = ordered.size // 2
    if np.isnan(ordered[-1]):
        return math.nan
    return float(ordered[half] if ordered.size % 2 else (ordered[half - 1] + ordered[half]) / 2)


def least(values: Curve) -> float:
    """Return the smallest measured value, or NaN without any."""
    measured = known(values)
    return float(measured.min()) if measured.size else math.nan


def largest(values: Curve) -> float:
    """Return the largest measured value, or NaN without any."""
    measured = known(values)
    return float(measured.max()) if measured.size else math.nan


def last(values: Curve) -> float:
    """Return the last measured value, or NaN without any."""
    measured = known(values)
    return float(measured[-1]) if measured.size else math.nan


def first(values: Curve) -> float:
    """Return the first measured value, or NaN without any."""
    measured = known(values)
    return float(measured[0]) if measured.size else math.nan


class Differences(NamedTuple):
    """The differences between all pairs of points of a curve.

    Attributes:
        rises: Later value less earlier one.
        steps: Evaluations between them.
    """

    rises: Curve
    steps: Curve


def differences(values: Curve) -> Differences:
    """Return the differences between all pairs of measured points, of at most 48 points evenly spaced."""
    times = np.flatnonzero(np.isfinite(values))
    if times.size > _MAX_SLOPE_POINTS:
        times = times[np.linspace(0, times.size - 1, _MAX_SLOPE_POINTS).round().astype(int)]
    low, high = _pairs(times.size)
    measured = values[times]
    return Differences(measured[high] - measured[low], (times[high] - times[low]).astype(np.float64))


def slope(values: Curve) -> float:
    """Return the median slope between all pairs of points, per evaluation (Theil 1950, Sen 1968).

    Up to 29 % of the points may be outliers. NaN with fewer than two points. This is the slope of
    scipy.stats.theilslopes without its confidence band, which takes six times as long (0.8 against 0.15 ms);
    it is computed for every trial of a report.
    """
    pairs = differences(values)
    return median(pairs.rises / pairs.steps) if pairs.rises.size else math.nan


@cache
def _pairs(count: int) -> tuple[Int64[np.ndarray, "pairs"], Int64[np.ndarray, "pairs"]]:
    """Return the indices of all pairs of so many points, the earlier ones and the later ones."""
    return np.triu_indices(count, k=1)


def jitter(values: Curve) -> float:
    """Return a robust standard deviation of the points about their trend.

    It is the median absolute second difference, scaled to the standard deviation of independent normal noise:
    second differences have six times its variance, and their absolute median is 0.6745 standard deviations.
    """
    measured = known(values)
    if measured.size < 3:
        return math.nan
    return median(np.abs(np.diff(measured, n=2))) / (0.6745 * math.sqrt(6))


def turns(values: Curve) -> float:
    """Return the share of inner points at which a curve changes direction: 2/3 for noise, 0 for a straight
    line."""
    steps = np.diff(known(values))
    steps = steps[steps != 0]
    return float((steps[1:] * steps[:-1] < 0).mean()) if steps.size > 1 else math.nan
