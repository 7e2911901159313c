"""Updates that are too large, or too small to get anywhere."""

import math

import numpy as np

from failmap.analysis.diagnosis.diagnosis import Evidence
from failmap.analysis.diagnosis.rules.units import DEAD_SHARE
from failmap.analysis.diagnosis.series import first, jitter, known, largest, last, middle, number, turns
from failmap.analysis.diagnosis.training_curves import MIN_END, PROGRESS_LEFT, TrainingCurves

#: A training loss that rises to so many times where it began, or of chance; with batches of fewer than 18
#: sequences, beyond so many deviations of a batch's loss.
OVERSHOOT, LUCK = 2.0, 3.0
#: A loss so many times that of guessing is thrown there by gradients without bound, and not by steps that
#: are too large: Adam at a rate of 1 was seen to reach 700, unclipped gradients 10^5 to 10^10.
EXPLOSION = 1e4
#: Deviation of single training losses against what drawing a batch explains of a squared error.
LARGE_SPREAD = 2.0
#: A training loss this far on the wrong side of guessing, as a skill, at the end.
WORSE_THAN_GUESSING = -0.1
#: A validation loss that jumps by this share of the way from chance to perfection.
LARGE_JITTER = 0.1
#: How far validation may have come for its jumps to be without use.
NOWHERE = 0.2
#: What all updates together must be able to move of a part's norm.
LEAST_TRAVEL = 1.0


def first_steps_overshoot(curves: TrainingCurves) -> tuple[Evidence, ...]:
    """Before the first evaluation the training loss rises to twice where it began, and twice chance.

    Reads `loss_first` and `loss_max` of the first interval. Steps small enough go down (Smith 2017 finds the
    largest useful rate where the loss begins to rise). It says nothing of what was saturated or exploded at
    birth, for that begins high. What small batches explain by themselves does not count.
    """
    if not curves.history:
        return ()
    signals = curves.history[0].signals
    began, highest = number(signals.get("loss_first")), number(signals.get("loss_max"))
    level = max(began, curves.summary.chance_loss)
    if not level > 0 or not highest > _allowed_rise(curves) * level:
        return ()
    update = int(curves.updates[0])
    told = (
        f"the training loss began at {began:.2g} and rose to {highest:.2g} within {update} updates, where "
        f"guessing has {curves.summary.chance_loss:.2g}"
    )
    return (Evidence(told, {"loss_first": began, "loss_max": highest}, None, update),)


def unclipped_steps_overshoot(curves: TrainingCurves) -> tuple[Evidence, ...]:
    """SGD, nothing clips the gradient, and the loss jumps to twice its beginning or units die on the way.

    Reads `train.optimizer`, `train.clip_norm` and `train.clip_value`; `loss_first` and `loss_max`; and
    `dead_units_by_layer`. The jump may come at any time, for a wall in the loss may stand anywhere. A step of
    SGD is as large as the gradient, and one is enough: clipping was made against it (Pascanu et al. 2013).
    Adam's and its kin's are bounded by the rate, so there the rate is the cause.
    """
    is_clipped = curves.setting("train.clip_norm") or curves.setting("train.clip_value")
    if is_clipped or curves.setting("train.optimizer") != "sgd":
        return ()
    losses, began = curves.signal_curve("loss_max"), first(curves.signal_curve("loss_first"))
    level, peak = max(began, curves.summary.chance_loss), largest(losses)
    highest = largest(curves.signal_curve("gradient_norm"))
    clipping = Evidence(
        f"nothing clips the gradient, the largest at an evaluation is {highest:.2g}",
        {"gradient_norm": highest},
    )
    if level > 0 and peak > _allowed_rise(curves) * level:
        update = int(curves.updates[int(np.nanargmax(losses))])
        told = f"the training loss began at {began:.2g} and rose to {peak:.2g} before update {update}"
        return (Evidence(told, {"loss_first": began, "loss_max": peak}, None, update), clipping)
    killed = _killed_layer(curves)
    if killed is None:
        return ()
    told = f"more units of {killed} are dead at the end, most of them, than at update {curves.updates[0]}"
    return (Evidence(told, {}, killed, int(curves.updates[-1])), clipping)


def _killed_layer(curves: TrainingCurves) -> str | None:
    """A layer that is dead at the end, and more so than at the first evaluation."""
    for layer, shares in curves.curves_by_layer("dead_units_by_layer").items():
        if last(shares) >= DEAD_SHARE and last(shares) > first(shares):
            return layer
    return None


def _batch_noise(curves: TrainingCurves) -> float:
    """Deviation of a batch's loss as a share of it: sqrt(2 / B) for means of B squares of normal numbers."""
    batch_size = number(curves.setting("train.batch_size"))
    return math.sqrt(2 / batch_size) if batch_size > 0 else math.nan


def _allowed_rise(curves: TrainingCurves) -> float:
    """How many times its beginning a loss may be by the luck of a batch."""
    by_luck = 1 + LUCK * _batch_noise(curves)
    return max(OVERSHOOT, by_luck) if math.isfinite(by_luck) else OVERSHOOT


def loss_jumps(curves: TrainingCurves) -> tuple[Evidence, ...]:
    """Single losses jump up and down by more than drawing a batch explains, without progress.

    Reads `loss_spread` at the end, `train.batch_size` and the training loss as a skill. What drawing explains
    in losses of guessing (`_batch_noise`) is too little for twice as much anywhere, and for as much where
    training stands worse than guessing: constant outputs would do better, so steps keep throwing them about.
    The first interval does not count, for losses fall there from where they began.
    """
    explained = curves.summary.chance_loss * _batch_noise(curves)
    if len(curves.history) < 2 * MIN_END or curves.progress > PROGRESS_LEFT:
        return ()
    spread = middle(curves.signal_curve("loss_spread")[1:][curves.end])
    allowed = 1.0 if curves.end_train_skill < WORSE_THAN_GUESSING else LARGE_SPREAD
    if not spread > allowed * explained:
        return ()
    told = (
        f"single training losses deviate by {spread:.2g} at the end, where drawing a batch explains "
        f"{explained:.2g}, and their mean does not fall"
    )
    return (Evidence(told, {"loss_spread": spread, "explained": explained}, None, int(curves.updates[-1])),)


def validation_jumps(curves: TrainingCurves) -> tuple[Evidence, ...]:
    """The validation loss jumps from one evaluation to the next, and gets nowhere.

    Reads the validation loss as a skill: its jitter in the second half is a tenth of the way from chance to
    perfection. Validation is the same set each time, so the weights jump.
    """
    later = curves.validation_skill[len(curves.history) // 2 :]
    noise = jitter(later)
    is_nowhere = curves.end_validation_skill < NOWHERE and not curves.progress > PROGRESS_LEFT
    if known(later).size < 5 or not noise > LARGE_JITTER or not is_nowhere or curves.is_running:
        return ()
    told = (
        f"the validation loss jumps by {noise:.0%} of the way from chance to perfection between evaluations, "
        f"and turns at {turns(later):.0%} of them"
    )
    return (Evidence(told, {"jitter": noise}, None, int(curves.updates[-1])),)


def cannot_travel(curves: TrainingCurves) -> tuple[Evidence, ...]:
    """All updates together, even in one direction, could not move any part by its own norm.

    Reads `update_ratio_by_layer` in the first quarter, where networks move most, times the updates that were
    made, or of a training that goes on, those of its budget. Karpathy's notes for CS231n take an update of a
    thousandth for usual: a thousand of them then are one norm.
    """
    early = max(3, len(curves.history) // 4)
    ratios = {
        part: middle(changes[:early])
        for part, changes in curves.curves_by_layer("update_ratio_by_layer").items()
        if known(changes[:early]).size
    }
    if not ratios:
        return ()
    part = max(ratios, key=lambda name: ratios[name])
    num_updates = int(curves.updates[-1])
    if curves.is_running:
        num_updates = max(num_updates, int(number(curves.setting("train.max_updates", 0))))
    travel = ratios[part] * num_updates
    if not travel < LEAST_TRAVEL:
        return ()
    told = (
        f"an update moves {part} by {ratios[part]:.1g} of its norm: {num_updates:,} of them, even in one "
        f"direction, by {travel:.2g}, and every other part by less"
    )
    evidence = {"update_ratio": ratios[part], "travel": travel}
    return (Evidence(told, evidence, part, int(curves.updates[-1])),)


def loss_explodes(curves: TrainingCurves) -> tuple[Evidence, ...]:
    """A training loss of ten thousand times what guessing gets, or more: gradients without bound.

    Reads `loss_max`. Pascanu et al. (2013, section 2.3) show the walls in the loss that throw the weights so
    far.
    """
    losses = curves.signal_curve("loss_max")
    peak, level = largest(losses), curves.summary.chance_loss
    if not level > 0 or not peak > EXPLOSION * level:
        return ()
    where = int((losses == peak).argmax())
    told = (
        f"the training loss rose to {peak:.2g} before update {curves.updates[where]}, where guessing has "
        f"{level:.2g}; the first evaluation's gradient was {first(curves.signal_curve('gradient_norm')):.2g}"
    )
    return (Evidence(told, {"loss_max": peak, "chance_loss": level}, None, int(curves.updates[where])),)
