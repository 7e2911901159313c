"""Rules about what is trained and what is measured: wrong signs, wrong losses, leaks."""

import math
from collections.abc import Iterator

import numpy as np

from failmap.analysis.diagnosis.diagnosis import Evidence, above, below
from failmap.analysis.diagnosis.series import known, least, middle, slope
from failmap.analysis.diagnosis.training_curves import TrainingCurves

#: Cosine of updates that climb, and their minimum number. Plain descent has a cosine of 1, Adam of 0.1 to
#: 0.9, and momentum may push it slightly below zero.
CLIMBING, MIN_CLIMBS = -0.2, 5
#: Skill above which updates have not climbed the loss: near a minimum, momentum goes up as often as down.
FAR_BELOW = -0.5
#: How far a loss must be below its floor, as a share of the range between chance and the best possible
#: loss, beyond rounding and a training set that differs from validation.
BELOW_FLOOR = 0.1
#: Skill from which on training has learned anything, and its lead over validation.
LEARNS, GAP = 0.2, 0.3
#: Difference of the label signals from which on the inputs of training leak the labels.
LOUDER = 0.4
#: Share of the steps of a training loss that go up if it climbs.
RISING = 5 / 6
#: Skill from which on downwards validation is worse than guessing.
WORSE_THAN_CHANCE = -0.2


def updates_climb(curves: TrainingCurves) -> Iterator[Evidence]:
    """Detect updates that climb the loss: the sign of the step or of the loss is wrong.

    Reads `update_alignment`, the cosine between update and minus the gradient; its median is negative.
    Momentum makes it negative for a while if the loss jumps, but not for most of a training.
    """
    alignments = known(curves.signal_curve("update_alignment"))
    typical = middle(alignments)
    if alignments.size < MIN_CLIMBS or not typical < CLIMBING or curves.end_train_skill > FAR_BELOW:
        return
    told = f"updates climb the loss: their median cosine with the negative gradient is {typical:.2g}"
    limit = below("update_alignment", typical, CLIMBING)
    yield Evidence(told, {"update_alignment": typical}, None, curves.updates[-1], (limit,))


def loss_below_floor(curves: TrainingCurves) -> Iterator[Evidence]:
    """Detect a training loss below its floor: what is trained is not what is configured.

    Reads the training loss and `loss_floor`; a loss with a wrong sign falls without bound.
    """
    floor, lowest = curves.summary.loss_floor, least(curves.train_loss)
    room = curves.summary.chance_loss - curves.best_loss
    if room > 0 and lowest < floor - BELOW_FLOOR * room:
        update = curves.updates[np.nanargmin(curves.train_loss)]
        told = f"the training loss is {lowest:.3g} at update {update}, and cannot be below {floor:.3g}"
        limit = below("train_loss", lowest, floor - BELOW_FLOOR * room)
        yield Evidence(told, {"train_loss": lowest, "loss_floor": floor}, None, update, (limit,))


def loss_negative(curves: TrainingCurves) -> Iterator[Evidence]:
    """Detect a loop that maximises what it should minimise: its loss is below zero and falls, at chance.

    Reads the training loss, where targets are classes or numbers with a squared error, both of which have
    losses of zero at least. A loss with a term of its own may be below zero, and learns all the same.
    """
    losses = known(curves.train_loss)
    has_floor = curves.summary.metric in ("accuracy", "mean_squared_error")
    # Losses that Failmap makes itself have a known floor (`loss_below_floor`).
    if math.isfinite(curves.summary.loss_floor) or not has_floor or losses.size < 2:
        return
    late = losses[-max(2, len(losses) // 2) :]
    if middle(curves.score[curves.end]) > LEARNS or not late.max() < 0 or not late[-1] < losses[0]:
        return
    told = f"the loss is below zero and falls, from {losses[0]:.3g} to {losses[-1]:.3g}: its sign seems wrong"
    limit = below("train_loss", float(late.max()), 0.0)
    yield Evidence(told, {"first_loss": float(losses[0]), "last_loss": float(losses[-1])}, limits=(limit,))


def learns_something_else(curves: TrainingCurves) -> Iterator[Evidence]:
    """Detect training that improves on new sequences while validation is worse than guessing.

    Reads both losses as skills, as long as no sequence was repeated. Nothing can be memorised until then, so
    training and validation have different targets.
    """
    training, validation = _fresh_skills(curves)
    if training > LEARNS and validation < WORSE_THAN_CHANCE:
        told = (
            f"on new sequences training came {training:.0%} of the way from chance, and validation is "
            f"{-validation:.0%} worse than chance"
        )
        limits = (
            below("validation_skill", validation, WORSE_THAN_CHANCE),
            above("train_skill", training, LEARNS),
        )
        yield Evidence(told, {"train_skill": training, "validation_skill": validation}, limits=limits)


def learns_what_validation_lacks(curves: TrainingCurves) -> Iterator[Evidence]:
    """Detect a leak: training on new sequences is learned, validation is not, and only training has a label
    signal.

    Reads both losses as skills, as long as no sequence was repeated, `label_signal` and
    `label_signal_validation`. What the inputs leak of the labels is a stronger signal than the task itself
    (Kaufman et al. 2012, Leakage in data mining).
    """
    training, validation = _fresh_skills(curves)
    spoken = middle(curves.signal_curve("label_signal"))
    heard = middle(curves.signal_curve("label_signal_validation"))
    if training > LEARNS and validation < training - GAP and spoken - heard > LOUDER:
        told = (
            f"on new sequences training came {training:.0%} of the way from chance and validation "
            f"{validation:.0%}; the label signal is {spoken:.2g} in training and {heard:.2g} in validation"
        )
        limits = (
            above("label_signal", spoken, heard + LOUDER),
            above("train_skill", training, max(LEARNS, validation + GAP)),
        )
        yield Evidence(told, {"train_skill": training, "label_signal": spoken}, limits=limits)


def loss_climbs(curves: TrainingCurves) -> Iterator[Evidence]:
    """Detect a training loss that rises steadily and never falls below its start.

    Reads the training loss: five sixths of its steps go up.
    """
    losses = known(curves.train_loss)
    if losses.size < 6 or not slope(losses) > 0:
        return
    rises = float((np.diff(losses) > 0).mean())
    if rises < RISING or losses.min() < losses[0] or not losses[-1] > 1.5 * abs(losses[0]):
        return
    told = f"the training loss rose from {losses[0]:.3g} to {losses[-1]:.3g}, in {rises:.0%} of its steps"
    values = {"first_loss": float(losses[0]), "last_loss": float(losses[-1])}
    yield Evidence(told, values, limits=(above("rises", rises, RISING),))


def _fresh_skills(curves: TrainingCurves) -> tuple[float, float]:
    """Return the skills of both losses at the end of the part in which no sequence was repeated."""
    training, validation = curves.train_skill[curves.fresh], curves.validation_skill[curves.fresh]
    last = slice(-max(1, min(3, len(training))), None)
    return middle(training[last]), middle(validation[last])
