"""Whether what is trained is what is measured: signs, floors, and new sequences on both sides."""

import numpy as np

from failmap.analysis.diagnosis.diagnosis import Evidence
from failmap.analysis.diagnosis.series import known, least, middle, slope
from failmap.analysis.diagnosis.training_curves import TrainingCurves

#: Updates that go up the gradient: plain descent has a cosine of 1, Adam one of 0.1 to 0.9; momentum was seen
#: to push it a little below zero.
CLIMBING, MIN_CLIMBS = -0.2, 5
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


def updates_climb(curves: TrainingCurves) -> tuple[Evidence, ...]:
    """Updates point up the gradient of the loss: the sign of the step, or of the loss, is wrong.

    Reads `update_alignment`, the cosine between update and minus the gradient; its median is negative. With
    momentum it may be for a while, as a loss jumps about, not for most of a training.
    """
    alignments = known(curves.signal_curve("update_alignment"))
    typical = middle(alignments)
    if alignments.size < MIN_CLIMBS or not typical < CLIMBING or curves.end_train_skill > FAR_BELOW:
        return ()
    told = f"updates point up the gradient: their cosine with the way down is {typical:.2g} (median)"
    return (Evidence(told, {"update_alignment": typical}, None, int(curves.updates[-1])),)


def loss_below_floor(curves: TrainingCurves) -> tuple[Evidence, ...]:
    """The training loss is lower than this loss can be: what is trained is not what is configured.

    Reads the training loss and `loss_floor`; a loss with a turned sign falls without end.
    """
    summary = curves.summary
    room = summary.chance_loss - summary.loss_floor
    lowest = least(curves.train_loss)
    if not room > 0 or not lowest < summary.loss_floor - BELOW_FLOOR * room:
        return ()
    update = int(curves.updates[int(np.nanargmin(curves.train_loss))])
    told = (
        f"the training loss is {lowest:.3g} at update {update}, and cannot be below {summary.loss_floor:.3g}"
    )
    return (Evidence(told, {"train_loss": lowest, "loss_floor": summary.loss_floor}, None, update),)


def learns_something_else(curves: TrainingCurves) -> tuple[Evidence, ...]:
    """Training on new sequences gets better, and validation worse than guessing.

    Reads both losses as skills, as long as no sequence has come twice. Nothing can be memorised then, so
    training and validation differ in what is asked.
    """
    training, validation = _fresh_skills(curves)
    if not (training > LEARNS and validation < WORSE_THAN_CHANCE):
        return ()
    told = (
        f"on new sequences training has come {training:.0%} of the way from chance, and validation is worse "
        f"than chance by {-validation:.0%}"
    )
    return (Evidence(told, {"train_skill": training, "validation_skill": validation}),)


def learns_what_validation_lacks(curves: TrainingCurves) -> tuple[Evidence, ...]:
    """Training on new sequences is learned, validation is not, and labels speak in training only: a leak.

    Reads both losses as skills, as long as no sequence has come twice, `label_signal` and
    `label_signal_validation`. What training inputs give away of the labels speaks louder than the task itself
    (Kaufman et al. 2012, Leakage in data mining).
    """
    training, validation = _fresh_skills(curves)
    spoken = middle(curves.measured("label_signal"))
    heard = middle(curves.measured("label_signal_validation"))
    if not (training > LEARNS and validation < training - GAP and spoken - heard > LOUDER):
        return ()
    told = (
        f"on new sequences training has come {training:.0%} of the way from chance and validation "
        f"{validation:.0%}; the label signal is {spoken:.2g} in training and {heard:.2g} in validation"
    )
    return (Evidence(told, {"train_skill": training, "label_signal": spoken}),)


def loss_climbs(curves: TrainingCurves) -> tuple[Evidence, ...]:
    """The training loss rises steadily from its start, and never came below it.

    Reads the training loss: five sixths of all its steps go up.
    """
    losses = known(curves.train_loss)
    if losses.size < 6 or not slope(losses) > 0:
        return ()
    rises = float((np.diff(losses) > 0).mean())
    if rises < 5 / 6 or losses.min() < losses[0] or not losses[-1] > 1.5 * abs(losses[0]):
        return ()
    told = f"the training loss rose from {losses[0]:.3g} to {losses[-1]:.3g}, in {rises:.0%} of its steps"
    return (Evidence(told, {"first_loss": float(losses[0]), "last_loss": float(losses[-1])}),)


def _fresh_skills(curves: TrainingCurves) -> tuple[float, float]:
    """Skills of both losses at the end of the part in which no sequence had come twice."""
    training, validation = curves.train_skill[curves.fresh], curves.validation_skill[curves.fresh]
    last = slice(-max(1, min(3, len(training))), None)
    return middle(training[last]), middle(validation[last])
