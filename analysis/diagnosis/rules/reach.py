"""Rules about gradients that vanish in time, and gradients or inputs that vanish in depth."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from failmap.analysis.diagnosis.diagnosis import Evidence, below
from failmap.analysis.diagnosis.series import first, known, last, middle, number
from failmap.analysis.diagnosis.training_curves import TrainingCurves

#: Share of the last step's gradient below which the first step has practically none. An LSTM with torch's
#: initialization halves the gradient at each step, so that 13 steps suffice.
REACHED_SHARE = 1e-4
#: The same at the first evaluation: a network that starts below this spends its training on reaching back.
#: Those that learned started with 5e-5 or more.
BEGAN_SHARE = 1e-5
#: Such a network must not have reached back in most of its training.
STILL_SHARE = 1e-2
#: Correlation of the targets with a prediction from the last steps alone.
LATE = 0.25
#: What the whole sequence adds to that correlation, so that earlier steps matter.
EARLIER = 0.2
#: Share of the lowest layer's spread over inputs that must be left at the top. An LSTM with torch's
#: initialization loses a factor of 4 per layer; below a hundredth, after four layers, the preflight warns as
#: well.
SPREAD_SHARE = 1e-2
#: Share that must be left per layer; every initialization here leaves more than a tenth.
SPREAD_FACTOR = 0.1
#: Share that must be left in stacks of at least four layers, since healthy ones with a bypass lose nothing.
DEEP, DEEP_SPREAD_SHARE = 4, 0.1
#: Share of the top layer's gradient that the lowest layer must have, the same as of the spread. AutoTrainer
#: (Zhang et al., ICSE 2021) uses a thousandth.
DEPTH_GRADIENT_SHARE = 1e-2


def gradient_fades_in_time(curves: TrainingCurves) -> Iterator[Evidence]:
    """Detect a first step with 1e-4 of the last step's gradient throughout, or 1e-5 at the first evaluation.

    Reads `gradient_share_at_first` and `gradient_reach_steps`, or `gradient_norm_by_step` for a single label
    at the end. Products of the recurrent Jacobian shrink by its largest singular value per step (Hochreiter
    1991; Bengio et al. 1994; Pascanu et al. 2013). The median counts, since a network that learns to look
    back raises the share during training. Of somebody's own loop, `late_dependence` and `label_dependence` as
    well: where the last steps alone predict the targets, what lies far back is not what keeps a network at
    chance; and one that has left chance may be as good as its data allow, unless the whole sequence predicts
    more than its last steps.
    """
    shares = curves.numbers("gradient_share_at_first") or curves.first_step_shares(2)
    if not shares or not curves.is_recurrent or _is_late_enough(curves):
        return
    median = float(np.median([share for _, share in shares]))
    (began_update, began), (final_update, final) = shares[0], shares[-1]
    most = max(began, median, final)
    if most < REACHED_SHARE:
        limit = below("gradient_share_at_first", most, REACHED_SHARE)
    elif began < BEGAN_SHARE and median < STILL_SHARE:
        limit = below("gradient_share_at_first", began, BEGAN_SHARE)
    else:
        return
    told = (
        f"of the gradient at the last step, step 1 has {began:.1g} at update {began_update}, {median:.1g} in "
        f"the median, {final:.1g} at update {final_update}"
    )
    values = {"gradient_share_at_first": limit.value}
    reach = known(curves.signal_curve("gradient_reach_steps"))
    if reach.size:
        steps_back = middle(reach)
        told += f"; a thousandth is left {steps_back:.0f} of {curves.num_steps} steps back in the median"
        values["gradient_reach_steps"] = steps_back
    yield Evidence(told, values, None, final_update, (limit,))
    yield from _short_memory(curves)


def input_fades_in_depth(curves: TrainingCurves) -> Iterator[Evidence]:
    """Detect a stack of layers with little of the lowest layer's spread over inputs left at the top.

    Reads `spread_by_layer` at the first evaluation, and medians over all: a hundredth, or a tenth in a stack
    of four layers or more, or a tenth per layer. Higher layers cannot distinguish inputs with the same states
    (Schoenholz et al. 2017 derive the depth from which on states are the same).
    """
    by_layer = curves.curves_by_layer("spread_by_layer")
    for when, measure in (("at first", first), ("in the median", middle)):
        spreads = {layer: measure(values) for layer, values in by_layer.items() if known(values).size}
        # A decoder only sees the encoder's last state, so it does not add to the depth.
        stack = next(iter(spreads), "").split(".")[0]
        spreads = {layer: spread for layer, spread in spreads.items() if layer.split(".")[0] == stack}
        if len(spreads) < 2:
            return
        (lowest, in_lowest), *_, (top, in_top) = spreads.items()
        share = in_top / in_lowest if in_lowest > 0 else math.nan
        factor = share ** (1 / (len(spreads) - 1))
        allowed = DEEP_SPREAD_SHARE if len(spreads) >= DEEP else SPREAD_SHARE
        if share < allowed or factor < SPREAD_FACTOR:
            told = (
                f"{when} states differ between inputs by {in_lowest:.1g} in {lowest} and by {in_top:.1g} in "
                f"{top}: a factor of {factor:.2g} per layer"
            )
            limit = (
                below("spread_share", share, allowed)
                if share < allowed
                else below("spread_factor", factor, SPREAD_FACTOR)
            )
            values = {"spread_lowest": in_lowest, "spread_top": in_top}
            yield Evidence(told, values, top, limits=(limit,))
            return


def gradient_fades_in_depth(curves: TrainingCurves) -> Iterator[Evidence]:
    """Detect a lowest layer with a hundredth of the top layer's gradient.

    Reads `gradient_norm_by_layer` (Glorot and Bengio 2010, section 4.2): medians over evaluations.
    """
    norms = curves.curves_by_layer("gradient_norm_by_layer")
    layers = {name: middle(curve) for name, curve in norms.items() if "layers." in name or "encoder." in name}
    if len(layers) < 3:
        return
    (lowest, in_lowest), *_, (top, in_top) = layers.items()
    if 0 < in_lowest < DEPTH_GRADIENT_SHARE * in_top:
        told = f"the gradient of {lowest} is {in_lowest:.1g}, that of {top} {in_top:.1g} (medians)"
        values = {"gradient_lowest": in_lowest, "gradient_top": in_top}
        limit = below("gradient_share", in_lowest / in_top, DEPTH_GRADIENT_SHARE)
        yield Evidence(told, values, lowest, limits=(limit,))


def _is_late_enough(curves: TrainingCurves) -> bool:
    """Return whether the last few steps of somebody's own loop do, as far as is known."""
    if curves.record.purpose != "watched" and not curves.record.is_own:
        return False
    late, whole = (_correlation(curves.last_signal(name)) for name in ("late_dependence", "label_dependence"))
    if curves.ends_away_from_chance:
        return not whole - late > EARLIER
    return late >= LATE


def _correlation(found: Any) -> float:
    """Return the larger correlation of two probes with the targets, or NaN."""
    if not isinstance(found, dict):
        return math.nan
    return max(number(found.get("linear")), number(found.get("neighbour")))


def _short_memory(curves: TrainingCurves) -> Iterator[Evidence]:
    """Yield the memory of the gates as evidence if it is shorter than the input."""
    memories = {
        layer: (first(curve), last(curve))
        for layer, curve in curves.curves_by_layer("memory_steps_by_layer").items()
        if known(curve).size
    }
    if not memories:
        return
    layer = max(memories, key=lambda name: memories[name][1])
    began, ended = memories[layer]
    if ended < curves.num_steps:
        told = f"{layer} keeps its state for {ended:.2g} of {curves.num_steps} steps ({began:.2g} at first)"
        limit = below("memory_steps", ended, curves.num_steps)
        yield Evidence(told, {"memory_steps": ended}, layer, curves.updates[-1], (limit,))
