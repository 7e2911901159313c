"""Rules about the level of a training and its progress."""

from collections.abc import Iterator

from failmap.analysis.diagnosis.course import NEAR_LEVEL, REACHABLE, STAYS_NEAR, level_of
from failmap.analysis.diagnosis.diagnosis import Evidence, above, below
from failmap.analysis.diagnosis.pace import pace
from failmap.analysis.diagnosis.rules.data import ERROR_SHIFT
from failmap.analysis.diagnosis.series import largest, least, middle, number
from failmap.analysis.diagnosis.training_curves import (
    LEFT_CHANCE,
    PROGRESS_LEFT,
    SOLVED_SCORE,
    TrainingCurves,
)
from failmap.run_folder.metrics import is_larger_better

#: Baselines that are fitted to the training set; the others need no fitting.
FITTED_BASELINES = ("predicts linearly", "predicts like its nearest neighbours")
#: Share of a simple level's error by which a prediction must be better to beat it.
BEATS = 0.1
#: Share of the criterion that the median score of a training reaches that nearly solved its task.
NEARLY = 0.9
#: Number of units below which a network is small for any task.
SMALL_WIDTH = 8
#: Gap between training and validation, as skills, that is negligible.
NO_GAP = 0.1


def still_learning(curves: TrainingCurves) -> Iterator[Evidence]:
    """Detect a training that was on its way to its goal when its budget ended.

    Reads validation loss and score (`pace.pace`): at the pace of its last third it reaches the criterion
    within three times its updates. Without a criterion that is no fault.
    """
    speed = pace(curves)
    if curves.is_blind or not speed.is_improving:
        return
    told = (
        f"still learning when the budget ended: a score of {curves.score[-1]:.2g} after "
        f"{curves.updates[-1]:,} updates"
    )
    limits = [above("gain", speed.gain, PROGRESS_LEFT)]
    values = {"gain": speed.gain}
    if speed.budgets_needed <= REACHABLE:
        told += f"; at this pace it needs about {speed.updates_needed:,}"
        values["updates_needed"] = float(speed.updates_needed)
        limits.insert(0, below("budgets_needed", speed.budgets_needed, REACHABLE))
    yield Evidence(told, values, None, curves.updates[-1], tuple(limits))


def nearly_solved(curves: TrainingCurves) -> Iterator[Evidence]:
    """Detect a training that met its criterion now and then, and not often enough in a row.

    Reads the score: one of the last half of the evaluations is at the criterion, and their median is at least
    nine tenths of it. More updates, or a lower rate at the end, usually suffice.
    """
    target, late = curves.summary.target_score, curves.score[len(curves.history) // 2 :]
    if curves.is_blind or not target > 0:
        return
    best, typical = largest(late), middle(late)
    if best >= target and typical >= NEARLY * target:
        told = f"the score met the criterion of {target:.3g} with {best:.3g}, but not often enough in a row"
        limits = (above("best_score", best, target), above("median_score", typical, NEARLY * target))
        yield Evidence(told, {"best_score": best, "target_score": target}, None, curves.updates[-1], limits)


def at_partial_solution(curves: TrainingCurves) -> Iterator[Evidence]:
    """Detect a training that stalls at a known partial solution of the task.

    Reads the metric and `partial_solutions` of the record, which the task states exactly ('knows one of the
    two numbers'): the best evaluation reaches the level without exceeding it, and the last third stays near
    it.
    """
    stay = level_of(curves)
    if stay is None or curves.is_running or curves.progress > 2 * PROGRESS_LEFT:
        return
    told = (
        f"the {curves.summary.metric.replace('_', ' ')} never passed {stay.best:.3g} and ends at "
        f"{stay.late:.3g}; a network that {stay.name} has {stay.level:.3g}"
    )
    room = abs(curves.summary.chance_metric - (1.0 if is_larger_better(curves.summary.metric) else 0.0))
    limits = (
        below("distance_of_best", abs(stay.best - stay.level) / room, NEAR_LEVEL),
        below("distance_at_end", abs(stay.late - stay.level) / room, STAYS_NEAR),
    )
    yield Evidence(told, {"metric": stay.late, "partial": stay.level}, None, curves.updates[-1], limits)


def nothing_predicts(curves: TrainingCurves) -> Iterator[Evidence]:
    """Detect a series that no simple forecast predicts better than its last value, or than its mean.

    Reads `baseline_errors` and the metric: neither a prediction that was fitted to the training windows nor
    the network is better by a tenth than the best of what needs no fitting: the mean, the last value, the
    value one season before. As far as these baselines tell, nobody can do better. What fails on validation
    only, for it lies elsewhere, is no sign of that (`validation_lies_outside`).
    """
    errors = {name: number(error) for name, error in curves.summary.baseline_errors.items()}
    fitted = [errors.pop(name) for name in FITTED_BASELINES if name in errors]
    if not fitted or curves.summary.error_shift > ERROR_SHIFT or curves.is_running:
        return
    level = min(curves.summary.chance_metric, *errors.values())
    bound, best = (1 - BEATS) * level, least(curves.metric)
    if min(fitted) >= bound and best >= bound:
        told = (
            f"nothing predicts better than a simple level of {level:.3g}: a fitted baseline has an error of "
            f"{min(fitted):.3g}, the network {best:.3g} at best"
        )
        limits = (above("fitted_baseline", min(fitted), bound), above("metric", best, bound))
        values = {"fitted_baseline": min(fitted), "level": level, "metric": best}
        yield Evidence(told, values, None, curves.updates[-1], limits)


def still_improving(curves: TrainingCurves) -> Iterator[Evidence]:
    """Detect a validation loss that still falls at the end, though too slowly to get there soon.

    Reads the same as `still_learning`, without its bound on the updates needed: it gains at least 3 % of what
    is left in a fifth of the budget, and more than its jitter.
    """
    return still_learning(curves)


def stands_between(curves: TrainingCurves) -> Iterator[Evidence]:
    """Detect a plateau between chance and perfection that training and validation share.

    Reads both losses as skills. This is the weakest rule: such a network may be too small.
    """
    training, validation = curves.end_train_skill, curves.end_validation_skill
    is_between = LEFT_CHANCE < validation < SOLVED_SCORE
    is_open = curves.is_blind or curves.progress > PROGRESS_LEFT or training - validation > NO_GAP
    if is_between and not is_open:
        told = f"validation stalls {validation:.0%} of the way from chance"
        told += f", and training is no further ({training:.0%})"
        limits = (
            above("validation_skill", validation, LEFT_CHANCE),
            below("validation_skill", validation, SOLVED_SCORE),
        )
        yield Evidence(told, {"validation_skill": validation}, None, curves.updates[-1], limits)


def network_tiny(curves: TrainingCurves) -> Iterator[Evidence]:
    """Detect a network of fewer than eight units per layer whose training is no better than validation.

    Reads the configured width and both losses as skills. No signal measures missing capacity; its only
    symptom is a plateau that training and validation share.
    """
    width = curves.setting("model.hidden_size", 0)
    gap = curves.end_train_skill - curves.end_validation_skill
    if 0 < width < SMALL_WIDTH and not gap > NO_GAP:
        told = (
            f"with {width} units per layer training is {curves.end_train_skill:.0%} of the way from chance, "
            f"and validation {curves.end_validation_skill:.0%}"
        )
        values = {"hidden_size": float(width), "validation_skill": curves.end_validation_skill}
        yield Evidence(told, values, limits=(below("hidden_size", float(width), SMALL_WIDTH),))
