"""The course of the loss: still falling, standing still, jumping up and down."""

import math

from analysis.diagnosis.course import Course
from analysis.diagnosis.diagnosis import Evidence
from analysis.diagnosis.series import jitter, known, middle, number, slope, turns

#: Progress in the last fifth of a training, as a share of what is left, that counts as still going on.
PROGRESS_LEFT = 0.03
#: An update that moves weights by less than this of their norm: a thousand of them change little. Karpathy's
#: notes for CS231n take 1e-3 for usual.
TINY_UPDATE = 1e-5
#: Deviation of single training losses within an interval, as a share of the room between chance and
#: perfection.
LARGE_SPREAD = 0.3
#: A level is at a partial solution within this share of the room.
NEAR_PARTIAL = 0.08
#: A network of fewer units than this is small whatever it is asked.
SMALL_WIDTH = 8
#: Gap between training and validation, as skills, that is none.
NO_GAP = 0.1


def at_partial_solution(course: Course) -> tuple[Evidence, ...]:
    """Stands at the level of a known part of the task.

    Reads `partial_solutions` of the record, which the task states exactly ('knows one of the two numbers'),
    and the metric, or the loss where it is the natural one. Within 8 % of the room between chance and
    perfection.
    """
    if course.is_solved:
        return ()
    metric = middle(course.metric[course.end])
    room = abs(course.summary.chance_metric - (1.0 if course.summary.metric == "accuracy" else 0.0))
    for level in reversed(course.summary.partial_solutions):
        wanted = number(level.get("metric"))
        if room > 0 and abs(metric - wanted) < NEAR_PARTIAL * room:
            told = (
                f"the {course.summary.metric.replace('_', ' ')} stands at {metric:.3g}: one that "
                f"{level.get('name')} has {wanted:.3g}"
            )
            return (Evidence(told, {"metric": metric, "partial": wanted}, None, int(course.updates[-1])),)
    return ()


def loss_jumps(course: Course) -> tuple[Evidence, ...]:
    """Single losses jump up and down by much of the room that there is, without progress: steps too large.

    Reads `loss_spread` and the losses. Smith (2017) tells the largest useful rate by it; AutoTrainer (2021)
    speaks of oscillating losses where accuracy turns round often.
    """
    room = course.summary.chance_loss - course.best_loss
    spread = middle(course.signal_curve("loss_spread")[course.end])
    if (
        course.is_solved
        or not room > 0
        or not spread > LARGE_SPREAD * room
        or _progress(course) > PROGRESS_LEFT
    ):
        return ()
    told = (
        f"single training losses deviate by {spread:.2g} at the end, {spread / room:.0%} of the way from "
        "chance to perfection, "
        "and their mean does not fall"
    )
    return (Evidence(told, {"loss_spread": spread, "room": room}, None, int(course.updates[-1])),)


def validation_jumps(course: Course) -> tuple[Evidence, ...]:
    """The validation loss jumps from one evaluation to the next, and gets nowhere.

    Reads the validation loss as a skill: its jitter in the second half is a tenth of the room or more.
    """
    later = course.validation_skill[len(course.history) // 2 :]
    noise = jitter(later)
    if course.is_solved or known(later).size < 5 or not noise > 0.1 or _progress(course) > PROGRESS_LEFT:
        return ()
    told = (
        f"the validation loss jumps by {noise:.0%} of the way from chance to perfection between "
        f"evaluations, and turns at {turns(later):.0%} of them"
    )
    return (Evidence(told, {"jitter": noise}, None, int(course.updates[-1])),)


def still_improving(course: Course) -> tuple[Evidence, ...]:
    """The validation loss is still falling at the end of the update budget.

    Reads the validation loss as a skill: by its slope (Theil and Sen) over the last third, it gains at least
    3 % of what is left in a fifth of the budget, and more than its jitter.
    """
    gained = _progress(course)
    if not gained > PROGRESS_LEFT or course.is_solved:
        return ()
    skill = course.end_validation_skill
    told = (
        f"validation has come {skill:.0%} of the way from chance, and still gains {gained:.0%} of the rest "
        "in a fifth of the training"
    )
    return (Evidence(told, {"progress": gained, "validation_skill": skill}, None, int(course.updates[-1])),)


def updates_tiny(course: Course) -> tuple[Evidence, ...]:
    """No part's weights move by more than a hundred-thousandth in an update.

    Reads `update_ratio_by_layer`: medians over evaluations, the largest of all parts.
    """
    ratios = {part: middle(curve) for part, curve in course.curves_by_layer("update_ratio_by_layer").items()}
    ratios = {part: ratio for part, ratio in ratios.items() if math.isfinite(ratio)}
    if not ratios or course.is_solved or not max(ratios.values()) < TINY_UPDATE:
        return ()
    part = max(ratios, key=lambda name: ratios[name])
    told = (
        f"an update moves weights by {ratios[part]:.1g} of their norm at most ({part}): all of them "
        "together change little"
    )
    return (Evidence(told, {"update_ratio": ratios[part]}, part),)


def stands_above_reach(course: Course) -> tuple[Evidence, ...]:
    """Stands still between chance and perfection, in training as in validation, and the network is tiny.

    Reads both losses as skills and the network's width.
    """
    width = course.setting("model.hidden_size", 0)
    gap = course.end_train_skill - course.end_validation_skill
    if course.is_solved or not 0 < width < SMALL_WIDTH or not course.left_chance or gap > NO_GAP:
        return ()
    told = (
        f"validation stands {course.end_validation_skill:.0%} of the way from chance, training no further, "
        f"with {width} units"
    )
    return (Evidence(told, {"hidden_size": float(width), "validation_skill": course.end_validation_skill}),)


def _progress(course: Course) -> float:
    """What the last fifth of a training gains, as a share of what is left; 0 where it drowns in jitter."""
    skill = course.validation_skill
    num_late = max(3, len(skill) // 3)
    late = skill[-num_late:]
    per_evaluation = slope(late)
    left = 1 - middle(late)
    if not math.isfinite(per_evaluation) or left <= 0:
        return 0.0
    if per_evaluation * num_late < jitter(late):
        return 0.0
    return per_evaluation * len(skill) / 5 / left
