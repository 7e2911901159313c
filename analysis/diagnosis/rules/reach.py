"""How far gradients reach back in time, and how much gets through the layers."""

import math
from collections.abc import Iterator

import numpy as np

from failmap.analysis.diagnosis.diagnosis import Evidence
from failmap.analysis.diagnosis.series import first, known, last, middle
from failmap.analysis.diagnosis.training_curves import TrainingCurves

#: Below this share of the last step's gradient a first step is as good as not seen. An LSTM at torch's
#: initialization halves the gradient at each step: 13 steps.
REACHED_SHARE = 1e-4
#: A network that begins below this and fails spent its training on getting there. Those that learned began
#: with 5e-5 or more.
BEGAN_SHARE = 1e-5
#: An LSTM at torch's initialization loses a factor of 4 a layer; four layers of it are less than a hundredth,
#: where the preflight warns.
SPREAD_SHARE = 1e-2
#: A tenth a layer is less than any initialization of ours leaves.
SPREAD_FACTOR = 0.1
#: From so many layers on, a tenth altogether tells of depth: healthy ones with a bypass lose nothing.
DEEP, DEEP_SPREAD_SHARE = 4, 0.1
#: A layer's gradient against that of the layer on top: the same share as of the spread. AutoTrainer (Zhang et
#: al., ICSE 2021) asks for a thousandth.
DEPTH_GRADIENT_SHARE = 1e-2


def gradient_fades_in_time(curves: TrainingCurves) -> tuple[Evidence, ...]:
    """Less than 1e-4 of the last step's gradient is left at the first throughout, or less than 1e-5 at first.

    Reads `gradient_share_at_first` and `gradient_reach_steps`, or `gradient_norm_by_step` where one label
    stands at the end. Products of the recurrent Jacobian fall by its largest singular value a step
    (Hochreiter 1991; Bengio et al. 1994; Pascanu et al. 2013). The median counts: a network that learns to
    look back lifts it on the way.
    """
    if not curves.is_recurrent:
        return ()
    shares = _shares_at_first(curves)
    if not shares:
        return ()
    median = float(np.median([share for _, share in shares]))
    (_, began), (final_update, final) = shares[0], shares[-1]
    if not (max(began, median, final) < REACHED_SHARE or began < BEGAN_SHARE):
        return ()
    told = f"of the gradient at the last step {final:.1g} is left at step 1"
    values = {"gradient_share_at_first": final}
    reach = known(curves.signal_curve("gradient_reach_steps"))
    if reach.size:
        told += f"; a thousandth is left {reach[-1]:.0f} of {curves.num_steps} steps back"
        values["gradient_reach_steps"] = float(reach[-1])
    found = [Evidence(f"{told} (update {final_update})", values, None, final_update)]
    return (*found, *_short_memory(curves))


def input_fades_in_depth(curves: TrainingCurves) -> tuple[Evidence, ...]:
    """Little of the lowest layer's spread over inputs is left on top.

    Reads `spread_by_layer` at the first evaluation, and medians over all: a hundredth, or a tenth in a stack
    of four layers or more, or a tenth a layer. What does not differ between inputs
    cannot be told apart by what is above (Schoenholz et al. 2017 derive the depth to which it does).
    """
    by_layer = curves.curves_by_layer("spread_by_layer")
    for told_when, measure in (("at first", first), ("in the median", middle)):
        spreads = {layer: measure(values) for layer, values in by_layer.items() if known(values).size}
        # A decoder sees no more of the input than the encoder's last state: that is no depth.
        stack = next(iter(spreads), "").split(".")[0]
        spreads = {layer: spread for layer, spread in spreads.items() if layer.split(".")[0] == stack}
        if len(spreads) < 2:
            return ()
        (lowest, below), *_, (top, above) = spreads.items()
        share = above / below if below > 0 else math.nan
        factor = share ** (1 / (len(spreads) - 1))
        allowed = DEEP_SPREAD_SHARE if len(spreads) >= DEEP else SPREAD_SHARE
        if share < allowed or factor < SPREAD_FACTOR:
            told = (
                f"{told_when} states differ between inputs by {below:.1g} in {lowest} and by {above:.1g} in "
                f"{top}: a factor of {factor:.2g} a layer"
            )
            return (Evidence(told, {"spread_lowest": below, "spread_top": above}, top),)
    return ()


def gradient_fades_in_depth(curves: TrainingCurves) -> tuple[Evidence, ...]:
    """The lowest layer's gradient is a hundredth of the top layer's, throughout.

    Reads `gradient_norm_by_layer` (Glorot and Bengio 2010, section 4.2): medians over evaluations.
    """
    norms = curves.curves_by_layer("gradient_norm_by_layer")
    layers = {name: middle(curve) for name, curve in norms.items() if "layers." in name or "encoder." in name}
    if len(layers) < 3:
        return ()
    (lowest, below), *_, (top, above) = layers.items()
    if not 0 < below < DEPTH_GRADIENT_SHARE * above:
        return ()
    told = f"the gradient of {lowest} is {below:.1g}, that of {top} {above:.1g} (medians)"
    return (Evidence(told, {"gradient_lowest": below, "gradient_top": above}, lowest),)


def _shares_at_first(curves: TrainingCurves) -> list[tuple[int, float]]:
    """The first step's gradient as a share of the last step's, with its update."""
    told = curves.numbers("gradient_share_at_first")
    if told or curves.setting("task.supervision", "last") != "last":
        return told
    return [
        (update, float(norms[0] / norms[-1]))
        for update, norms in curves.lists("gradient_norm_by_step")
        if norms.size > 1 and norms[-1] > 0 and math.isfinite(norms[0])
    ]


def _short_memory(curves: TrainingCurves) -> Iterator[Evidence]:
    """What the gates say of it: how long the layer keeps what it has, against how long it would have to."""
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
        told = (
            f"{layer} keeps what it holds for {ended:.2g} steps ({began:.2g} at first), of {curves.num_steps}"
        )
        yield Evidence(told, {"memory_steps": ended}, layer, int(curves.updates[-1]))
