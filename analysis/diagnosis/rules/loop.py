"""Rules about the order of a training loop, its modes and the state that it carries."""

from collections.abc import Iterator

from failmap.analysis.diagnosis.diagnosis import Evidence, above
from failmap.analysis.diagnosis.series import middle, number
from failmap.analysis.diagnosis.training_curves import SOLVED_SCORE, TrainingCurves

#: Number of looks that must agree.
LEAST_LOOKS = 3
#: Share of the training that a schedule spends at nearly zero.
ENDED_SHARE = 0.5
#: Share of the steps in evaluation mode.
EVAL_SHARE = 0.9
#: Distance between successive inputs, in units of that between sequences, of unrelated batches.
UNRELATED = 0.8
#: Dropout that clearly disturbs a validation.
LARGE_DROPOUT = 0.3


def gradients_never_zeroed(curves: TrainingCurves) -> Iterator[Evidence]:
    """Detect gradients that add up from step to step: zero_grad is missing.

    Reads `gradient_stale`, which must be 1 at every look after the first step and at three at least.
    """
    stale = [number(value) for update, value in curves.signals("gradient_stale") if update > 1]
    if len(stale) >= LEAST_LOOKS and min(stale) >= 1:
        told = f"at each of {len(stale)} steps the gradient was added to that of the steps before"
        yield Evidence(told, {"gradient_stale": 1.0}, None, None)


def gradients_zeroed_early(curves: TrainingCurves) -> Iterator[Evidence]:
    """Detect gradients that are zeroed between the backward pass and the optimizer's step.

    Reads `gradient_erased`, which must be 1 at every look and at three at least.
    """
    erased = [number(value) for _, value in curves.signals("gradient_erased")]
    if len(erased) >= LEAST_LOOKS and min(erased) >= 1:
        told = f"at each of {len(erased)} steps the optimizer found no gradient, although backward gave one"
        yield Evidence(told, {"gradient_erased": 1.0}, None, None)


def parameters_not_held(curves: TrainingCurves) -> Iterator[Evidence]:
    """Detect a head that the optimizer does not hold: it has a gradient and never moves.

    Reads `parameters_not_held` and `last_not_held`. Lower layers are also left out on purpose, if they are
    pretrained; nobody leaves out the last.
    """
    if curves.last_signal("last_not_held") == 1:
        yield from layers_not_held(curves)


def layers_not_held(curves: TrainingCurves) -> Iterator[Evidence]:
    """Detect trainable parameters with a gradient that the optimizer does not hold and that never moved.

    Reads `parameters_not_held`, of a training that gets nowhere.
    """
    found = [value for _, value in curves.lists("parameters_not_held", 1)]
    if found:
        names = [str(name) for name in found[-1]]
        told = f"the optimizer does not hold {len(names)} trainable parameters, among them {names[0]}"
        yield Evidence(told, {"parameters_not_held": float(len(names))}, names[0], None)


def rate_ended_early(curves: TrainingCurves) -> Iterator[Evidence]:
    """Detect a schedule that spends most of the training at nearly zero.

    Reads `rate_ended_share`, the share of steps with less than a thousandth of the largest rate.
    """
    share = number(curves.last_signal("rate_ended_share"))
    if share > ENDED_SHARE:
        told = f"for {share:.0%} of the steps the learning rate was below a thousandth of its largest"
        limit = above("rate_ended_share", share, ENDED_SHARE)
        yield Evidence(told, {"rate_ended_share": share}, None, None, (limit,))


def trains_in_eval_mode(curves: TrainingCurves) -> Iterator[Evidence]:
    """Detect training in evaluation mode with batch norm, whose statistics are then never learned.

    Reads `trained_in_eval_share` and `has_batch_norm`. Without batch norm the mode only turns dropout off.
    """
    share = number(curves.last_signal("trained_in_eval_share"))
    if share > EVAL_SHARE and curves.last_signal("has_batch_norm") == 1:
        told = f"{share:.0%} of the training steps ran in evaluation mode, and the model has batch norm"
        limit = above("trained_in_eval_share", share, EVAL_SHARE)
        yield Evidence(told, {"trained_in_eval_share": share}, None, None, (limit,))


def validates_in_training_mode(curves: TrainingCurves) -> Iterator[Evidence]:
    """Detect validation in training mode with batch norm or much dropout.

    Reads `validated_in_training`, 1 at every validation, `has_batch_norm` and `largest_dropout`.
    """
    modes = [number(value) for _, value in curves.signals("validated_in_training")]
    dropout = number(curves.last_signal("largest_dropout"))
    has_batch_norm = curves.last_signal("has_batch_norm") == 1
    if modes and min(modes) >= 1 and (has_batch_norm or dropout >= LARGE_DROPOUT):
        told = f"all {len(modes)} validations ran in training mode"
        told += " with batch norm" if has_batch_norm else f" with a dropout of {dropout:.0%}"
        yield Evidence(told, {"validated_in_training": 1.0}, None, None)


def state_of_other_sequences(curves: TrainingCurves) -> Iterator[Evidence]:
    """Detect a state that is carried from batch to batch although the batches do not continue each other.

    Reads `state_carried`: the state in all steps that were compared, and unrelated inputs. Training
    on successive parts of the same sequences carries the state rightly (Williams and Peng 1990).
    """
    found = curves.last_signal("state_carried")
    if not isinstance(found, dict) or middle(curves.score[curves.end]) >= SOLVED_SCORE:
        return
    steps, share, unrelated = (number(found.get(name)) for name in ("steps", "share", "continuity"))
    if steps >= LEAST_LOOKS and share >= 1 and unrelated > UNRELATED:
        told = (
            f"at each of {steps:.0f} steps the hidden state is that of the batch before, although the "
            f"inputs of the batches do not continue each other ({unrelated:.2f} of the distance "
            "between unrelated sequences)"
        )
        limit = above("continuity", unrelated, UNRELATED)
        yield Evidence(told, {"steps": steps, "continuity": unrelated}, None, None, (limit,))
