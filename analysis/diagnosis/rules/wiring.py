"""Rules about parts of the network without a gradient or without updates."""

import math
from collections.abc import Iterator, Sequence

from failmap.analysis.diagnosis.diagnosis import Evidence
from failmap.analysis.diagnosis.rules.loop import ENDED_SHARE
from failmap.analysis.diagnosis.rules.units import DEAD_SHARE
from failmap.analysis.diagnosis.series import known, largest, least, number
from failmap.analysis.diagnosis.training_curves import TrainingCurves

#: Gradient, as a share of the largest part's, that moves nothing by itself.
NEGLIGIBLE = 1e-9
#: Input weights of the lowest layer of a decoder.
_BLIND = ".layers.0.layer.weight_ih"


def missing_gradient(curves: TrainingCurves) -> Iterator[Evidence]:
    """Detect trainable parameters without a gradient: their path to the loss is cut.

    Reads `gradient_missing` without a threshold, since autograd computes a gradient for everything that the
    loss depends on. DistributedDataParallel of PyTorch has the same check for unused parameters; DeepLocalize
    (Wardat et al., ICSE 2021) and UMLAUT (Schoop et al., CHI 2021) list the fault.
    """
    update, names = _first_named(curves, "gradient_missing")
    if names:
        told = f"{_listed(names)} {_has(names)} no gradient: nothing leads from the loss to {_them(names)}"
        yield Evidence(told, {"gradient_missing": float(len(names))}, names[0], update)


def gradient_always_zero(curves: TrainingCurves) -> Iterator[Evidence]:
    """Detect a part whose gradient is always zero in every entry, while that of other parts is not.

    Reads `gradient_zeros_by_layer`, or `gradient_norm_by_layer` in older records. Only exact
    zeros count: a vanishing gradient is small, but not zero until it falls below 1e-38. Networks with a layer
    that passes nothing on (most units dead, or the same states for every input) are not judged, since that
    stops gradients as well and has other causes.
    """
    if _is_shut(curves):
        return
    zeros = curves.curves_by_layer("gradient_zeros_by_layer")
    if zeros:
        cut = [part for part, shares in zeros.items() if least(shares) >= 1.0]
        alive = [part for part, shares in zeros.items() if least(shares) < 1.0]
    else:
        norms = curves.curves_by_layer("gradient_norm_by_layer")
        cut = [part for part, curve in norms.items() if largest(curve) == 0.0]
        alive = [part for part, curve in norms.items() if largest(curve) > 0.0]
    if cut and alive:
        told = (
            f"the gradient of {_listed(cut)} is zero in every entry at each of {len(curves.history)} "
            f"evaluations, that of {_listed(alive)} is not"
        )
        yield Evidence(told, {"gradient_zeros": 1.0}, cut[0], curves.updates[0])


def cut_in_time(curves: TrainingCurves) -> Iterator[Evidence]:
    """Detect a gradient that is exactly zero before the last step: the state is detached between steps.

    Reads `gradient_norm_by_step`, of recurrent networks with one label at the end. A vanishing
    gradient loses a factor per step and does not drop from its maximum to exactly zero.
    """
    if not curves.is_recurrent or curves.setting("task.supervision", "last") != "last":
        return
    lists = curves.lists("gradient_norm_by_step", 3)
    is_cut = all(
        0 < number(norms[-1]) < math.inf and all(number(norm) == 0 for norm in norms[:-1])
        for _, norms in lists
    )
    if lists and is_cut:
        update, last = lists[0][0], number(lists[0][1][-1])
        told = f"the last step has a gradient of {last:.2g}, every step before it exactly zero"
        yield Evidence(told, {"gradient_norm_at_last_step": last}, None, update)


def parameters_frozen(curves: TrainingCurves) -> Iterator[Evidence]:
    """Detect parameters that are not trained although the configuration does not freeze them.

    Reads `frozen_parameters` and `model.frozen_layers`; without a threshold. The input weights of a decoder
    that sees nothing are never trained (`models.encoder_decoder`).
    """
    update, names = _first_named(curves, "frozen_parameters")
    configured = tuple(f"layers.{layer}." for layer in range(curves.setting("model.frozen_layers", 0)))
    unexpected = [name for name in names if not name.startswith(configured)] if configured else names
    unexpected = [name for name in unexpected if not (name.startswith("decoders.") and _BLIND in name)]
    if unexpected:
        told = (
            f"{_listed(unexpected)} {_does(unexpected)} not train, although the configuration does not "
            f"freeze {_them(unexpected)}"
        )
        yield Evidence(told, {"frozen_parameters": float(len(unexpected))}, unexpected[0], update)


def layers_frozen_as_asked(curves: TrainingCurves) -> Iterator[Evidence]:
    """Detect layers that the configuration freezes at weights that were never trained.

    Reads `model.frozen_layers` and `model.start_from`. A random layer may suffice, as in reservoir computing
    (Jaeger 2001), so this is not certain.
    """
    num_frozen = curves.setting("model.frozen_layers", 0)
    if num_frozen and curves.setting("model.start_from") is None:
        depth = curves.setting("model.depth", 1)
        layers = "layer" if num_frozen == 1 else f"{num_frozen} layers"
        do = "does" if num_frozen == 1 else "do"
        told = f"the lowest {layers} of {depth} {do} not train: model.frozen_layers={num_frozen}"
        yield Evidence(told, {"frozen_layers": float(num_frozen)}, "layers.0")


def parameters_unmoved(curves: TrainingCurves) -> Iterator[Evidence]:
    """Detect a part that has a gradient but is not updated, while other parts are.

    Reads `update_ratio_by_layer` and `gradient_norm_by_layer`: a change of exactly zero at every
    evaluation. The usual bug is an optimizer with only some of the parameters (UMLAUT, Schoop et al.
    2021). A gradient that is a billionth of the largest is no fault of the optimizer, nor is a learning rate
    that has ended (`rate_ended_share`).
    """
    if number(curves.last_signal("rate_ended_share")) > ENDED_SHARE:
        return
    ratios = curves.curves_by_layer("update_ratio_by_layer")
    norms = curves.curves_by_layer("gradient_norm_by_layer")
    highest = max((largest(norm) for norm in norms.values() if known(norm).size), default=math.nan)
    still = [
        part
        for part, changes in ratios.items()
        if known(changes).size
        and largest(changes) == 0.0
        and largest(norms.get(part, changes)) > NEGLIGIBLE * highest
    ]
    moving = [part for part, changes in ratios.items() if largest(changes) > 0.0]
    if still and moving:
        told = (
            f"{_listed(still)} {_has(still)} a gradient, of {largest(norms[still[0]]):.2g} at most, and did "
            f"not move at any of {len(curves.history)} evaluations; {_listed(moving)} did"
        )
        yield Evidence(told, {"update_ratio": 0.0}, still[0], curves.updates[0])


def tensors_unmoved(curves: TrainingCurves) -> Iterator[Evidence]:
    """Detect single tensors that have a gradient but do not change by a bit at any evaluation.

    Reads `unmoved_parameters`; not applied if nothing moves, which is due to the learning rate.
    """
    listed = [names for _, names in curves.signals("unmoved_parameters") if isinstance(names, list)]
    named = [{str(name) for name in names} for names in listed]
    if not named or len(named) < len(curves.history):
        return
    names = sorted(set.intersection(*named))
    ratios = curves.curves_by_layer("update_ratio_by_layer")
    if names and any(largest(changes) > 0.0 for changes in ratios.values()):
        told = f"{_listed(names)} {_has(names)} a gradient and did not move by a bit at any evaluation"
        yield Evidence(told, {"unmoved_parameters": float(len(names))}, names[0], curves.updates[0])


def _is_shut(curves: TrainingCurves) -> bool:
    """Return whether a layer passes no input on."""
    dead, spread = curves.curves_by_layer("dead_units_by_layer"), curves.curves_by_layer("spread_by_layer")
    is_dead = any(least(shares) >= DEAD_SHARE for shares in dead.values())
    return is_dead or any(known(curve).size and largest(curve) == 0.0 for curve in spread.values())


def _first_named(curves: TrainingCurves, signal: str) -> tuple[int, list[str]]:
    """Return the first update at which a signal lists names, and these names; none if it never does."""
    for update, names in curves.signals(signal):
        if isinstance(names, list) and names:
            return update, [str(name) for name in names]
    return 0, []


def _listed(names: Sequence[str]) -> str:
    """Return 'a', 'a and b', or 'a, b and 3 more'."""
    if len(names) <= 2:
        return " and ".join(names)
    return f"{names[0]}, {names[1]} and {len(names) - 2} more"


def _has(names: Sequence[str]) -> str:
    return "has" if len(names) == 1 else "have"


def _does(names: Sequence[str]) -> str:
    return "does" if len(names) == 1 else "do"


def _them(names: Sequence[str]) -> str:
    return "it" if len(names) == 1 else "them"
