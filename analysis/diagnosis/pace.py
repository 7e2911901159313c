"""How fast a training improves at its end, and when it would reach its goal."""

import math
from typing import NamedTuple

import numpy as np

from failmap.analysis.diagnosis.series import Curve, jitter, known, middle, slope
from failmap.analysis.diagnosis.training_curves import (
    END_SHARE,
    MIN_END,
    PROGRESS_LEFT,
    SOLVED_SCORE,
    TrainingCurves,
)

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

    What is left to the goal is assumed to shrink by the same factor in equal numbers of updates, the one by
    which the distance of the score to perfection shrank in the last third (Theil-Sen slope of its logarithm).
    Trainings that accelerate need less. The goal is the criterion, or nine tenths of the way where it is
    unknown.
    """
    gain = max(curves.progress, _score_progress(curves))
    updates = curves.updates[-1] if curves.updates else 0
    if not gain > PROGRESS_LEFT or not updates:
        return Pace(gain, False, 0, math.inf)
    target = curves.summary.target_score
    if curves.is_blind or not math.isfinite(target):
        target = SOLVED_SCORE
    needed = [
        _budgets(skill, target) for skill in (curves.score, curves.validation_skill) if known(skill).size
    ]
    budgets = min(needed, default=math.inf)
    count = _rounded(budgets * updates) if math.isfinite(budgets) else 0
    return Pace(gain, True, count, budgets)


def _score_progress(curves: TrainingCurves) -> float:
    """Return the progress of the score, as `TrainingCurves.progress` of the loss.

    An accuracy may still rise when its loss no longer falls, for outputs grow surer of their mistakes.
    """
    if not curves.left_chance:
        return 0.0
    score = curves.score
    late = score[-max(MIN_END, len(score) // 3) :]
    per_evaluation, left = slope(late), 1 - middle(late)
    if not left > 0 or not per_evaluation * len(late) > jitter(late):
        return 0.0
    return per_evaluation * len(score) * END_SHARE / left


def _budgets(skill: Curve, target: float) -> float:
    """Return after how many times its updates a skill reaches its target; infinite if it does not rise."""
    left = np.log(np.maximum(1 - skill, _LEAST_LEFT))
    late = left[-max(MIN_END, len(left) // 3) :]
    shrinking = -slope(late)
    if not shrinking > 0:
        return math.inf
    missing = middle(left[-MIN_END:]) - math.log(max(1 - target, _LEAST_LEFT))
    # The median of the last evaluations is that of the second last one.
    return 1 + max(0.0, missing / shrinking - 1) / len(skill)


def _rounded(number: float) -> int:
    """Return a positive number rounded to two digits."""
    scale: int = 10 ** max(0, math.floor(math.log10(number)) - 1)
    return math.ceil(number / scale) * scale
