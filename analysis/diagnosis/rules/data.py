"""A finite training set that is known by heart."""

from failmap.analysis.diagnosis.diagnosis import Evidence
from failmap.analysis.diagnosis.series import largest, number
from failmap.analysis.diagnosis.training_curves import TrainingCurves

#: How much further training has come than validation, as skills, before what it learned counts as memorised.
GAP = 0.3
#: Near perfection, a gap is small; what is left to gain in validation then tells, in times of what is left in
#: training.
SMALL_GAP, LEFT_RATIO = 0.02, 2.0
#: Where the validation loss never came this far from chance, there was too little to learn from: a twelfth of
#: the way.
SAW_SOMETHING = 0.08


def memorised_and_worse(course: TrainingCurves) -> tuple[Evidence, ...]:
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


def memorised_at_chance(course: TrainingCurves) -> tuple[Evidence, ...]:
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


def _is_memorised(course: TrainingCurves, gap: float) -> bool:
    """A wide gap; or, near perfection, a validation loss that is several times the training loss."""
    left_in_training, left = 1 - course.end_train_skill, 1 - course.end_validation_skill
    is_wide = gap > GAP or (gap > SMALL_GAP and left > LEFT_RATIO * left_in_training)
    return course.is_data_finite and course.num_epochs > 2 and is_wide


def _gap(course: TrainingCurves) -> float:
    return course.end_train_skill - course.end_validation_skill


def _best_validation(course: TrainingCurves) -> float:
    return largest(course.validation_skill)


def _told_skill(course: TrainingCurves) -> str:
    skill = course.end_validation_skill
    return f"{skill:.0%}" if skill >= 0 else f"is worse than chance by {-skill:.0%}"


#: A feature's mean or deviation above this is far from zero mean and unit scale. The preflight warns there
#: too.
LARGE_SCALE = 5.0
#: A feature that varies by less than this beside others says nothing at first.
SMALL_SPREAD = 1e-2
#: Share of a gradient that may come from rounding.
LEAK_SHARE = 1e-6


def leaks_across_batch(course: TrainingCurves) -> tuple[Evidence, ...]:
    """Outputs of one sequence depend on other sequences of its batch.

    Reads `leak_across_batch`: share of the gradient of one sequence's output that comes from the others, in
    evaluation mode, where batch norm uses stored moments. Karpathy (2019, A recipe for training neural
    networks) charts dependencies so.
    """
    share = largest(course.measured("leak_across_batch"))
    if not share > LEAK_SHARE:
        return ()
    told = f"{share:.2g} of the gradient of a sequence's output comes from other sequences of its batch"
    return (Evidence(told, {"leak_across_batch": share}, None, None),)


def leaks_from_future(course: TrainingCurves) -> tuple[Evidence, ...]:
    """Outputs at one step depend on later steps, in a network that reads one way.

    Reads `leak_from_future`; as `leaks_across_batch`.
    """
    share = largest(course.measured("leak_from_future"))
    if not share > LEAK_SHARE:
        return ()
    told = f"{share:.2g} of the gradient of an output comes from steps that are yet to come"
    return (Evidence(told, {"leak_from_future": share}, None, None),)


def inputs_out_of_scale(course: TrainingCurves) -> tuple[Evidence, ...]:
    """Features far from zero mean and unit scale.

    Reads `input_scale`. LeCun et al. (1998, Efficient BackProp, section 4.3) ask for a mean near zero and
    equal variances; UMLAUT (2021) warns of inputs beyond -1..1.
    """
    scale = course.last_signal("input_scale")
    if not isinstance(scale, dict):
        return ()
    mean, spread = number(scale.get("largest_mean")), number(scale.get("largest_spread"))
    least_spread, entry = number(scale.get("least_spread")), number(scale.get("largest"))
    if not (mean > LARGE_SCALE or spread > LARGE_SCALE or spread < SMALL_SPREAD):
        return ()
    told = (
        f"a feature's mean is up to {mean:.2g}, its standard deviation from {least_spread:.2g} to "
        f"{spread:.2g}, its largest entry {entry:.2g}"
    )
    return (Evidence(told, {"largest_mean": mean, "largest_spread": spread, "largest": entry}),)
