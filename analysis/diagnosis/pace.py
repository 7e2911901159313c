"""How fast a training improves at its end, and when it would reach its goal."""

import math
from typing import NamedTuple

import numpy as np

from failmap.analysis.diagnosis.series import Curve, differences, jitter, known, median, middle, slope
from failmap.analysis.diagnosis.training_curves import (
    END_SHARE,
    MIN_END,
    PROGRESS_LEFT,
    SOLVED_SCORE,
    TrainingCurves,
)

#: Shares of a training at its end in which a rise is looked for, and the least number of evaluations.
_WINDOWS, MIN_POINTS = (1 / 3, 1 / 2), 4
#: Number of standard deviations of a rank test that is significant, one-sided at 5 %.
SIGNIFICANT = 1.645
#: Smallest remaining distance to perfection that is distinguished from none.
_LEAST_LEFT = 1e-3


class Pace(NamedTuple):
    """The pace of a training at its end.

    Attributes:
        gain: Gain of the validation skill in a fifth of the training, as a share of what is left to gain.
        is_improving: Whether that is at least PROGRESS_LEFT.
        updates_needed: Updates, from the first one on, until the goal is reached at this pace, rounded to two
            digits; 0 if it is not improving.
        budgets_needed: The same as a multiple of the updates made; infinite if it is not improving.
    """

    gain: float
    is_improving: bool
    updates_needed: int
    budgets_needed: float


def pace(curves: TrainingCurves) -> Pace:
    """Return the pace of a training.

    It improves if score or validation skill rise in the last third or the last half: significantly by the
    rank test of Mann (1945), one-sided at 5 %, or by more than their jitter. An accuracy may rise when its
    loss no longer falls, for outputs grow surer of their mistakes.

    What is left to the goal is assumed to shrink by the same factor in equal numbers of updates, the one by
    which the distance to perfection shrank there. Trainings that accelerate need less. The goal is the
    criterion, or nine tenths of the way where it is unknown.
    """
    updates = curves.updates[-1] if curves.updates else 0
    target = curves.summary.target_score
    if curves.is_blind or not math.isfinite(target):
        target = SOLVED_SCORE
    skills = [curves.validation_skill] + ([curves.score] if curves.left_chance else [])
    trends = [trend for skill in skills for share in _WINDOWS if (trend := _trend(skill, share, target))]
    gain = max((trend.gain for trend in trends), default=0.0)
    if not gain > PROGRESS_LEFT:
        return Pace(gain, False, 0, math.inf)
    budgets = min(trend.budgets for trend in trends)
    count = _rounded(budgets * updates) if math.isfinite(budgets) else 0
    return Pace(gain, True, count, budgets)


class _Trend(NamedTuple):
    """A significant rise of a skill: its gain, and the budgets after which it reaches the goal."""

    gain: float
    budgets: float


def _trend(skill: Curve, share: float, target: float) -> _Trend | None:
    """Return the rise of a skill in the last share of a training, or None if it is not significant."""
    late = known(skill[-max(MIN_POINTS, round(share * len(skill))) :])
    if late.size < MIN_POINTS:
        return None
    pairs = differences(late)
    num_points = late.size
    deviation = math.sqrt(num_points * (num_points - 1) * (2 * num_points + 5) / 18)
    rise = median(pairs.rises / pairs.steps) * num_points
    is_significant = np.sign(pairs.rises).sum() > SIGNIFICANT * deviation or rise > jitter(late)
    if not (rise > 0 and is_significant):
        return None
    left = np.log(np.maximum(1 - late, _LEAST_LEFT))
    shrinking = -slope(left)
    now = middle(left[-MIN_END:])
    missing = now - math.log(max(1 - target, _LEAST_LEFT))
    # The median of the last evaluations is that of the second last one.
    budgets = 1 + max(0.0, missing / shrinking - 1) / len(skill) if shrinking > 0 else math.inf
    gain = rise / num_points * len(skill) * END_SHARE / math.exp(now)
    return _Trend(gain, budgets)


def _rounded(number: float) -> int:
    """Return a positive number rounded to two digits."""
    scale: int = 10 ** max(0, math.floor(math.log10(number)) - 1)
    return math.ceil(number / scale) * scale
