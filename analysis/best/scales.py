"""Scales of charts: where a number lies on an axis, in percent of its length, and the texts beside it."""

import math
import re
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

#: An axis of positive numbers is logarithmic if the largest one is more than this many times the smallest,
#: and, unless smaller is better, most lie in its lower part: numbers drawn evenly from 0 to 1 do not.
LEAST_LOG_RATIO = 30
_LOW_PART = 0.3
#: A linear axis ends this many times as far from the best value as the median is: one wild value must not
#: press all others into a line.
FARTHEST = 20
#: Space between the outermost values and the ends of an axis, in parts of its length.
_MARGIN = 0.04
#: Differences and powers of larger numbers are infinite.
_LARGEST = 1e150


@dataclass(frozen=True)
class Tick:
    """A text at an axis, in percent of its length."""

    at: float
    text: str


@dataclass(frozen=True)
class Scale:
    """An axis of numbers.

    Attributes:
        low, high: Its ends; `low` is above 0 if it is logarithmic.
        is_log: Whether it is logarithmic.
        ticks: Its numbers.
    """

    low: float
    high: float
    is_log: bool
    ticks: tuple[Tick, ...] = ()

    def at(self, value: float) -> float:
        """Return the place of a number in percent from the low end; outside the axis, the end next to it."""
        low, high, value = (self._scaled(one) for one in (self.low, self.high, value))
        return round(100 * min(max((value - low) / (high - low), 0.0), 1.0), 2)

    def holds(self, value: float) -> bool:
        """Return whether a number lies on the axis."""
        return self.low <= value <= self.high

    def _scaled(self, value: float) -> float:
        value = min(max(value, -_LARGEST), _LARGEST)
        return math.log10(max(value, self.low)) if self.is_log else value


def number_scale(
    values: Iterable[float], num_ticks: int = 5, sign: float = 0.0, farthest: float = FARTHEST
) -> Scale:
    """Return a scale for numbers, of which those that are not finite are ignored.

    Args:
        values: The numbers.
        num_ticks: About how many ticks have room.
        sign: 1 if larger is better, -1 if smaller is: then the worst end may leave values out. 0: neither.
        farthest: See `FARTHEST`.
    """
    known = [min(max(one, -_LARGEST), _LARGEST) for one in values if math.isfinite(one)]
    if not known:
        return Scale(0.0, 1.0, False)
    low, high = min(known), max(known)
    is_log = low > 0 and high / LEAST_LOG_RATIO > low
    if sign >= 0 and statistics.median(known) > _LOW_PART * high:
        is_log = False
    if not is_log:
        low, high = _without_far(known, sign, farthest)
    is_whole = all(float(one).is_integer() for one in known)
    if is_log:
        factor = (high / low) ** _MARGIN
        low, high = low / factor, high * factor
        numbers = _log_ticks(low, high, num_ticks)
    else:
        margin = (high - low) * _MARGIN or abs(low) / 10 or 0.5
        low, high = low - margin, high + margin
        numbers = _even_ticks(low, high, num_ticks, 1.0 if is_whole else 0.0)
    scale = Scale(low, high, is_log)
    texts = zip(numbers, _tick_texts(numbers), strict=True)
    return Scale(low, high, is_log, tuple(Tick(scale.at(number), text) for number, text in texts))


def thinned(count: int, most: int, kept: Iterable[int] = ()) -> list[int]:
    """Return which of `count` things are drawn: all, or those `kept` and others at even distances."""
    if count <= most:
        return list(range(count))
    chosen = set(kept)
    others = [index for index in range(count) if index not in chosen]
    room = max(most - len(chosen), 0)
    chosen.update(others[index * len(others) // room] for index in range(room))
    return sorted(chosen)


def _without_far(values: Sequence[float], sign: float, farthest: float) -> tuple[float, float]:
    """Return the ends of a linear axis."""
    low, high = min(values), max(values)
    reach = farthest * abs((high if sign > 0 else low) - statistics.median(values))
    if sign > 0 and reach > 0:
        return max(low, high - reach), high
    if sign < 0 and reach > 0:
        return low, min(high, low + reach)
    return low, high


def _even_ticks(low: float, high: float, count: int, least_step: float) -> list[float]:
    rough = max((high - low) / count, least_step)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next((factor * power for factor in (1, 2, 5) if factor * power >= rough), 10 * power)
    first, last = math.ceil(low / step), math.floor(high / step + 1e-9)
    # Where numbers are so large that a step is lost in them, there are no ticks to write.
    return [tick * step for tick in range(first, last + 1)] if last - first < 3 * count else []


def _log_ticks(low: float, high: float, count: int) -> list[float]:
    """Return powers of ten and, if there are few, also 2 and 5 times these."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    factors = (1, 2, 5) if last - first <= count / 2 else (1, 3) if last - first <= count * 0.7 else (1,)
    every = max(1, math.ceil((last - first) / (count + 1)))
    ticks = [factor * 10.0**power for power in range(first, last + 1, every) for factor in factors]
    return [tick for tick in ticks if low <= tick <= high]


def _tick_texts(numbers: Sequence[float]) -> list[str]:
    """Return numbers as texts: with the same digits behind the point, or as powers of ten."""
    size = max((abs(one) for one in numbers), default=0.0)
    steps = [abs(b - a) for a, b in pairwise(numbers)] or [size]
    if size == 0 or not 1e-4 < min(steps) <= size < 1e6:
        return ["0" if one == 0 else _short(f"{one:.3g}") for one in numbers]
    if max(steps) > 1.01 * min(steps):
        return [
            _short(f"{one:,.4f}".rstrip("0").rstrip(".")) if one >= 1e-3 else _short(f"{one:.0e}")
            for one in numbers
        ]
    digits = max(0, -math.floor(math.log10(min(steps)) + 1e-9))
    # Adding 0 makes -0 positive.
    return [f"{round(one, digits) + 0.0:,.{digits}f}" for one in numbers]


def _short(text: str) -> str:
    """Return a number without the zeros of its exponent: '1e-5' for '1e-05'."""
    return re.sub(r"e(-?)\+?0*(\d)", r"e\1\2", text)
