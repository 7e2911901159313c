"""Whether the output head can say what the targets ask for."""

import math

import numpy as np

from failmap.analysis.diagnosis.diagnosis import Evidence
from failmap.analysis.diagnosis.series import known, least, middle, number
from failmap.analysis.diagnosis.training_curves import TrainingCurves

#: A floor that takes less than this share is rounding of targets.
SMALL_FLOOR_SHARE = 1e-2
#: Share of what learning could gain that a head's floor must take before it is the cause by itself: as in
#: the preflight's `output_floor`.
FLOOR_SHARE = 0.5
#: A training loss within this share of the room between chance and floor is at the floor.
AT_FLOOR_SHARE = 0.1
#: Outputs this close to an end of a range that they never leave are pressed against it.
AT_BOUND, FROM_ELSEWHERE = 0.02, 0.25
#: What comes this near to zero, in spreads of the outputs, and stays above it, is kept from crossing.
CROSSING = 0.01
#: How little the mean of outputs may vary between evaluations, as a share of it, where a softmax holds it.
ADDS_UP = 1e-3
#: A share of evaluations that rules out coincidence.
MOSTLY = 0.8


def floor_too_high(curves: TrainingCurves) -> tuple[Evidence, ...]:
    """The head cannot say what the targets ask for: its least loss is too far above the best possible.

    Reads `loss_floor`, `best_possible_loss` and `chance_loss` of the record, which are known before training.
    It fires where the floor takes half of what learning could gain, as the preflight does, or where a squared
    error's floor lies above the criterion.
    """
    share = _floor_share(curves)
    if not share > _allowed_floor(curves):
        return ()
    summary = curves.summary
    told = (
        f"the head's loss cannot fall below {summary.loss_floor:.3g}, where {curves.best_loss:.3g} is "
        f"perfect and {summary.chance_loss:.3g} is chance: {_head(curves)}"
    )
    return (Evidence(told, {"loss_floor": summary.loss_floor, "chance_loss": summary.chance_loss}),)


def training_at_floor(curves: TrainingCurves) -> tuple[Evidence, ...]:
    """The training loss has come down to the head's floor, and the floor is above the best possible.

    Reads the training loss and the same levels: within a tenth of the room between chance and floor.
    """
    summary, share = curves.summary, _floor_share(curves)
    room = summary.chance_loss - summary.loss_floor
    if not share > SMALL_FLOOR_SHARE or not room > 0:
        return ()
    reached = curves.end_train_skill
    if not reached > (1 - share) * (1 - AT_FLOOR_SHARE):
        return ()
    told = (
        f"the training loss has come down to {curves.train_loss[-1]:.3g}, and the head cannot go below "
        f"{summary.loss_floor:.3g} ({curves.best_loss:.3g} is perfect): {_head(curves)}"
    )
    return (Evidence(told, {"loss_floor": summary.loss_floor}, None, int(curves.updates[-1])),)


def loss_without_end(curves: TrainingCurves) -> tuple[Evidence, ...]:
    """Targets below 0 or above 1 under a loss that takes logits: it falls without end, and says nothing.

    Reads `output.loss`, `output.target_range` and the training loss, which is then below zero.
    """
    is_logits = curves.setting("output.loss") == "bce_with_logits"
    is_shares = curves.setting("output.target_range", "task") == "zero_one"
    lowest = least(curves.train_loss)
    if not is_logits or is_shares or not lowest < 0:
        return ()
    if math.isfinite(curves.summary.loss_floor):
        return ()
    told = f"targets that are no probabilities: the loss falls without end ({lowest:.3g}): {_head(curves)}"
    return (Evidence(told, {"train_loss": lowest}, None, int(curves.updates[-1])),)


def outputs_against_bound(curves: TrainingCurves) -> tuple[Evidence, ...]:
    """Raw outputs that never leave 0..1 or -1..1 and press against an end: an activation nobody asked for.

    Reads `outputs`: of the last linear layer, before the head's activation, so that nothing bounds them.
    """
    seen = [(update, value) for update, value in curves.signals("outputs") if isinstance(value, dict)]
    lows = np.array([number(value.get("least")) for _, value in seen])
    highs = np.array([number(value.get("largest")) for _, value in seen])
    if len(seen) < 2 or not np.isfinite(lows).any():
        return ()
    spreads = [number(value.get("spread")) for _, value in seen]
    low, high = float(np.nanmin(lows)), float(np.nanmax(highs))
    for bottom, top in ((0.0, 1.0), (-1.0, 1.0)):
        is_inside = bottom <= low and high <= top
        # Untrained outputs lie about zero, so an end there must have been come to from elsewhere.
        is_from_elsewhere = bottom < 0 or high > FROM_ELSEWHERE or 0 < lows[-1] < CROSSING * spreads[-1]
        at_bottom = lows[-1] - bottom < AT_BOUND * (top - bottom) and is_from_elsewhere
        at_top = top - highs[-1] < AT_BOUND * (top - bottom)
        if is_inside and (at_bottom or at_top):
            told = (
                f"raw outputs never left {bottom:.0f}..{top:.0f} ({low:.3g} to {high:.3g} in {len(seen)} "
                "evaluations) and stand against its end: they seem to be activated before the head"
            )
            return (Evidence(told, {"least": low, "largest": high}, "readout", seen[-1][0]),)
    means = np.array([number(value.get("mean")) for _, value in seen])
    if low >= 0 and high <= 1 and 0 < middle(means) < 1 and np.ptp(known(means)) < ADDS_UP * middle(means):
        told = (
            f"raw outputs lie within 0..1 and their mean is {middle(means):.4g} at all {len(seen)} "
            "evaluations: they add up to one before the head"
        )
        return (Evidence(told, {"mean": middle(means)}, "readout", seen[-1][0]),)
    if float((lows == 0).mean()) > MOSTLY:
        told = (
            f"the least raw output is exactly 0 at most of {len(seen)} evaluations: outputs are rectified "
            "before the head"
        )
        return (Evidence(told, {"least": 0.0, "largest": high}, "readout", seen[-1][0]),)
    return ()


def _floor_share(curves: TrainingCurves) -> float:
    """What share of all that learning could gain lies below the head's floor; NaN where nobody knows."""
    summary = curves.summary
    room = summary.chance_loss - curves.best_loss
    return (summary.loss_floor - curves.best_loss) / room if room > 0 else math.nan


def _allowed_floor(curves: TrainingCurves) -> float:
    """Of a squared error what its criterion leaves over; else half of what there is to gain."""
    if curves.is_blind or curves.setting("output.loss") != "mse" or curves.summary.metric == "accuracy":
        return FLOOR_SHARE
    target = curves.summary.target_score
    return min(FLOOR_SHARE, 1 - target) if math.isfinite(target) else FLOOR_SHARE


def _head(curves: TrainingCurves) -> str:
    output = {
        name: curves.setting(f"output.{name}", "none") for name in ("activation", "target_range", "loss")
    }
    return ", ".join(f"output.{name}={value}" for name, value in output.items())
