"""Rules about numbers out of range: values that are not finite, and gradients that explode."""

from collections.abc import Iterator

import numpy as np

from failmap.analysis.diagnosis.diagnosis import Evidence, above
from failmap.analysis.diagnosis.series import first, largest, middle
from failmap.analysis.diagnosis.training_curves import TrainingCurves

#: Ratio to the median gradient norm from which on a norm is a spike. SageMaker Debugger's ExplodingTensor
#: only detects values that are not finite.
SPIKE_RATIO = 100.0
#: Gradient norm that counts as unbounded for any loss. Networks that learned had up to 20.
BOUNDLESS_GRADIENT = 1e3
#: Norm of the whole gradient below which nothing explodes.
LEAST_EXPLODING = 1.0
#: Ratio of the gradients at the first and the last step from which on it explodes in time. AutoTrainer (Zhang
#: et al., ICSE 2021) uses 70 between the first layer and the last.
GROWTH_IN_TIME = 100.0


def not_finite(curves: TrainingCurves) -> Iterator[Evidence]:
    """Detect a loss or a tensor that is not finite.

    Reads what the worker found (`first_nonfinite`) or else the losses, without a threshold. SageMaker
    Debugger's rule ExplodingTensor does the same.
    """
    found = curves.summary.first_nonfinite
    if found and not curves.is_blind:
        update = int(found["update"])
        yield Evidence(f"{found['tensor']} is not finite from update {update} on", {}, None, update)
        return
    for one in curves.history:
        for name, loss in (("training", one.train_loss), ("validation", one.validation_loss)):
            if loss is None:
                told = f"the {name} loss is not finite at update {one.update}"
                yield Evidence(told, {}, None, one.update)
                return


def gradient_grows_back_in_time(curves: TrainingCurves) -> Iterator[Evidence]:
    """Detect a gradient that is a hundred times as large at the first step as at the last.

    Reads `gradient_share_at_first`, and `gradient_norm_by_step` for a single label at the end. Products of
    the recurrent Jacobian grow by its largest singular value per step (Bengio et al. 1994; Pascanu et al.
    2013). Two evaluations must show it, since one batch may by chance, and the whole gradient must
    reach a norm of 1: where it is small, it is that of the last step that fades.
    """
    if largest(curves.signal_curve("gradient_norm")) < LEAST_EXPLODING:
        return
    shares = curves.numbers("gradient_share_at_first") + curves.first_step_shares(3)
    grown = sorted((share, update) for update, share in shares if share >= GROWTH_IN_TIME)
    if len(grown) >= 2:
        share, update = grown[-1]
        told = f"the gradient at the first step is {share:.2g} times that at the last (update {update})"
        limit = above("gradient_share_at_first", share, GROWTH_IN_TIME)
        yield Evidence(told, {"gradient_share_at_first": share}, None, update, (limit,))


def states_grow_in_time(curves: TrainingCurves) -> Iterator[Evidence]:
    """Detect unbounded units with a gradient that grows a hundredfold back in time at the first evaluation.

    Reads `gradient_share_at_first` where it was first measured, and `model.nonlinearity`. What grows by a
    factor per step backwards in time also grows forwards unless a tanh bounds it (Pascanu et al. 2013). The
    rule comes before those of its consequences: huge losses and steps, and the units that these leave dead.
    """
    if not curves.is_unbounded:
        return
    share = first(curves.signal_curve("gradient_share_at_first"))
    if share >= GROWTH_IN_TIME:
        told = (
            f"in an early update the gradient is {share:.2g} times as large at the first step as at the last"
        )
        limit = above("gradient_share_at_first", share, GROWTH_IN_TIME)
        yield Evidence(told, {"gradient_share_at_first": share}, None, curves.updates[0], (limit,))


def gradient_boundless(curves: TrainingCurves) -> Iterator[Evidence]:
    """Detect a gradient norm above a thousand at any evaluation.

    Reads `gradient_norm`, before clipping. Clipping limits the step, but the direction of such a gradient is
    that of one sequence at one wall of the loss (Pascanu et al. 2013, figure 6).
    """
    norms = curves.signal_curve("gradient_norm")
    highest = largest(norms)
    if highest > BOUNDLESS_GRADIENT:
        update = curves.updates[np.nanargmax(norms)]
        told = f"a gradient norm of {highest:.2g} at update {update}, with a median of {middle(norms):.2g}"
        limit = above("gradient_norm", highest, BOUNDLESS_GRADIENT)
        yield Evidence(told, {"gradient_norm": highest}, None, update, (limit,))


def gradient_spikes(curves: TrainingCurves) -> Iterator[Evidence]:
    """Detect single gradients of a hundred times the median that are not clipped.

    Reads `gradient_norm`, at evaluated updates only, and `train.clip_norm`.
    """
    norms = curves.signal_curve("gradient_norm")
    usual, highest = middle(norms), largest(norms)
    if highest > SPIKE_RATIO * usual > 0 and not curves.setting("train.clip_norm"):
        update = curves.updates[np.nanargmax(norms)]
        told = (
            f"a gradient of {highest:.2g} at update {update}, {highest / usual:.0f} times the median of "
            f"{usual:.2g}"
        )
        limit = above("gradient_norm", highest, SPIKE_RATIO * usual)
        yield Evidence(told, {"gradient_norm": highest, "median": usual}, None, update, (limit,))
