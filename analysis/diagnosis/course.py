"""The course of a training, read from its loss curves alone, before any rule speaks."""

import math
from typing import Literal, NamedTuple, get_args

import numpy as np

from failmap.analysis.diagnosis.pace import Pace, pace
from failmap.analysis.diagnosis.series import Curve, jitter, known, largest, middle
from failmap.analysis.diagnosis.training_curves import LEFT_CHANCE, MIN_END, TrainingCurves
from failmap.run_folder.metrics import is_larger_better

CourseName = Literal[
    "left_finite",
    "too_short",
    "on_the_way",
    "creeping",
    "jumped_late",
    "fitted",
    "fell_back",
    "at_level",
    "worse_than_chance",
    "at_chance",
    "stalled",
]
COURSES: tuple[CourseName, ...] = get_args(CourseName)

#: Number of evaluations below which there is no course.
MIN_EVALUATIONS = 4
#: Multiple of the budget within which a training that is on its way reaches its goal at its present pace.
REACHABLE = 3.0
#: Rise of a skill above its earlier plateau that is a jump, also in units of the plateau's jitter.
JUMP, CLEAR = 0.1, 4.0
#: Fall of a skill from its best level that is lost again, also in units of the jitter.
FALL = 0.2
#: Gap between the skills of training and validation from which on training is fitted, and the smaller gap
#: that counts near perfection if validation has so many times as much left to gain.
GAP, SMALL_GAP, LEFT_RATIO = 0.3, 0.02, 2.0
#: Skill of the training loss from which on it is at its floor.
AT_FLOOR = 0.9
#: Skill of the loss on a finite training set from which on hardly any gradient is left.
EXHAUSTED = 0.98
#: Skill below which a loss is worse than guessing.
WORSE = -0.1
#: Largest distance from a known level, as a share of the range between chance and perfection: of the best
#: evaluation, and of the noisier median of the last third.
NEAR_LEVEL, STAYS_NEAR = 0.12, 0.2


class Course(NamedTuple):
    """The course of a training.

    Attributes:
        name: One of `COURSES`.
        pace: How fast it improves at the end, and when it would reach its goal.
    """

    name: CourseName
    pace: Pace


def course(curves: TrainingCurves) -> Course:
    """Return the course of a training.

    Only losses, scores and epochs are read, with the levels of chance, goal and known partial solutions: no
    gradients, states or settings. The first of these that holds is the course: a loss left the finite; there
    are fewer than MIN_EVALUATIONS; training is fitted, and validation, which is left behind, does not improve
    or has nothing left to learn from; validation improves at a pace that reaches the goal within REACHABLE
    budgets, jumped lately, or creeps; it fell back from its best level; it is worse than guessing, at chance,
    at a known level, or else stalled.
    """
    speed = pace(curves)
    if not _is_finite(curves):
        return Course("left_finite", speed)
    if len(curves.history) < MIN_EVALUATIONS:
        return Course("too_short", speed)
    return Course(_name(curves, speed), speed)


def _name(curves: TrainingCurves, speed: Pace) -> CourseName:
    if _is_fitted(curves) and (not speed.is_improving or _is_exhausted(curves)):
        return "fitted"
    is_away = curves.ends_away_from_chance or middle(curves.validation_skill[-MIN_END:]) > LEFT_CHANCE
    if speed.budgets_needed <= REACHABLE and is_away:
        return "on_the_way"
    if _has_jumped(curves):
        return "jumped_late"
    is_at_chance = not curves.ends_away_from_chance and curves.end_validation_skill >= WORSE
    if speed.is_improving and not is_at_chance:
        return "creeping"
    if _has_fallen(curves):
        return "fell_back"
    if not curves.ends_away_from_chance:
        return "worse_than_chance" if curves.end_validation_skill < WORSE else "at_chance"
    return "at_level" if level_of(curves) is not None else "stalled"


def _is_finite(curves: TrainingCurves) -> bool:
    if curves.summary.first_nonfinite and not curves.is_blind:
        return False
    return all(one.train_loss is not None and one.validation_loss is not None for one in curves.history)


def _is_fitted(curves: TrainingCurves) -> bool:
    """Return whether training is far ahead of validation."""
    training, validation = curves.end_train_skill, curves.end_validation_skill
    gap = training - validation
    is_wide = gap > GAP and training > LEFT_CHANCE
    return is_wide or (
        training > AT_FLOOR and gap > SMALL_GAP and 1 - validation > LEFT_RATIO * (1 - training)
    )


def _is_exhausted(curves: TrainingCurves) -> bool:
    """Return whether a finite training set has nothing left to teach, so that the pace cannot last."""
    return curves.is_data_finite and curves.end_train_skill > EXHAUSTED


def _has_jumped(curves: TrainingCurves) -> bool:
    """Return whether the last evaluations are clearly above all before the last fifth."""
    skill = known(curves.validation_skill)
    num_late = max(1, len(skill) // 5)
    earlier, late = skill[:-num_late], skill[-num_late:]
    if earlier.size < MIN_END:
        return False
    least = max(JUMP, CLEAR * _noise(earlier))
    return bool(late[-1] > largest(earlier) and middle(late) - middle(earlier[-len(earlier) // 2 :]) > least)


def _has_fallen(curves: TrainingCurves) -> bool:
    """Return whether training and validation both ended far below their best levels."""
    falls = []
    for skill in (curves.validation_skill, curves.train_skill):
        smooth = _running_median(known(skill))
        if not smooth.size:
            return False
        best = float(smooth.max())
        # Skills far below zero are one fault, whatever their size.
        fall = best - max(middle(skill[curves.end]), WORSE)
        falls.append(best > LEFT_CHANCE and fall > max(FALL, CLEAR * _noise(smooth)))
    return all(falls)


class Stay(NamedTuple):
    """A stay at a known level.

    Attributes:
        name: What a network at this level has understood.
        level: The metric of the level.
        best, late: The best metric of the training, and the median of its last third.
    """

    name: str
    level: float
    best: float
    late: float


def level_of(curves: TrainingCurves) -> Stay | None:
    """Return the known level that a training never passed and stays near, the best such level, or None."""
    is_larger = is_larger_better(curves.summary.metric)
    room = abs(curves.summary.chance_metric - (1.0 if is_larger else 0.0))
    metrics = known(curves.metric)
    if not metrics.size:
        return None
    best = float(metrics.max() if is_larger else metrics.min())
    late = middle(metrics[-max(MIN_END, len(metrics) // 3) :])
    for level in reversed(curves.summary.partial_solutions):
        wanted = float(level["metric"])
        if abs(best - wanted) < NEAR_LEVEL * room and abs(late - wanted) < STAYS_NEAR * room:
            return Stay(str(level["name"]), wanted, best, late)
    return None


def _noise(skill: Curve) -> float:
    noise = jitter(skill)
    return 0.0 if math.isnan(noise) else noise


def _running_median(values: Curve) -> Curve:
    """Return medians of three neighbours, which single outliers do not change."""
    if values.size < 3:
        return values
    medians: Curve = np.sort(np.stack([values[:-2], values[1:-1], values[2:]]), axis=0)[1]
    return medians
