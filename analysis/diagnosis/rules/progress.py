"""What a training stands at, and whether it still moves."""

import numpy as np

from analysis.diagnosis.course import PROGRESS_LEFT, Course
from analysis.diagnosis.diagnosis import Evidence
from analysis.diagnosis.series import known, middle, number

#: A level is at a partial solution within this share of the room between chance and perfection.
NEAR_PARTIAL = 0.08
#: Share of the last third's evaluations that must be that near.
STAYS_SHARE = 0.7
#: A network of fewer units than this is small whatever it is asked.
SMALL_WIDTH = 8
#: Gap between training and validation, as skills, that is none.
NO_GAP = 0.1


def at_partial_solution(course: Course) -> tuple[Evidence, ...]:
    """Stands at the level of a known part of the task.

    Reads the metric and `partial_solutions` of the record, which the task states exactly ('knows one of the
    two numbers'): for most of the last third within 8 % of the room between chance and perfection.
    """
    if course.is_running:
        return ()
    late = known(course.metric[-max(3, len(course.history) // 3) :])
    room = abs(course.summary.chance_metric - (1.0 if course.summary.metric == "accuracy" else 0.0))
    for level in reversed(course.summary.partial_solutions):
        wanted = number(level.get("metric"))
        if late.size and (np.abs(late - wanted) < NEAR_PARTIAL * room).mean() >= STAYS_SHARE:
            metric = middle(late)
            told = (
                f"the {course.summary.metric.replace('_', ' ')} stands at {metric:.3g}: one that "
                f"{level.get('name')} has {wanted:.3g}"
            )
            return (Evidence(told, {"metric": metric, "partial": wanted}, None, int(course.updates[-1])),)
    return ()


def still_improving(course: Course) -> tuple[Evidence, ...]:
    """The validation loss is still falling at the end of the update budget.

    Reads the validation loss as a skill: by its slope (Theil and Sen) over the last third, it gains at least
    3 % of what is left in a fifth of the budget, and more than its jitter. Without a criterion that is no
    fault.
    """
    gained = course.progress
    if course.is_blind or not gained > PROGRESS_LEFT:
        return ()
    skill = course.end_validation_skill
    told = (
        f"validation has come {skill:.0%} of the way from chance, and still gains {gained:.0%} of the rest "
        "in a fifth of the training"
    )
    return (Evidence(told, {"progress": gained, "validation_skill": skill}, None, int(course.updates[-1])),)


def network_tiny(course: Course) -> tuple[Evidence, ...]:
    """Fewer than eight units a layer, and training no better than validation: the network holds too little.

    Reads the configured width and both losses as skills. What such a network could not hold no signal tells;
    a plateau that training and validation share is what is left to see.
    """
    width = course.setting("model.hidden_size", 0)
    gap = course.end_train_skill - course.end_validation_skill
    if not 0 < width < SMALL_WIDTH or gap > NO_GAP:
        return ()
    told = (
        f"with {width} units a layer training stands {course.end_train_skill:.0%} of the way from chance, "
        "and "
        f"validation {course.end_validation_skill:.0%}"
    )
    return (Evidence(told, {"hidden_size": float(width), "validation_skill": course.end_validation_skill}),)
