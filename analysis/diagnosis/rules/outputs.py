"""Rules about output heads that cannot produce the targets."""

import math
from collections.abc import Iterator

import numpy as np

from failmap.analysis.diagnosis.diagnosis import Evidence, above, below
from failmap.analysis.diagnosis.series import curve, known, least, middle
from failmap.analysis.diagnosis.training_curves import TrainingCurves
from failmap.run_folder.metrics import is_larger_better

#: Share of a floor below which it is rounding of the targets.
SMALL_FLOOR_SHARE = 1e-2
#: Share of the possible gain that a head's floor must take to be the cause by itself, as in the preflight's
#: `output_floor`.
FLOOR_SHARE = 0.5
#: Distance of a training loss from the floor, as a share of the range between chance and floor.
AT_FLOOR_SHARE = 0.1
#: Distance from the end of a range at which outputs that never leave it are pressed against it.
AT_BOUND, FROM_ELSEWHERE = 0.02, 0.25
#: Distance from zero, in standard deviations of the outputs, at which positive outputs are kept from crossing
#: it.
CROSSING = 0.01
#: Relative variation of the mean of outputs between evaluations that a softmax allows.
ADDS_UP = 1e-3
#: Share of evaluations that rules out coincidence.
MOSTLY = 0.8


def floor_too_high(curves: TrainingCurves) -> Iterator[Evidence]:
    """Detect a head that cannot produce the targets: its floor is too far above the best possible loss.

    Reads `loss_floor`, `best_possible_loss` and `chance_loss` of the record, which are known before training.
    It applies if the floor takes half of the possible gain, as in the preflight, or if the floor of a squared
    error is above the criterion.
    """
    share = _floor_share(curves)
    if share > _allowed_floor(curves):
        summary = curves.summary
        told = (
            f"the head's loss cannot fall below {summary.loss_floor:.3g}, where {curves.best_loss:.3g} is "
            f"perfect and {summary.chance_loss:.3g} is chance: {_head(curves)}"
        )
        values = {"loss_floor": summary.loss_floor, "chance_loss": summary.chance_loss}
        yield Evidence(told, values, limits=(above("floor_share", share, _allowed_floor(curves)),))


def training_at_floor(curves: TrainingCurves) -> Iterator[Evidence]:
    """Detect a training loss at the head's floor, if that is above the best possible loss.

    Reads the training loss and the same levels: within a tenth of the range between chance and floor.
    """
    summary, share = curves.summary, _floor_share(curves)
    room = summary.chance_loss - summary.loss_floor
    if not share > SMALL_FLOOR_SHARE or not room > 0:
        return
    reached = curves.end_train_skill
    if reached > (1 - share) * (1 - AT_FLOOR_SHARE):
        told = (
            f"the training loss fell to {curves.train_loss[-1]:.3g}, and the head cannot go below "
            f"{summary.loss_floor:.3g} ({curves.best_loss:.3g} is perfect): {_head(curves)}"
        )
        limits = (
            above("train_skill", reached, (1 - share) * (1 - AT_FLOOR_SHARE)),
            above("floor_share", share, SMALL_FLOOR_SHARE),
        )
        yield Evidence(told, {"loss_floor": summary.loss_floor}, None, curves.updates[-1], limits)


def loss_without_end(curves: TrainingCurves) -> Iterator[Evidence]:
    """Detect targets outside 0..1 with a loss of logits, which then falls without bound.

    Reads `output.loss`, `output.target_range` and the training loss, which is then below zero.
    """
    is_logits = curves.setting("output.loss") == "bce_with_logits"
    is_shares = curves.setting("output.target_range", "task") == "zero_one"
    lowest = least(curves.train_loss)
    is_bounded = is_shares or math.isfinite(curves.summary.loss_floor)
    if is_logits and not is_bounded and lowest < 0:
        told = f"targets are not probabilities: the loss falls without bound ({lowest:.3g}): {_head(curves)}"
        limit = below("train_loss", lowest, 0.0)
        yield Evidence(told, {"train_loss": lowest}, None, curves.updates[-1], (limit,))


def outputs_against_bound(curves: TrainingCurves) -> Iterator[Evidence]:
    """Detect raw outputs that never leave 0..1 or -1..1: an activation that is not configured.

    Reads `outputs` of the last linear layer before the head's activation, which nothing should bound.
    """
    seen = [(update, value) for update, value in curves.signals("outputs") if isinstance(value, dict)]
    lows = curve([value.get("least") for _, value in seen])
    highs = curve([value.get("largest") for _, value in seen])
    if len(seen) < 2 or not np.isfinite(lows).any():
        return
    spreads = curve([value.get("spread") for _, value in seen])
    low, high = float(np.nanmin(lows)), float(np.nanmax(highs))
    for bottom, top in ((0.0, 1.0), (-1.0, 1.0)):
        is_inside = bottom <= low and high <= top
        # Untrained outputs are near zero, so outputs at an end of zero must have moved there.
        is_from_elsewhere = bottom < 0 or high > FROM_ELSEWHERE or 0 < lows[-1] < CROSSING * spreads[-1]
        at_bottom = lows[-1] - bottom < AT_BOUND * (top - bottom) and is_from_elsewhere
        at_top = top - highs[-1] < AT_BOUND * (top - bottom)
        if is_inside and (at_bottom or at_top):
            told = (
                f"raw outputs never left {bottom:.0f}..{top:.0f} ({low:.3g} to {high:.3g} in {len(seen)} "
                "evaluations) and are at its end: there seems to be an activation before the head"
            )
            limits = (above("least", low, bottom), below("largest", high, top))
            yield Evidence(told, {"least": low, "largest": high}, "readout", seen[-1][0], limits)
            return
    means = curve([value.get("mean") for _, value in seen])
    if low >= 0 and high <= 1 and 0 < middle(means) < 1 and np.ptp(known(means)) < ADDS_UP * middle(means):
        told = (
            f"raw outputs are within 0..1 and their mean is {middle(means):.4g} at all {len(seen)} "
            "evaluations: they add up to one before the head"
        )
        limit = below("range_of_means", float(np.ptp(known(means))), ADDS_UP * middle(means))
        yield Evidence(told, {"mean": middle(means)}, "readout", seen[-1][0], (limit,))
        return
    zero_share = float((lows == 0).mean())
    if zero_share > MOSTLY:
        told = (
            f"the least raw output is exactly 0 at most of {len(seen)} evaluations: outputs are rectified "
            "before the head"
        )
        limit = above("share_of_zeros", zero_share, MOSTLY)
        yield Evidence(told, {"least": 0.0, "largest": high}, "readout", seen[-1][0], (limit,))


def _floor_share(curves: TrainingCurves) -> float:
    """Return the share of the possible gain that is below the head's floor; NaN if unknown."""
    summary = curves.summary
    room = summary.chance_loss - curves.best_loss
    return (summary.loss_floor - curves.best_loss) / room if room > 0 else math.nan


def _allowed_floor(curves: TrainingCurves) -> float:
    """Return the largest harmless share: for a squared error what its criterion leaves, else a half."""
    if curves.is_blind or curves.setting("output.loss") != "mse" or is_larger_better(curves.summary.metric):
        return FLOOR_SHARE
    target = curves.summary.target_score
    return min(FLOOR_SHARE, 1 - target) if math.isfinite(target) else FLOOR_SHARE


def _head(curves: TrainingCurves) -> str:
    paths = ("output.activation", "output.target_range", "output.loss")
    return ", ".join(f"{path}={curves.setting(path, 'none')}" for path in paths)
