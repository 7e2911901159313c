"""Rules about the data: leaks, inputs out of scale, and a finite training set that is memorised."""

import math
from collections.abc import Iterator

from failmap.analysis.diagnosis.course import SMALL_GAP
from failmap.analysis.diagnosis.diagnosis import Evidence, Limit, above, below
from failmap.analysis.diagnosis.series import largest, number
from failmap.analysis.diagnosis.training_curves import TrainingCurves

#: Share of a gradient that may come from rounding.
LEAK_SHARE = 1e-6
#: A feature whose mean or deviation exceeds this is out of scale; the preflight warns at the same value.
LARGE_SCALE = 5.0
#: A feature with a smaller deviation than this is drowned by other features at first.
SMALL_SPREAD = 1e-2
#: Skill from which on training has learned anything, and by which validation is left behind in spite of it.
LEARNT, LEFT_BEHIND = 0.2, 0.15
#: Share of values outside the range of training, distance of the means in standard deviations, and ratio of
#: a linear prediction's errors, from which on validation lies outside of what training shows.
MIN_OUTSIDE, MEAN_SHIFT, ERROR_SHIFT = 0.1, 1.0, 2.0
#: Training windows from which on the last of these means anything.
MANY = 100
#: Root mean square of trained targets, and distance of their mean from zero in standard deviations, from
#: which on they are out of scale: the preflight warns at the same values.
LARGE_TARGETS, FAR_TARGETS = 10.0, 4.36
#: Root mean square below which the first outputs of a network hide them.
SMALL_TARGETS = 0.01
#: Best validation skill below which there was too little data to learn from: a twelfth of the way.
SAW_SOMETHING = 0.08


def leaks_across_batch(curves: TrainingCurves) -> Iterator[Evidence]:
    """Detect outputs of one sequence that depend on other sequences of its batch.

    Reads `leak_across_batch`: share of the gradient of one sequence's output that comes from the others, in
    evaluation mode, where batch norm uses stored moments. Karpathy (2019, A recipe for training neural
    networks) recommends this way to find dependencies.
    """
    share = largest(curves.signal_curve("leak_across_batch"))
    if share > LEAK_SHARE:
        told = f"{share:.2g} of the gradient of a sequence's output comes from other sequences of its batch"
        limit = above("leak_across_batch", share, LEAK_SHARE)
        yield Evidence(told, {"leak_across_batch": share}, limits=(limit,))


def leaks_from_future(curves: TrainingCurves) -> Iterator[Evidence]:
    """Detect outputs at one step that depend on later steps, in a unidirectional network.

    Reads `leak_from_future`, in the same way as `leaks_across_batch`.
    """
    share = largest(curves.signal_curve("leak_from_future"))
    if share > LEAK_SHARE:
        told = f"{share:.2g} of the gradient of an output comes from later steps"
        limit = above("leak_from_future", share, LEAK_SHARE)
        yield Evidence(told, {"leak_from_future": share}, limits=(limit,))


def inputs_out_of_scale(curves: TrainingCurves) -> Iterator[Evidence]:
    """Detect features far from zero mean and unit scale.

    Reads `input_scale`. LeCun et al. (1998, Efficient BackProp, section 4.3) recommend a mean near zero and
    equal variances; UMLAUT (2021) warns of inputs beyond -1..1.
    """
    scale = curves.last_signal("input_scale")
    if not isinstance(scale, dict):
        return
    mean, spread = number(scale.get("largest_mean")), number(scale.get("largest_spread"))
    least_spread, entry = number(scale.get("least_spread")), number(scale.get("largest"))
    exceeded = [
        above(name, value, LARGE_SCALE)
        for name, value in (("largest_mean", mean), ("largest_spread", spread))
        if value > LARGE_SCALE
    ]
    exceeded += [below("largest_spread", spread, SMALL_SPREAD)] if spread < SMALL_SPREAD else []
    if exceeded:
        told = (
            f"a feature's mean is up to {mean:.2g}, its standard deviation from {least_spread:.2g} to "
            f"{spread:.2g}, its largest entry {entry:.2g}"
        )
        values = {"largest_mean": mean, "largest_spread": spread, "largest": entry}
        yield Evidence(told, values, limits=tuple(exceeded))


def validation_lies_outside(curves: TrainingCurves) -> Iterator[Evidence]:
    """Detect validation data that lie outside of what training shows, while training is learned.

    Reads `target_shift`, `mean_shift`, `input_shift` and `error_shift` of the record, which are properties of
    the data, and both losses as skills. Of n independent training values, two out of n + 1 new ones lie
    outside their range on average; three times as many count. A trend, a jump of the level, another variance
    or another rhythm after the border between the parts has this effect (Quinonero-Candela et al. 2009,
    Dataset shift in machine learning).
    """
    summary = curves.summary
    if not (curves.end_train_skill > LEARNT and _gap(curves) > LEFT_BEHIND):
        return
    # Of few windows, hardly any are left out, and the errors on them mean nothing.
    error_shift = summary.error_shift if curves.num_train >= MANY else math.nan
    allowed = max(MIN_OUTSIDE, 3 * 2 / (curves.num_train + 1))
    seen = (
        (
            above("target_shift", summary.target_shift, allowed),
            "of the validation targets lie outside the range of training",
        ),
        (
            above("mean_shift", summary.mean_shift, MEAN_SHIFT),
            "standard deviations lie between the means of the targets",
        ),
        (
            above("input_shift", summary.input_shift, allowed),
            "of the validation inputs lie outside the range of training",
        ),
        (
            above("error_shift", error_shift, ERROR_SHIFT),
            "times the training error of a linear prediction is its validation error",
        ),
    )
    found = [(limit, words) for limit, words in seen if limit.holds]
    if found:
        told = (
            f"training came {curves.end_train_skill:.0%} of the way from chance, validation "
            f"{curves.end_validation_skill:.0%}; "
            + ", ".join(f"{limit.value:.2g} {words}" for limit, words in found)
        )
        values = {limit.name: limit.value for limit, _ in found}
        yield Evidence(told, values, None, curves.updates[-1], tuple(limit for limit, _ in found))


def targets_out_of_scale(curves: TrainingCurves) -> Iterator[Evidence]:
    """Detect targets far from zero, or much larger or smaller than the first outputs of a network.

    Reads `target_mean` and `target_deviation` of the record; the preflight warns at the same values. A step
    of a fixed rate moves the outputs of a network by a fixed amount, so such targets take long to reach, and
    the gradient of a squared error grows with them.
    """
    mean, deviation = curves.summary.target_mean, curves.summary.target_deviation
    size = math.hypot(mean, deviation)
    if curves.setting("output.target_range") == "standardised" or not deviation > 0:
        return
    seen = (
        above("target_rms", size, LARGE_TARGETS),
        below("target_rms", size, SMALL_TARGETS),
        above("mean_in_deviations", abs(mean) / deviation, FAR_TARGETS),
    )
    found = tuple(limit for limit in seen if limit.holds)
    if found:
        told = (
            f"the targets have a mean of {mean:.3g} and a standard deviation of {deviation:.3g}, where first "
            "outputs are about 0.1"
        )
        yield Evidence(told, {"target_mean": mean, "target_deviation": deviation}, limits=found)


def memorised_and_worse(curves: TrainingCurves) -> Iterator[Evidence]:
    """Detect overfitting: training improves, while validation improved and then got worse.

    Reads both losses as skills, and `epoch`. Prechelt (1998, Early stopping) calls the same measure the
    generalization loss.
    """
    skill, best = curves.end_validation_skill, largest(curves.validation_skill)
    if _is_memorised(curves) and best > SAW_SOMETHING:
        fallen = f"fell to {skill:.0%}" if skill >= 0 else f"is now {-skill:.0%} worse than chance"
        told = (
            f"after {curves.num_epochs:.0f} epochs training came {curves.end_train_skill:.0%} of the way "
            f"from chance; validation came {best:.0%} and {fallen}"
        )
        yield _memory_evidence(curves, told, above("best_validation_skill", best, SAW_SOMETHING))


def memorised_at_chance(curves: TrainingCurves) -> Iterator[Evidence]:
    """Detect too little data: the training set is memorised, and validation never left chance.

    Reads both losses as skills, and `epoch`. Networks can memorise random labels (Zhang et al. 2017).
    """
    best = largest(curves.validation_skill)
    if _is_memorised(curves) and not best > SAW_SOMETHING:
        told = (
            f"after {curves.num_epochs:.0f} epochs training came {curves.end_train_skill:.0%} of the way "
            f"from chance, validation never more than {best:.0%}"
        )
        yield _memory_evidence(curves, told, below("best_validation_skill", best, SAW_SOMETHING))


def memorised(curves: TrainingCurves) -> Iterator[Evidence]:
    """Detect a memorised training set, whatever validation showed: more data would help.

    Reads the same as `memorised_and_worse`, beside which it is a runner-up.
    """
    if _is_memorised(curves):
        told = f"after {curves.num_epochs:.0f} epochs training came {curves.end_train_skill:.0%} of the way"
        limit = above("gap", _gap(curves), SMALL_GAP)
        yield Evidence(told, {"gap": _gap(curves)}, None, curves.updates[-1], (limit,))


def falls_behind(curves: TrainingCurves) -> Iterator[Evidence]:
    """Detect the same: a set that is memorised is also overfitted.

    It is a runner-up of `memorised_at_chance`.
    """
    return memorised(curves)


def _is_memorised(curves: TrainingCurves) -> bool:
    """Return whether the training set is finite and was repeated; the course says that it is fitted."""
    return curves.is_data_finite and curves.num_epochs > 2


def _gap(curves: TrainingCurves) -> float:
    return curves.end_train_skill - curves.end_validation_skill


def _memory_evidence(curves: TrainingCurves, told: str, seen: Limit) -> Evidence:
    values = {"gap": _gap(curves), "best_validation_skill": seen.value}
    limits = (above("gap", _gap(curves), SMALL_GAP), seen)
    return Evidence(told, values, None, curves.updates[-1], limits)
