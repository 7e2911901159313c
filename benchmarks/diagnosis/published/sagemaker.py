"""Amazon SageMaker Debugger's built-in rules at their default parameters.

Source of every number and condition: "List of Debugger built-in rules", Amazon SageMaker Developer Guide,
docs.aws.amazon.com/sagemaker/latest/dg/debugger-built-in-rules.html (as of 2023; an earlier edition gave 0.1
for Overtraining's delta). The rules' code is not public; these follow our reading of that page.

An evaluation is used as a saved step: the defaults save every 500 updates. Not included are rules for which
there is no signal (ClassImbalance, Confusion), without a default threshold (TensorVariance), and about images
or text (CheckInputImages, NLPSequenceRatio), trees, or the machine (StalledTrainingRule).
"""

import math
from collections.abc import Callable, Sequence

from benchmarks.diagnosis.published.rule import Rule, by_part, is_finite, judge_by, num_parameters, whenever
from failmap.analysis.diagnosis import Cause
from failmap.run_folder.records import Evaluation, TrialRecord

#: VanishingGradient's threshold: mean absolute gradient of a tensor.
LEAST_MEAN_GRADIENT = 1e-7
#: LossNotDecreasing's num_steps, diff_percent and increase_threshold_percent.
LOSS_NUM_UPDATES, LEAST_FALL_PERCENT, LARGEST_RISE_PERCENT = 10, 0.1, 5.0
#: Overfit's ratio_threshold; its patience is one step.
LARGEST_GAP_RATIO = 0.1
#: Overtraining's patience_train, patience_validation and delta.
PATIENCE_TRAIN, PATIENCE_VALIDATION, LEAST_IMPROVEMENT = 5, 10, 0.01
#: threshold_layer of DeadRelu and SaturatedActivation: this share of a layer's units, 50 %.
LARGEST_SHARE_OF_UNITS = 0.5
#: WeightUpdateRatio's large_threshold and small_threshold.
LARGEST_RATIO, LEAST_RATIO = 10.0, 1e-8
#: UnchangedTensor's num_steps and rtol.
UNCHANGED_STEPS, RELATIVE_TOLERANCE = 3, 1e-5
#: PoorWeightInitialization's threshold, distribution_range, patience and steps.
LARGEST_VARIANCE_RATIO, LEAST_GRADIENT_RANGE, INITIAL_PATIENCE, INITIAL_STEPS = 10.0, 0.001, 5, 10

#: Mean absolute value, and width between the 5th and 95th percentile, of a standard normal distribution.
NORMAL_MEAN_ABSOLUTE, NORMAL_RANGE = math.sqrt(2 / math.pi), 2 * 1.6449

#: With losses and gradient norms alone, these causes show only as a constant loss.
LOSS_CONSTANT: frozenset[Cause] = frozenset(
    {
        "no_signal",
        "partial_solution",
        "too_small",
        "too_slow",
        "unreachable_output",
        "labels_or_loss_wrong",
        "oscillating",
        "frozen",
        "too_little_data",
    }
)
FADES: frozenset[Cause] = frozenset(
    {"vanishing_in_time", "vanishing_in_depth", "saturated", "dead_units", "disconnected", "frozen"}
)
EXPLODES: frozenset[Cause] = frozenset({"diverged", "exploding_gradient", "oscillating", "input_scale"})


def not_finite(record: TrialRecord, evaluation: Evaluation) -> bool:
    """ExplodingTensor: a tensor holds an infinity or a NaN."""
    return not is_finite(evaluation)


def gradient_vanishes(record: TrialRecord, evaluation: Evaluation) -> bool:
    """VanishingGradient: a tensor's mean absolute gradient is below 1e-7.

    Approximated from the norm of a layer's gradient, as if its entries were normal and as many as those of
    the whole network. A layer has fewer, so this fires too early rather than too late.
    """
    scale = NORMAL_MEAN_ABSOLUTE / math.sqrt(num_parameters(record))
    norms = by_part(evaluation, "gradient_norm_by_layer").values()
    return any(scale * norm < LEAST_MEAN_GRADIENT for norm in norms)


def all_zero(record: TrialRecord, evaluation: Evaluation) -> bool:
    """AllZero on gradients: all values of a tensor are zero."""
    return any(share >= 1 for share in by_part(evaluation, "gradient_zeros_by_layer").values())


def dead(record: TrialRecord, evaluation: Evaluation) -> bool:
    """DeadRelu: more than half of a layer's units are dead.

    A dead unit is active for less than 1 % of inputs there, and for none here.
    """
    shares = by_part(evaluation, "dead_units_by_layer").values()
    return any(share > LARGEST_SHARE_OF_UNITS for share in shares)


def saturated(record: TrialRecord, evaluation: Evaluation) -> bool:
    """SaturatedActivation: more than half of a layer's tanh units are saturated.

    That is an input beyond 9.5 there; we record states beyond 0.99, an input of 2.65, so this fires earlier.
    """
    shares = by_part(evaluation, "saturated_units_by_layer").values()
    return any(share > LARGEST_SHARE_OF_UNITS for share in shares)


def update_out_of_range(record: TrialRecord, evaluation: Evaluation) -> bool:
    """WeightUpdateRatio: an update moves a tensor by more than 10 times or less than 1e-8 of its size."""
    ratios = by_part(evaluation, "update_ratio_by_layer").values()
    return _has_still_tensors(evaluation) or any(not LEAST_RATIO <= r <= LARGEST_RATIO for r in ratios)


def unchanged(record: TrialRecord, history: Sequence[Evaluation]) -> int | None:
    """UnchangedTensor: numpy.allclose finds a weight equal at three steps.

    Approximated for layers: an update's ratio, times the updates between two evaluations, is below the
    relative tolerance. Parameters without gradient, or without any change, are recorded by name.
    """
    still = 1
    for index in range(1, len(history)):
        before, now = history[index - 1], history[index]
        num_updates = now.update - before.update
        ratios = by_part(now, "update_ratio_by_layer").values()
        is_still = _has_still_tensors(now) or any(r * num_updates < RELATIVE_TOLERANCE for r in ratios)
        still = still + 1 if is_still else 1
        if still >= UNCHANGED_STEPS:
            return index
    return None


def poorly_initialized(record: TrialRecord, history: Sequence[Evaluation]) -> int | None:
    """PoorWeightInitialization, over the first 10 steps.

    It fires if the output variance of ReLU layers differs more than 10 times between layers, if a layer's
    gradients span less than 0.001 between their 5th and 95th percentile (as if they were normal, see
    `gradient_vanishes`), or if the loss has not reached a new minimum for 5 steps.
    """
    has_relu = record.config.get("model", {}).get("nonlinearity") == "relu"
    since_best, best = 0, math.inf
    for index, evaluation in enumerate(history[:INITIAL_STEPS]):
        spreads = list(by_part(evaluation, "spread_by_layer").values())
        if has_relu and spreads and max(spreads) ** 2 > LARGEST_VARIANCE_RATIO * min(spreads) ** 2:
            return index
        scale = NORMAL_RANGE / math.sqrt(num_parameters(record))
        norms = by_part(evaluation, "gradient_norm_by_layer").values()
        if any(scale * norm < LEAST_GRADIENT_RANGE for norm in norms):
            return index
        loss = math.inf if evaluation.train_loss is None else evaluation.train_loss
        since_best, best = (0, loss) if loss < best else (since_best + 1, best)
        if since_best >= INITIAL_PATIENCE:
            return index
    return None


def loss_not_decreasing(record: TrialRecord, history: Sequence[Evaluation]) -> int | None:
    """LossNotDecreasing: the loss fell by less than 0.1 % since a step at least 10 before.

    A rise of up to 5 % is allowed. The loss is the mean over the updates between two evaluations, which is
    smoother than the single losses that the tool compares.
    """
    before = 0
    for index in range(1, len(history)):
        if history[index].update - history[before].update < LOSS_NUM_UPDATES:
            continue
        then, now = history[before].train_loss, history[index].train_loss
        before = index
        if then is None or now is None or then == 0:
            continue
        fall_percent = 100 * (then - now) / abs(then)
        if 0 <= fall_percent < LEAST_FALL_PERCENT or fall_percent < -LARGEST_RISE_PERCENT:
            return index
    return None


def overfits(record: TrialRecord, evaluation: Evaluation) -> bool:
    """Overfit: the validation loss exceeds the training loss by more than a tenth at one step."""
    train, validation = evaluation.train_loss, evaluation.validation_loss
    if train is None or validation is None:
        return False
    return validation - train > LARGEST_GAP_RATIO * abs(train)


def overtrained(record: TrialRecord, history: Sequence[Evaluation]) -> int | None:
    """Overtraining: no improvement by 0.01 of the training loss for 5 steps and the validation loss for 10.

    The page does not say whether one of the two is enough; requiring both fires less often.
    """
    train = _steps_since_best(history, lambda evaluation: evaluation.train_loss)
    validation = _steps_since_best(history, lambda evaluation: evaluation.validation_loss)
    pairs = enumerate(zip(train, validation, strict=True))
    return next((i for i, (t, v) in pairs if t >= PATIENCE_TRAIN and v >= PATIENCE_VALIDATION), None)


def _has_still_tensors(evaluation: Evaluation) -> bool:
    names = ("frozen_parameters", "unmoved_parameters", "gradient_missing")
    return any(evaluation.signals.get(name) for name in names)


def _steps_since_best(history: Sequence[Evaluation], loss: Callable[[Evaluation], float | None]) -> list[int]:
    """Return for each evaluation the number of evaluations since the loss last improved enough."""
    best, since, steps = math.inf, 0, []
    for evaluation in history:
        value = loss(evaluation)
        if value is not None and value < best - LEAST_IMPROVEMENT:
            best, since = value, 0
        else:
            since += 1
        steps.append(since)
    return steps


#: Order of rules that fire at the same evaluation: names of causes before names of symptoms.
RULES = (
    Rule("ExplodingTensor", EXPLODES, whenever(not_finite)),
    Rule("DeadRelu", frozenset({"dead_units"}), whenever(dead)),
    Rule("SaturatedActivation", frozenset({"saturated", "input_scale"}), whenever(saturated)),
    Rule("AllZero", FADES, whenever(all_zero)),
    Rule("VanishingGradient", FADES, whenever(gradient_vanishes)),
    Rule("WeightUpdateRatio", EXPLODES | FADES | {"too_slow"}, whenever(update_out_of_range)),
    Rule("UnchangedTensor", FADES | {"too_slow"}, unchanged),
    Rule("Overfit", frozenset({"overfit", "too_little_data"}), whenever(overfits)),
    Rule("Overtraining", frozenset({"overfit", "too_little_data"}), overtrained),
    Rule("PoorWeightInitialization", FADES | EXPLODES, poorly_initialized),
    Rule("LossNotDecreasing", LOSS_CONSTANT, loss_not_decreasing),
)

sagemaker = judge_by(RULES)
