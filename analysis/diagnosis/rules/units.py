"""Rules about units that are always zero or always saturated."""

from collections.abc import Iterator

import numpy as np

from failmap.analysis.diagnosis.diagnosis import Evidence, above
from failmap.analysis.diagnosis.series import curve, first, known, last, least
from failmap.analysis.diagnosis.training_curves import TrainingCurves

#: Share of dead units from which on a layer passes little on. AutoTrainer (Zhang et al., ICSE 2021) diagnoses
#: dying ReLUs if 70 % of a gradient's entries are zero.
DEAD_SHARE = 0.7
#: Share of saturated units of a layer. Glorot and Bengio (2010, section 3) found whole layers of tanh
#: saturated, from the lowest up; SageMaker Debugger's SaturatedActivation uses a half as well.
SATURATED_SHARE = 0.5
#: Share of a gate's activations near 0 or 1. Healthy networks start with less than a tenth and learn with up
#: to a half.
SATURATED_GATES = 0.6
#: Standard deviation over inputs of a state within -1..1, at the first and the last evaluation; a coin has 1.
SATURATED_SPREAD, STILL_SATURATED_SPREAD = 0.8, 0.65
#: Change by the updates before the first evaluation, as a share of a layer's norm, up to which it is as
#: initialized.
AS_INITIALIZED = 0.1


def units_dead(curves: TrainingCurves) -> Iterator[Evidence]:
    """Detect a layer in which most units are zero for every sequence at every step.

    Reads `dead_units_by_layer` at the end, of validation sequences.
    """
    return _worst_layer(curves, "dead_units_by_layer", DEAD_SHARE, "are zero for every input")


def units_saturated(curves: TrainingCurves) -> Iterator[Evidence]:
    """Detect a layer in which half of the units are at an end of their range in nearly all steps.

    Reads `saturated_units_by_layer` at the end: units beyond 0.99 of their bound in 95 % of all steps. There
    the derivative of tanh is below 0.02. A running training is not judged, since one that learned passed
    through this state.
    """
    if not curves.is_running:
        told = "are at an end of their range in nearly all steps"
        yield from _worst_layer(curves, "saturated_units_by_layer", SATURATED_SHARE, told)


def saturated_from_birth(curves: TrainingCurves) -> Iterator[Evidence]:
    """Detect gates or tanh units at the ends of their range from the first evaluation to the last.

    Reads `saturation_by_layer`: three fifths of the activations of each of a layer's gates below 0.1 or above
    0.9 (Karpathy et al. 2015); and, of tanh networks, `spread_by_layer`: a number within -1..1 with
    a standard deviation of 0.8 is nearly always at an end. Initial weights of the wrong size cause this
    (Glorot and Bengio 2010), but so do too large steps: the updates before the first evaluation, were they
    all in one direction, must not have moved the layer by a tenth of its norm (`update_ratio_by_layer`).
    """
    for layer, (began, ended) in _gate_shares(curves).items():
        if min(began, ended) >= SATURATED_GATES and _is_as_initialized(curves, layer):
            told = (
                f"at least {began:.0%} of the activations of each gate of {layer} are below 0.1 or above 0.9 "
                f"at update {curves.updates[0]}, {ended:.0%} at the end"
            )
            limit = above("saturation", min(began, ended), SATURATED_GATES)
            yield Evidence(told, {"saturation": began}, layer, curves.updates[0], (limit,))
            return
    if curves.setting("model.nonlinearity") != "tanh":
        return
    for layer, spreads in curves.curves_by_layer("spread_by_layer").items():
        stays = first(spreads) >= SATURATED_SPREAD and last(spreads) >= STILL_SATURATED_SPREAD
        if stays and _is_as_initialized(curves, layer):
            told = (
                f"the states of {layer}, within -1..1, deviate by {first(spreads):.2f} between inputs at "
                f"update {curves.updates[0]}, {last(spreads):.2f} at the end: nearly all are at an end"
            )
            limits = (
                above("spread", first(spreads), SATURATED_SPREAD),
                above("spread_at_end", last(spreads), STILL_SATURATED_SPREAD),
            )
            yield Evidence(told, {"spread": first(spreads)}, layer, curves.updates[0], limits)
            return


def _is_as_initialized(curves: TrainingCurves, layer: str) -> bool:
    """Return whether the weights at the first evaluation are nearly the initial ones, or this is unknown."""
    ratio = first(curves.curves_by_layer("update_ratio_by_layer").get(layer, curve(())))
    return not ratio * curves.updates[0] > AS_INITIALIZED


def _gate_shares(curves: TrainingCurves) -> dict[str, tuple[float, float]]:
    """Return the share of the least saturated gate by layer, at the first and the last evaluation.

    Gates that keep a memory should be nearly open, and with chrono biases the input gate nearly closed.
    """
    meant = {"forget", "update"} | ({"input"} if curves.setting("model.chrono") else set())
    tables = [value for _, value in curves.signals("saturation_by_layer") if isinstance(value, dict)]

    def least_share(gates: object) -> float:
        judged = gates.items() if isinstance(gates, dict) else ()
        return least(curve(share for gate, share in judged if gate not in meant))

    layers = tables[0] if tables else {}
    return {layer: (least_share(tables[0][layer]), least_share(tables[-1].get(layer))) for layer in layers}


def _worst_layer(curves: TrainingCurves, signal: str, threshold: float, state: str) -> Iterator[Evidence]:
    by_layer = {name: shares for name, shares in curves.curves_by_layer(signal).items() if known(shares).size}
    if not by_layer:
        return
    layer = max(by_layer, key=lambda name: last(by_layer[name]))
    share = last(by_layer[layer])
    if share >= threshold:
        final, update = curves.updates[-1], curves.updates[np.flatnonzero(by_layer[layer] >= threshold)[0]]
        told = f"{share:.0%} of the units of {layer} {state} (update {final}); "
        told += f"above {threshold:.0%} from update {update} on"
        yield Evidence(told, {signal: share}, layer, final, (above(signal, share, threshold),))
