"""Units that stand still: always zero, or always at an end."""

import numpy as np

from analysis.diagnosis.course import Course
from analysis.diagnosis.diagnosis import Evidence
from analysis.diagnosis.series import Curve, known, last

#: A layer with so large a share of dead units passes little on. AutoTrainer (Zhang et al., ICSE 2021) speaks
#: of dying ReLUs where 70 % of a gradient's entries are zero.
DEAD_SHARE = 0.7
#: A layer in which so many units stand at their ends in nearly all steps. Glorot and Bengio (2010, section 3)
#: found whole layers of tanh saturated, from the lowest up.
SATURATED_SHARE = 0.5


def units_dead(course: Course) -> tuple[Evidence, ...]:
    """Most units of a layer are zero for every sequence at every step.

    Reads `dead_units_by_layer` at the end, of validation sequences.
    """
    return _worst_layer(
        course,
        "dead_units_by_layer",
        DEAD_SHARE,
        "{share:.0%} of the units of {layer} are zero for every input (update {update})",
    )


def units_saturated(course: Course) -> tuple[Evidence, ...]:
    """Half of a layer's units stand at an end of their range in nearly all steps.

    Reads `saturated_units_by_layer` at the end: units beyond 0.99 of their bound in 95 % of all steps. There
    the derivative of tanh is below 0.02.
    """
    return _worst_layer(
        course,
        "saturated_units_by_layer",
        SATURATED_SHARE,
        "{share:.0%} of the units of {layer} stand at an end of their range in nearly all steps (update "
        "{update})",
    )


def _worst_layer(course: Course, signal: str, threshold: float, told: str) -> tuple[Evidence, ...]:
    curves = {layer: shares for layer, shares in course.curves_by_layer(signal).items() if known(shares).size}
    if not curves or course.is_solved:
        return ()
    layer = max(curves, key=lambda name: last(curves[name]))
    share = last(curves[layer])
    if not share >= threshold:
        return ()
    update = course.updates[_first_above(curves[layer], threshold)]
    said = told.format(share=share, layer=layer, update=course.updates[-1])
    began = f"; above {threshold:.0%} from update {update} on"
    return (Evidence(said + began, {signal: share}, layer, int(course.updates[-1])),)


def _first_above(shares: Curve, threshold: float) -> int:
    return int(np.flatnonzero(shares >= threshold)[0])
