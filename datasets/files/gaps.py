"""Gaps in the times of series, which no window may cross."""

from dataclasses import replace

import numpy as np
from jaxtyping import Int64, Shaped

from failmap.datasets.files.clock import Clock
from failmap.datasets.files.contents import Series

#: A step longer than this times the usual one is a gap: months differ by 11 %, and rounding by less.
_GAP_RATIO = 1.5
#: Steps differ from the usual one by at most this share of it in a regular series: months do by 10 %.
_JITTER = 0.15
#: With a larger share of long steps, these are the series' own rhythm, such as weekends.
_MAX_GAP_SHARE = 0.1


def cut_at_gaps(series: tuple[Series, ...], clock: Clock) -> tuple[tuple[Series, ...], tuple[str, ...]]:
    """Cut series where times are missing, as seen by their usual step.

    Series whose long steps are frequent are not cut: on working days each fifth step is long.

    Returns:
        Pieces without gaps, in order, of which those of one series share its group; and notes on number and
        size of the gaps, or that times are irregular.
    """
    steps = np.concatenate([np.diff(one.times) for one in series if one.times is not None])
    if len(steps) < 2:
        return series, ()
    usual = float(np.median(steps))
    is_long = steps > _GAP_RATIO * usual
    is_odd = np.abs(steps - usual) > _JITTER * usual
    if not is_odd.any():
        return series, (f"a step each {clock.length(usual)}, without gaps",)
    if is_long.mean() > _MAX_GAP_SHARE or (is_odd & ~is_long).mean() > _MAX_GAP_SHARE:
        note = (
            f"times are irregular: steps from {clock.length(steps.min())} to {clock.length(steps.max())}, "
            f"half of them at most {clock.length(usual)}; a network sees rows, not how far apart they are"
        )
        return series, (note,)
    pieces = tuple(piece for one in series for piece in _pieces(one, _GAP_RATIO * usual))
    notes = []
    if is_long.any():
        notes.append(
            f"{is_long.sum():,} gaps in the times (a step each {clock.length(usual)}, the largest gap "
            f"{clock.length(steps.max())}): no window crosses one, {len(pieces):,} pieces are left"
        )
    if num_short := int((is_odd & ~is_long).sum()):
        notes.append(f"{num_short:,} steps differ from the usual {clock.length(usual)}")
    return pieces, tuple(notes)


def _pieces(one: Series, limit: float) -> list[Series]:
    times: Shaped[np.ndarray, "time"] | None = one.times
    if times is None:
        return [one]
    cuts: Int64[np.ndarray, "gaps"] = np.flatnonzero(np.diff(times) > limit) + 1
    values = np.split(one.values, cuts)
    pieces = zip(values, np.split(times, cuts), strict=True)
    return [replace(one, values=part, times=clock) for part, clock in pieces]
