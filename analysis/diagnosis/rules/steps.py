"""Rules about updates that are too large or too small."""

import math
from collections.abc import Iterator

import numpy as np

from failmap.analysis.diagnosis.diagnosis import Evidence, above, below
from failmap.analysis.diagnosis.rules.units import DEAD_SHARE
from failmap.analysis.diagnosis.series import first, jitter, known, largest, last, middle, number, turns
from failmap.analysis.diagnosis.training_curves import MIN_END, PROGRESS_LEFT, TrainingCurves

#: Ratio of a rising training loss to its start and to chance; for batches of fewer than 18 sequences, number
#: of standard deviations of a batch's loss instead.
OVERSHOOT, LUCK = 2.0, 3.0
#: Ratio to the loss of guessing that only unbounded gradients reach, not too large steps: Adam with a rate of
#: 1 reached 700, unclipped gradients 10^5 to 10^10.
EXPLOSION = 1e4
#: The same beyond any doubt, unless the training came half of the way to perfection.
BEYOND, HALF_WAY = 1e6, 0.5
#: The same where units have no bound and gradients are not clipped.
UNBOUNDED_EXPLOSION = 100.0
#: Ratio of the standard deviation of single training losses to that of a squared error by drawing batches.
LARGE_SPREAD = 2.0
#: Final skill of a training loss that is worse than guessing.
WORSE_THAN_GUESSING = -0.1
#: Jitter of a validation skill that jumps.
LARGE_JITTER = 0.1
#: Validation skill below which jumps have led nowhere.
NOWHERE = 0.2
#: Distance that all updates together must be able to move a part of the network, in norms of that part.
LEAST_TRAVEL = 1.0


def first_steps_overshoot(curves: TrainingCurves) -> Iterator[Evidence]:
    """Detect a training loss that rises to twice its start and twice chance before the first evaluation.

    Reads `loss_first` and `loss_max` of the first interval. Small enough steps descend (Smith 2017 finds the
    largest useful rate where the loss starts to rise). Networks that are saturated or explode at
    initialization start high and are not detected. What small batches explain does not count.
    """
    if not curves.history:
        return
    signals = curves.history[0].signals
    began, highest = number(signals.get("loss_first")), number(signals.get("loss_max"))
    level = max(began, curves.summary.chance_loss)
    if level > 0 and highest > _allowed_rise(curves) * level:
        update = curves.updates[0]
        told = (
            f"the training loss started at {began:.2g} and rose to {highest:.2g} within {update} updates, "
            f"where guessing has {curves.summary.chance_loss:.2g}"
        )
        limit = above("loss_max", highest, _allowed_rise(curves) * level)
        yield Evidence(told, {"loss_first": began, "loss_max": highest}, None, update, (limit,))


def unclipped_steps_overshoot(curves: TrainingCurves) -> Iterator[Evidence]:
    """Detect SGD without clipping whose loss jumps to twice its start or whose units die.

    Reads `train.optimizer`, `train.clip_norm` and `train.clip_value`; `loss_first` and `loss_max`; and
    `dead_units_by_layer`. The jump may come at any time, since a wall of the loss may be anywhere. A step of
    SGD is as large as the gradient, and one is enough: this is what clipping prevents (Pascanu et al. 2013).
    The learning rate bounds the steps of Adam and its variants, so there the rate is the cause.
    """
    if curves.is_clipped or curves.setting("train.optimizer") != "sgd":
        return
    losses, began = curves.signal_curve("loss_max"), first(curves.signal_curve("loss_first"))
    level, peak = max(began, curves.summary.chance_loss), largest(losses)
    highest = largest(curves.signal_curve("gradient_norm"))
    if level > 0 and peak > _allowed_rise(curves) * level:
        update = curves.updates[np.nanargmax(losses)]
        told = f"the training loss started at {began:.2g} and rose to {peak:.2g} before update {update}"
        limit = above("loss_max", peak, _allowed_rise(curves) * level)
        yield Evidence(told, {"loss_first": began, "loss_max": peak}, None, update, (limit,))
    elif killed := _killed_layer(curves):
        told = f"most units of {killed} are dead at the end, more than at update {curves.updates[0]}"
        share = last(curves.curves_by_layer("dead_units_by_layer")[killed])
        limit = above("dead_units", share, DEAD_SHARE)
        yield Evidence(told, {"dead_units": share}, killed, curves.updates[-1], (limit,))
    else:
        return
    told = f"nothing clips the gradient, the largest at an evaluation is {highest:.2g}"
    yield Evidence(told, {"gradient_norm": highest})


def _killed_layer(curves: TrainingCurves) -> str | None:
    """Return a layer that is dead at the end, and more so than at the first evaluation."""
    for layer, shares in curves.curves_by_layer("dead_units_by_layer").items():
        if last(shares) >= DEAD_SHARE and last(shares) > first(shares):
            return layer
    return None


def _batch_noise(curves: TrainingCurves) -> float:
    """Return a batch's relative standard deviation: sqrt(2 / B) for means of B squared normal numbers."""
    batch_size = number(curves.setting("train.batch_size"))
    return math.sqrt(2 / batch_size) if batch_size > 0 else math.nan


def _allowed_rise(curves: TrainingCurves) -> float:
    """Return the ratio to its start that a loss may reach by the luck of a batch."""
    by_luck = 1 + LUCK * _batch_noise(curves)
    return max(OVERSHOOT, by_luck) if math.isfinite(by_luck) else OVERSHOOT


def loss_jumps(curves: TrainingCurves) -> Iterator[Evidence]:
    """Detect single losses that jump by more than drawing batches explains, without progress.

    Reads `loss_spread` at the end, `train.batch_size` and the training loss as a skill. The threshold is
    twice the deviation that drawing batches explains for guessing (`_batch_noise`), and once if training is
    worse than guessing: constant outputs would do better, so the steps must throw them off. The first
    interval does not count, since losses fall from their start there.
    """
    explained = curves.summary.chance_loss * _batch_noise(curves)
    if len(curves.history) < 2 * MIN_END or curves.progress > PROGRESS_LEFT:
        return
    spread = middle(curves.signal_curve("loss_spread")[1:][curves.end])
    allowed = 1.0 if curves.end_train_skill < WORSE_THAN_GUESSING else LARGE_SPREAD
    if spread > allowed * explained:
        told = (
            f"single training losses deviate by {spread:.2g} at the end, where drawing batches explains "
            f"{explained:.2g}, and their mean does not fall"
        )
        values = {"loss_spread": spread, "explained": explained}
        limit = above("loss_spread", spread, allowed * explained)
        yield Evidence(told, values, None, curves.updates[-1], (limit,))


def validation_jumps(curves: TrainingCurves) -> Iterator[Evidence]:
    """Detect a validation loss that jumps between evaluations without getting anywhere.

    Reads the validation loss as a skill: its jitter in the second half is a tenth of the way from chance to
    perfection. Validation is the same set each time, so the weights jump. A score alone, as an own training
    function may report, can be of other data each time.
    """
    if not known(curves.validation_loss).size:
        return
    later = curves.validation_skill[len(curves.history) // 2 :]
    noise = jitter(later)
    is_nowhere = curves.end_validation_skill < NOWHERE and not curves.progress > PROGRESS_LEFT
    if known(later).size < 5 or not noise > LARGE_JITTER or not is_nowhere or curves.is_running:
        return
    told = (
        f"the validation loss jumps by {noise:.0%} of the way from chance to perfection between evaluations, "
        f"and changes direction at {turns(later):.0%} of them"
    )
    limit = above("jitter", noise, LARGE_JITTER)
    yield Evidence(told, {"jitter": noise}, None, curves.updates[-1], (limit,))


def cannot_travel(curves: TrainingCurves) -> Iterator[Evidence]:
    """Detect updates that, even all in one direction, cannot move any part of the network by its norm.

    Reads `update_ratio_by_layer` in the first quarter, where networks move most, times the number of
    updates, or of an unfinished training, of its budget. According to Karpathy's notes for CS231n an update
    is usually a thousandth, so that a thousand of them are one norm.
    """
    early = max(3, len(curves.history) // 4)
    ratios = {
        part: middle(changes[:early])
        for part, changes in curves.curves_by_layer("update_ratio_by_layer").items()
        if known(changes[:early]).size
    }
    if not ratios:
        return
    part = max(ratios, key=lambda name: ratios[name])
    num_updates = curves.updates[-1]
    if curves.is_running:
        num_updates = max(num_updates, int(number(curves.setting("train.max_updates", 0))))
    travel = ratios[part] * num_updates
    if travel < LEAST_TRAVEL:
        told = (
            f"an update moves {part} by {ratios[part]:.1g} of its norm: {num_updates:,} of them, even in one "
            f"direction, by {travel:.2g}, and every other part by less"
        )
        values = {"update_ratio": ratios[part], "travel": travel}
        limit = below("travel", travel, LEAST_TRAVEL)
        yield Evidence(told, values, part, curves.updates[-1], (limit,))


def loss_leaves_range(curves: TrainingCurves) -> Iterator[Evidence]:
    """Detect a training loss a million times that of guessing, which no scale of the data explains.

    Reads `loss_max` and `loss_first`: the peak is also ten thousand times the first loss, so that it was the
    training that led there, and less than half of the way to perfection was made since.
    """
    peak, level = largest(curves.signal_curve("loss_max")), curves.summary.chance_loss
    start = first(curves.signal_curve("loss_first"))
    if level > 0 and peak > max(BEYOND * level, EXPLOSION * start) and curves.end_validation_skill < HALF_WAY:
        told = f"the training loss rose to {peak:.2g}, from {start:.2g}; guessing has {level:.2g}"
        limit = above("loss_max", peak, max(BEYOND * level, EXPLOSION * start))
        yield Evidence(told, {"loss_max": peak, "chance_loss": level}, limits=(limit,))


def loss_explodes(curves: TrainingCurves) -> Iterator[Evidence]:
    """Detect a training loss that only unbounded gradients reach: ten thousand times that of guessing.

    Reads `loss_max`, and `model.nonlinearity`, `train.clip_norm` and `train.clip_value`: where units have no
    bound and nothing clips the gradient, a hundred times suffice. Pascanu et al. (2013, section 2.3) show the
    walls of the loss that throw the weights so far.
    """
    losses, gradient = curves.signal_curve("loss_max"), first(curves.signal_curve("gradient_norm"))
    peak, level = largest(losses), curves.summary.chance_loss
    factor = EXPLOSION if curves.is_clipped or not curves.is_unbounded else UNBOUNDED_EXPLOSION
    if level > 0 and peak > factor * level:
        where = int((losses == peak).argmax())
        told = (
            f"the training loss rose to {peak:.2g} before update {curves.updates[where]}, where guessing has "
            f"{level:.2g}; the first evaluation's gradient was {gradient:.2g}"
        )
        values = {"loss_max": peak, "chance_loss": level}
        limit = above("loss_max", peak, factor * level)
        yield Evidence(told, values, None, curves.updates[where], (limit,))
