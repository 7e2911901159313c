"""A finite training set that is known by heart."""

from failmap.analysis.diagnosis.course import Course
from failmap.analysis.diagnosis.diagnosis import Evidence
from failmap.analysis.diagnosis.series import largest

#: How much further training has come than validation, as skills, before what it learned counts as memorised.
GAP = 0.3
#: Near perfection, a gap is small; what is left to gain in validation then tells, in times of what is left in
#: training.
SMALL_GAP, LEFT_RATIO = 0.02, 2.0
#: Where the validation loss never came this far from chance, there was too little to learn from: a twelfth of
#: the way.
SAW_SOMETHING = 0.08


def memorised_and_worse(course: Course) -> tuple[Evidence, ...]:
    """Training gets better, validation got better and then worse: overfitting.

    Reads both losses as skills, and `epoch`. Prechelt (1998, Early stopping) measures the same as
    generalization loss.
    """
    best, gap = _best_validation(course), _gap(course)
    if not _is_memorised(course, gap) or not best > SAW_SOMETHING:
        return ()
    told = (
        f"after {course.num_epochs:.0f} epochs training has come {course.end_train_skill:.0%} of the way "
        f"from chance and validation {_told_skill(course)}, which had come {best:.0%}"
    )
    return (Evidence(told, {"gap": gap, "best_validation_skill": best}, None, int(course.updates[-1])),)


def memorised_at_chance(course: Course) -> tuple[Evidence, ...]:
    """The training set is learned by heart, and validation never came away from chance: too little data.

    Reads both losses as skills, and `epoch`. Networks can learn labels that mean nothing by heart (Zhang et
    al. 2017).
    """
    best, gap = _best_validation(course), _gap(course)
    if not _is_memorised(course, gap) or best > SAW_SOMETHING:
        return ()
    told = (
        f"after {course.num_epochs:.0f} epochs training has come {course.end_train_skill:.0%} of the way "
        f"from chance, and validation never more than {best:.0%}"
    )
    return (Evidence(told, {"gap": gap, "best_validation_skill": best}, None, int(course.updates[-1])),)


def _is_memorised(course: Course, gap: float) -> bool:
    """A wide gap; or, near perfection, a validation loss that is several times the training loss."""
    left_in_training, left = 1 - course.end_train_skill, 1 - course.end_validation_skill
    is_wide = gap > GAP or (gap > SMALL_GAP and left > LEFT_RATIO * left_in_training)
    return course.is_data_finite and course.num_epochs > 2 and is_wide


def _gap(course: Course) -> float:
    return course.end_train_skill - course.end_validation_skill


def _best_validation(course: Course) -> float:
    return largest(course.validation_skill)


def _told_skill(course: Course) -> str:
    skill = course.end_validation_skill
    return f"{skill:.0%}" if skill >= 0 else f"is worse than chance by {-skill:.0%}"
