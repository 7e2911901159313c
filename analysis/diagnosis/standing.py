"""Where a training stands, for verdicts that no rule makes."""

import math

from failmap.analysis.diagnosis.course import Course
from failmap.analysis.diagnosis.diagnosis import Evidence

#: How often nothing was wrong where no rule saw anything, on the tuning half: once a training has come away
#: from chance, and before.
_NONE_AWAY_FROM_CHANCE, _NONE_AT_CHANCE = 0.83, 0.5


def where_it_stands(course: Course) -> tuple[Evidence, ...]:
    """The last evaluation in one sentence; nothing where none was made."""
    if not course.history:
        return ()
    one = course.history[-1]
    told = f"at update {one.update} the score is {one.score:.3g}"
    if math.isfinite(course.end_train_skill):
        told += f"; the training loss has come {course.end_train_skill:.0%} of the way from chance"
    return (Evidence(told, {"score": one.score}, None, one.update),)


def confidence_of_none(course: Course) -> float:
    """How sure it is that nothing is wrong, of a training that is judged without its criterion."""
    return _NONE_AWAY_FROM_CHANCE if course.left_chance else _NONE_AT_CHANCE
