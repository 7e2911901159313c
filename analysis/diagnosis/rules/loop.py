"""Rules about the order of a training loop, its modes and the state that it carries."""

import math
from collections.abc import Iterator

from failmap.analysis.diagnosis.diagnosis import Evidence, Limit, above, below
from failmap.analysis.diagnosis.series import known, middle, number
from failmap.analysis.diagnosis.training_curves import SOLVED_SCORE, TrainingCurves

#: Number of looks that must agree.
LEAST_LOOKS = 3
#: Share of the training that a schedule spends at nearly zero.
ENDED_SHARE = 0.5
#: Share of the steps in evaluation mode, and of those at the end since when it was never left.
EVAL_SHARE, UNDONE_SHARE = 0.9, 0.5
#: Distance between successive inputs, in units of that between sequences, of unrelated batches.
UNRELATED = 0.8
#: Dropout that leaves hardly anything, and share of its largest weights that decay has left of a layer.
TOTAL_DROPOUT, SHRUNK = 0.8, 0.3
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


def optimizer_never_steps(curves: TrainingCurves) -> Iterator[Evidence]:
    """Detect gradients that are never applied: optimizer.step is not called.

    Reads `never_stepped`.
    """
    if curves.last_signal("never_stepped") == 1:
        told = "backward gave gradients, but the optimizer never stepped and no parameter moved"
        yield Evidence(told, {"never_stepped": 1.0}, None, None)


def rate_is_zero(curves: TrainingCurves) -> Iterator[Evidence]:
    """Detect a learning rate of exactly zero at every step, as of a warm-up whose schedule never steps.

    Reads `rate_zero_share`, which must be 1.
    """
    share = number(curves.last_signal("rate_zero_share"))
    if share >= 1:
        told = "the learning rate is 0 at every step"
        yield Evidence(told, {"rate_zero_share": share}, None, None)


def everything_frozen(curves: TrainingCurves) -> Iterator[Evidence]:
    """Detect a network without a trainable parameter: requires_grad is off in all of them.

    Reads `all_frozen`, which must be 1 at every look: networks that are trained in turns are frozen now and
    then.
    """
    frozen = [number(value) for _, value in curves.signals("all_frozen")]
    if frozen and min(frozen) >= 1:
        told = "no parameter of the network is trainable: requires_grad is off in all of them"
        yield Evidence(told, {"all_frozen": 1.0}, None, None)


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

    Reads `trained_in_eval_share`, `eval_to_end_share` and `has_batch_norm`: most steps, or the whole last
    half, as after a validation whose eval() is never undone. Without batch norm the mode only turns dropout
    off.
    """
    limit = _evaluates(curves)
    if limit and curves.last_signal("has_batch_norm") == 1:
        told = f"{limit.value:.0%} of the training steps ran in evaluation mode, and the model has batch norm"
        yield Evidence(told, {limit.name: limit.value}, None, None, (limit,))


def dropout_off_in_training(curves: TrainingCurves) -> Iterator[Evidence]:
    """Detect training in evaluation mode of a network with much dropout, which is then off.

    Reads the same and `largest_dropout`, of a training that is far ahead of its validation.
    """
    limit, dropout = _evaluates(curves), number(curves.last_signal("largest_dropout"))
    if limit and dropout >= LARGE_DROPOUT:
        told = (
            f"{limit.value:.0%} of the training steps ran in evaluation mode, where the dropout of "
            f"{dropout:.0%} is off"
        )
        limits = (limit, above("largest_dropout", dropout, LARGE_DROPOUT))
        yield Evidence(told, {one.name: one.value for one in limits}, None, None, limits)


def _evaluates(curves: TrainingCurves) -> Limit | None:
    """Return the limit by which training steps ran in evaluation mode, or None if too few did."""
    share = number(curves.last_signal("trained_in_eval_share"))
    to_end = number(curves.last_signal("eval_to_end_share"))
    if share > EVAL_SHARE:
        return above("trained_in_eval_share", share, EVAL_SHARE)
    return above("eval_to_end_share", to_end, UNDONE_SHARE) if to_end > UNDONE_SHARE else None


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


def modules_unregistered(curves: TrainingCurves) -> Iterator[Evidence]:
    """Detect modules in a plain list, which neither the model nor the optimizer knows.

    Reads `unregistered_modules`; without a threshold.
    """
    attribute = curves.last_signal("unregistered_modules")
    if attribute:
        told = f"the modules in {attribute} are in a plain list or dict, so that no optimizer is given them"
        yield Evidence(told, {"unregistered_modules": 1.0}, str(attribute))


def recurrence_frozen(curves: TrainingCurves) -> Iterator[Evidence]:
    """Detect a recurrent layer that is not trained at all, in a training at chance.

    Reads `recurrent_frozen`. A random layer may suffice, as in reservoir computing (Jaeger 2001).
    """
    layer = curves.last_signal("recurrent_frozen")
    if layer and not curves.ends_away_from_chance and not curves.trained_away_from_chance:
        yield Evidence(f"no parameter of {layer} is trained", {"recurrent_frozen": 1.0}, str(layer))


def regularised_away(curves: TrainingCurves) -> Iterator[Evidence]:
    """Detect weight decay that shrinks the weights of every layer, or nearly total dropout, at chance.

    Reads `weight_decay`, `weight_norm_by_layer` and `largest_dropout`.
    """
    if curves.ends_away_from_chance or curves.trained_away_from_chance:
        return
    decay, dropout = (number(curves.last_signal(name)) for name in ("weight_decay", "largest_dropout"))
    norms = [known(norm) for norm in curves.curves_by_layer("weight_norm_by_layer").values()]
    left = max((float(norm[-1] / norm.max()) for norm in norms if norm.size and norm.max() > 0), default=1.0)
    if decay > 0 and left < SHRUNK:
        told = (
            f"with a weight decay of {decay:g} no layer has more than {left:.0%} of its largest weights left"
        )
        yield Evidence(told, {"weights_left": left}, limits=(below("weights_left", left, SHRUNK),))
    if dropout >= TOTAL_DROPOUT:
        told = f"dropout sets {dropout:.0%} to zero"
        limit = above("largest_dropout", dropout, TOTAL_DROPOUT)
        yield Evidence(told, {"largest_dropout": dropout}, limits=(limit,))


def state_of_other_sequences(curves: TrainingCurves) -> Iterator[Evidence]:
    """Detect a state that is carried from batch to batch although the batches do not continue each other.

    Reads `state_carried`: the state in all steps that were compared, and unrelated inputs. Training
    on successive parts of the same sequences carries the state rightly (Williams and Peng 1990).
    """
    found = curves.last_signal("state_carried")
    if not isinstance(found, dict) or middle(curves.score[curves.end]) >= SOLVED_SCORE:
        return
    steps, share, unrelated = (number(found.get(name)) for name in ("steps", "share", "continuity"))
    if not steps >= LEAST_LOOKS or share < 1:
        return
    if math.isnan(unrelated) and curves.last_signal("label_dependence") is not None:
        # Distances between tokens mean nothing.
        told = (
            f"at each of {steps:.0f} steps the hidden state is that of the batch before, although each "
            "sequence has a target of its own"
        )
        limit = above("steps", steps, LEAST_LOOKS)
        yield Evidence(told, {"steps": steps}, None, None, (limit,))
    if unrelated > UNRELATED:
        told = (
            f"at each of {steps:.0f} steps the hidden state is that of the batch before, although the "
            f"inputs of the batches do not continue each other ({unrelated:.2f} of the distance "
            "between unrelated sequences)"
        )
        limit = above("continuity", unrelated, UNRELATED)
        yield Evidence(told, {"steps": steps, "continuity": unrelated}, None, None, (limit,))
