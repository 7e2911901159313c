"""What the labels say, and whether what is trained is what is measured."""

import math
from typing import NamedTuple

import numpy as np

from analysis.diagnosis.course import Course
from analysis.diagnosis.diagnosis import Evidence
from analysis.diagnosis.series import known, largest, least, middle, slope

#: Sequences whose outputs the label probes look at.
_NUM_JUDGED = 64
#: Standard deviations from zero at which labels speak, may speak, and within which they are silent.
LOUD, HINTED, SILENT = 3.0, 1.5, 2.0
#: A cosine that is next to nothing, however sure it is.
NEXT_TO_NOTHING = 0.1
#: Labels of training and validation that contradict each other.
TURNED = -0.2
#: What is this small a share of another cosine is not of the same kind.
MUCH_LESS = 0.25
#: Probes that are too few to compare two noisy cosines.
MIN_PROBES = 3
#: Sequences in a batch from which its labels' gradient is worth comparing.
MIN_BATCH_SIZE = 16
#: Updates that go up the gradient: plain descent has a cosine of 1, Adam one of 0.1 to 0.9; momentum was seen
#: to push it a little below zero.
CLIMBING, MIN_CLIMBS = -0.2, 5
#: What labels add to a gradient when only rounding is left of it.
NO_DIFFERENCE = 1e-4
#: Above this skill the loss has not been climbed: round a minimum, momentum goes up as often as down.
FAR_BELOW = -0.5
#: How far below the floor a loss must lie, as a share of the room between chance and floor: rounding, and a
#: training set that differs from validation, do not count.
BELOW_FLOOR = 0.1
#: How far training must have come to have learned anything, and beyond validation.
LEARNS, GAP = 0.2, 0.3
#: How much louder labels speak in training where its inputs give them away.
LOUDER = 0.4
#: A skill so far below chance is worse than not knowing.
WORSE_THAN_CHANCE = -0.2


def updates_climb(course: Course) -> tuple[Evidence, ...]:
    """Updates point up the gradient of the loss: the sign of the step, or of the loss, is wrong.

    Reads `update_alignment`, the cosine between update and minus the gradient; its median is negative. With
    momentum it may be for a while, as a loss jumps about, not for most of a training.
    """
    alignments = known(course.signal_curve("update_alignment"))
    typical = middle(alignments)
    if alignments.size < MIN_CLIMBS or not typical < CLIMBING or course.end_train_skill > FAR_BELOW:
        return ()
    told = f"updates point up the gradient: their cosine with the way down is {typical:.2g} (median)"
    return (Evidence(told, {"update_alignment": typical}, None, int(course.updates[-1])),)


def loss_below_floor(course: Course) -> tuple[Evidence, ...]:
    """The training loss is lower than this loss can be: what is trained is not what is configured.

    Reads the training loss and `loss_floor`; a loss with a turned sign falls without end.
    """
    summary = course.summary
    room = summary.chance_loss - summary.loss_floor
    lowest = least(course.train_loss)
    if not room > 0 or not lowest < summary.loss_floor - BELOW_FLOOR * room:
        return ()
    update = int(course.updates[int(np.nanargmin(course.train_loss))])
    told = (
        f"the training loss is {lowest:.3g} at update {update}, and cannot be below {summary.loss_floor:.3g}"
    )
    return (Evidence(told, {"train_loss": lowest, "loss_floor": summary.loss_floor}, None, update),)


def labels_contradict(course: Course) -> tuple[Evidence, ...]:
    """What validation labels ask for is the contrary of what training labels do.

    Reads `label_agreement`: negative where following the labels of one leads away from those of the other.
    Its mean over all probes is below -0.2, and LOUD standard deviations below zero.
    """
    agreement = _voice(course, "label_agreement")
    is_followed = course.trained_away_from_chance or _voice(course, "label_signal").is_heard
    if not (is_followed and agreement.cosine < TURNED and agreement.deviations < -LOUD):
        return ()
    told = (
        "following the labels of training leads away from those of validation: a cosine of "
        f"{agreement.cosine:.2g}"
    )
    return (Evidence(told, {"label_agreement": agreement.cosine}),)


def training_labels_silent(course: Course) -> tuple[Evidence, ...]:
    """Validation labels carry something, training labels nothing: they are shuffled.

    Reads `label_signal` and `label_signal_validation`, means over all probes.
    """
    training, validation = _voice(course, "label_signal"), _voice(course, "label_signal_validation")
    is_silent = training.deviations < SILENT and training.cosine < MUCH_LESS * validation.cosine
    if course.measured("label_signal").size < MIN_PROBES:
        return ()
    batch_size = course.setting("train.batch_size", 0)
    is_small = isinstance(batch_size, int) and batch_size < MIN_BATCH_SIZE
    if not (validation.is_clear and is_silent) or is_small:
        return ()
    told = (
        f"the label signal is {training.cosine:.2g} in training and {validation.cosine:.2g} in validation: "
        "training labels do "
        "not belong to their inputs"
    )
    values = {"label_signal": training.cosine, "label_signal_validation": validation.cosine}
    return (Evidence(told, values),)


def labels_make_no_difference(course: Course) -> tuple[Evidence, ...]:
    """The loss does not look at which sequence has which label.

    Reads `label_share`: what own labels ask of the outputs beyond other labels, against the whole gradient to
    the outputs. float32 leaves 1e-7 of it. The usual bug is a loss that broadcasts (batch, 1) against
    (batch,).
    """
    shares = course.measured("label_share")
    if not shares.size or not largest(shares) < NO_DIFFERENCE:
        return ()
    told = (
        f"labels given to other sequences change the gradient to the outputs by {largest(shares):.1g} of "
        "its size: "
        "the loss ignores which is whose"
    )
    return (Evidence(told, {"label_share": largest(shares)}),)


def labels_disagree(course: Course) -> tuple[Evidence, ...]:
    """Labels of training and of validation both carry something, and not the same.

    Reads `label_signal`, `label_signal_validation` and `label_agreement`, means over all probes.
    """
    training, validation = _voice(course, "label_signal"), _voice(course, "label_signal_validation")
    agreement = _voice(course, "label_agreement")
    quieter = min(training.cosine, validation.cosine)
    are_loud = min(training.deviations, validation.deviations) > LOUD
    if not (are_loud and agreement.cosine < MUCH_LESS * quieter and agreement.deviations < LOUD):
        return ()
    told = (
        f"labels speak in training ({training.cosine:.2g}) and in validation ({validation.cosine:.2g}), "
        "and not of the "
        f"same: a cosine of {agreement.cosine:.2g}"
    )
    return (Evidence(told, {"label_signal": training.cosine, "label_agreement": agreement.cosine}),)


def learns_something_else(course: Course) -> tuple[Evidence, ...]:
    """Training on new sequences gets better, and validation worse than guessing.

    Reads both losses as skills, as long as no sequence has come twice. Nothing can be memorised then, so
    training and validation differ in what is asked.
    """
    training, validation = _fresh_skills(course)
    if not (training > LEARNS and validation < WORSE_THAN_CHANCE):
        return ()
    told = (
        f"on new sequences training has come {training:.0%} of the way from chance, and validation is "
        "worse than "
        f"chance by {-validation:.0%}"
    )
    return (Evidence(told, {"train_skill": training, "validation_skill": validation}),)


def learns_what_validation_lacks(course: Course) -> tuple[Evidence, ...]:
    """Training on new sequences is learned, validation is not, and labels speak in training only: a leak.

    Reads both losses as skills, as long as no sequence has come twice, `label_signal` and
    `label_signal_validation`. What training inputs give away of the labels speaks louder than the task itself
    (Kaufman et al. 2012, Leakage in data mining).
    """
    training, validation = _fresh_skills(course)
    spoken = middle(course.measured("label_signal"))
    heard = middle(course.measured("label_signal_validation"))
    if not (training > LEARNS and validation < training - GAP and spoken - heard > LOUDER):
        return ()
    told = (
        f"on new sequences training has come {training:.0%} of the way from chance and validation "
        f"{validation:.0%}; "
        f"the label signal is {spoken:.2g} in training and {heard:.2g} in validation"
    )
    return (Evidence(told, {"train_skill": training, "label_signal": spoken}),)


def _fresh_skills(course: Course) -> tuple[float, float]:
    """Skills of both losses at the end of the part in which no sequence had come twice."""
    training, validation = course.train_skill[course.fresh], course.validation_skill[course.fresh]
    last = slice(-max(1, min(3, len(training))), None)
    return middle(training[last]), middle(validation[last])


def loss_climbs(course: Course) -> tuple[Evidence, ...]:
    """The training loss rises steadily from its start, and never came below it.

    Reads the training loss: five sixths of all its steps go up.
    """
    losses = known(course.train_loss)
    if losses.size < 6 or not slope(losses) > 0:
        return ()
    rises = float((np.diff(losses) > 0).mean())
    if rises < 5 / 6 or losses.min() < losses[0] or not losses[-1] > 1.5 * abs(losses[0]):
        return ()
    told = f"the training loss rose from {losses[0]:.3g} to {losses[-1]:.3g}, in {rises:.0%} of its steps"
    return (Evidence(told, {"first_loss": float(losses[0]), "last_loss": float(losses[-1])}),)


def labels_silent(course: Course) -> tuple[Evidence, ...]:
    """At chance, with a gradient that is alive, and none of it due to the labels.

    Reads `label_signal`, `label_signal_validation` and `gradient_norm`. Shalev-Shwartz et al. (2017, Failures
    of gradient-based deep learning, section 2): for parity the gradient's variance over target functions is
    exponentially small, so it says next to nothing of the one that is asked for.
    """
    if course.left_chance or course.trained_away_from_chance or course.is_running:
        return ()
    training, validation = _voice(course, "label_signal"), _voice(course, "label_signal_validation")
    norm = middle(course.signal_curve("gradient_norm"))
    are_heard = [one for one in (training, validation) if one.is_heard]
    if math.isnan(training.cosine) or are_heard or not norm > 0:
        return ()
    told = (
        f"a gradient of {norm:.2g}, and following the labels of some sequences does nothing for others: a "
        "cosine of "
        f"{training.cosine:.2g}"
    )
    return (Evidence(told, {"label_signal": training.cosine, "gradient_norm": norm}),)


def labels_may_be_wrong(course: Course) -> tuple[Evidence, ...]:
    """As `labels_silent`: labels of other sequences say as little as a function that is hard to see.

    Told as a runner-up: training tells the two apart only where it comes away from chance.
    """
    return labels_silent(course)


def labels_heard_at_chance(course: Course) -> tuple[Evidence, ...]:
    """At chance, and following the labels of some sequences helps others: the way is seen, and not gone.

    Reads `label_signal` and both losses.
    """
    signal = _voice(course, "label_signal")
    if course.left_chance or course.trained_away_from_chance or course.is_running or not signal.is_heard:
        return ()
    told = f"at chance after {course.updates[-1]:,} updates, with a label signal of {signal.cosine:.2g}"
    return (Evidence(told, {"label_signal": signal.cosine}, None, int(course.updates[-1])),)


class _Voice(NamedTuple):
    """The mean of a label signal over all probes.

    Attributes:
        cosine: the mean.
        deviations: how many standard deviations of noise it is from zero.
        steadiness: how many standard errors of its own it is from zero.
    """

    cosine: float
    deviations: float
    steadiness: float

    @property
    def is_clear(self) -> bool:
        """Whether it is no accident: by its size or, of outputs of many numbers, by its scatter."""
        return self.deviations > LOUD or (self.deviations > HINTED and self.steadiness > LOUD)

    @property
    def is_heard(self) -> bool:
        """Whether it is neither next to nothing nor within its noise."""
        return self.cosine > NEXT_TO_NOTHING and self.deviations > LOUD


def _voice(course: Course, name: str) -> _Voice:
    """NaN where it was not measured.

    The cosine of two vectors of n numbers that have nothing to do with each other deviates by 1 / sqrt(n)
    from zero; n is taken for the labels of the sequences that are looked at. Where an output has many
    numbers, they are more, and it deviates by less: then its scatter tells.
    """
    cosines = course.measured(name)
    if not cosines.size:
        return _Voice(math.nan, math.nan, math.nan)
    by_step = course.setting("task.supervision", "last") == "every_step"
    num_labels = _NUM_JUDGED * (max(course.num_steps, 1) if by_step else 1)
    mean = float(cosines.mean())
    scatter = float(cosines.std(ddof=1)) / math.sqrt(cosines.size) if cosines.size > 2 else math.nan
    return _Voice(mean, mean * math.sqrt(cosines.size * num_labels), mean / scatter if scatter else math.nan)
