"""Rules about the level of a training and its progress."""

from collections.abc import Iterator

from failmap.analysis.diagnosis.diagnosis import Evidence
from failmap.analysis.diagnosis.series import known, middle, number
from failmap.analysis.diagnosis.training_curves import (
    LEFT_CHANCE,
    PROGRESS_LEFT,
    SOLVED_SCORE,
    TrainingCurves,
)
from failmap.run_folder.metrics import is_larger_better

#: Largest distance from a partial solution, as a share of the range between chance and perfection: of the
#: best evaluation, and of the noisier median of the last third.
NEAR_PARTIAL, STAYS = 0.12, 0.2
#: Number of units below which a network is small for any task.
SMALL_WIDTH = 8
#: Gap between training and validation, as skills, that is negligible.
NO_GAP = 0.1


def at_partial_solution(curves: TrainingCurves) -> Iterator[Evidence]:
    """Detect a training that stalls at a known partial solution of the task.

    Reads the metric and `partial_solutions` of the record, which the task states exactly ('knows one of the
    two numbers'): the best evaluation reaches the level without exceeding it, and the last third stays near
    it.
    """
    is_accuracy = is_larger_better(curves.summary.metric)
    room = abs(curves.summary.chance_metric - (1.0 if is_accuracy else 0.0))
    metrics = known(curves.metric)
    if not metrics.size or curves.is_running or curves.progress > 2 * PROGRESS_LEFT:
        return
    best = float(metrics.max() if is_accuracy else metrics.min())
    late = middle(metrics[-max(3, len(metrics) // 3) :])
    for level in reversed(curves.summary.partial_solutions):
        wanted = number(level.get("metric"))
        if abs(best - wanted) < NEAR_PARTIAL * room and abs(late - wanted) < STAYS * room:
            told = (
                f"the {curves.summary.metric.replace('_', ' ')} never passed {best:.3g} and ends at "
                f"{late:.3g}; a network that {level.get('name')} has {wanted:.3g}"
            )
            yield Evidence(told, {"metric": late, "partial": wanted}, None, curves.updates[-1])
            return


def still_improving(curves: TrainingCurves) -> Iterator[Evidence]:
    """Detect a validation loss that still falls at the end of the update budget.

    Reads the validation loss as a skill: by its Theil-Sen slope over the last third it gains at least 3 % of
    what is left in a fifth of the budget, and more than its jitter. Without a criterion that is no fault.
    """
    gained = curves.progress
    if gained > PROGRESS_LEFT and not curves.is_blind:
        skill = curves.end_validation_skill
        told = (
            f"validation came {skill:.0%} of the way from chance and still gains {gained:.0%} of the rest "
            "in a fifth of the training"
        )
        yield Evidence(told, {"progress": gained, "validation_skill": skill}, None, curves.updates[-1])


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
        yield Evidence(told, {"validation_skill": validation}, None, curves.updates[-1])


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
        yield Evidence(told, {"hidden_size": float(width), "validation_skill": curves.end_validation_skill})
