"""What a training stands at, and whether it still moves."""

from failmap.analysis.diagnosis.diagnosis import Evidence
from failmap.analysis.diagnosis.series import known, middle, number
from failmap.analysis.diagnosis.training_curves import (
    LEFT_CHANCE,
    PROGRESS_LEFT,
    SOLVED_SCORE,
    TrainingCurves,
)

#: The best evaluation is at a partial solution within this share of the room between chance and perfection,
#: and those of the last third, which noise takes back and forth, within that.
NEAR_PARTIAL, STAYS = 0.12, 0.2
#: A network of fewer units than this is small whatever it is asked.
SMALL_WIDTH = 8
#: Gap between training and validation, as skills, that is none.
NO_GAP = 0.1


def at_partial_solution(curves: TrainingCurves) -> tuple[Evidence, ...]:
    """Stands at the level of a known part of the task.

    Reads the metric and `partial_solutions` of the record, which the task states exactly ('knows one of the
    two numbers'): the best evaluation comes to the level and not past it, and the last third stays near.
    """
    if curves.is_running:
        return ()
    is_accuracy = curves.summary.metric == "accuracy"
    room = abs(curves.summary.chance_metric - (1.0 if is_accuracy else 0.0))
    metrics = known(curves.metric)
    if not metrics.size or curves.progress > 2 * PROGRESS_LEFT:
        return ()
    best = float(metrics.max() if is_accuracy else metrics.min())
    late = middle(metrics[-max(3, len(metrics) // 3) :])
    for level in reversed(curves.summary.partial_solutions):
        wanted = number(level.get("metric"))
        if abs(best - wanted) < NEAR_PARTIAL * room and abs(late - wanted) < STAYS * room:
            told = (
                f"the {curves.summary.metric.replace('_', ' ')} never got past {best:.3g} and stands at "
                f"{late:.3g}; one that {level.get('name')} has {wanted:.3g}"
            )
            return (Evidence(told, {"metric": late, "partial": wanted}, None, int(curves.updates[-1])),)
    return ()


def still_improving(curves: TrainingCurves) -> tuple[Evidence, ...]:
    """The validation loss is still falling at the end of the update budget.

    Reads the validation loss as a skill: by its slope (Theil and Sen) over the last third, it gains at least
    3 % of what is left in a fifth of the budget, and more than its jitter. Without a criterion that is no
    fault.
    """
    gained = curves.progress
    if curves.is_blind or not gained > PROGRESS_LEFT:
        return ()
    skill = curves.end_validation_skill
    told = (
        f"validation has come {skill:.0%} of the way from chance, and still gains {gained:.0%} of the rest "
        "in a fifth of the training"
    )
    return (Evidence(told, {"progress": gained, "validation_skill": skill}, None, int(curves.updates[-1])),)


def stands_between(curves: TrainingCurves) -> tuple[Evidence, ...]:
    """Stands still between chance and perfection, training no further than validation.

    Reads both losses as skills. The weakest of rules: such a network may be too small.
    """
    training, validation = curves.end_train_skill, curves.end_validation_skill
    is_between = LEFT_CHANCE < validation < SOLVED_SCORE
    if curves.is_blind or not is_between or curves.progress > PROGRESS_LEFT or training - validation > NO_GAP:
        return ()
    told = (
        f"validation stands still {validation:.0%} of the way from chance, and training no further "
        f"({training:.0%})"
    )
    return (Evidence(told, {"validation_skill": validation}, None, int(curves.updates[-1])),)


def network_tiny(curves: TrainingCurves) -> tuple[Evidence, ...]:
    """Fewer than eight units a layer, and training no better than validation: the network holds too little.

    Reads the configured width and both losses as skills. What such a network could not hold no signal tells;
    a plateau that training and validation share is what is left to see.
    """
    width = curves.setting("model.hidden_size", 0)
    gap = curves.end_train_skill - curves.end_validation_skill
    if not 0 < width < SMALL_WIDTH or gap > NO_GAP:
        return ()
    told = (
        f"with {width} units a layer training stands {curves.end_train_skill:.0%} of the way from chance, "
        f"and validation {curves.end_validation_skill:.0%}"
    )
    return (Evidence(told, {"hidden_size": float(width), "validation_skill": curves.end_validation_skill}),)
