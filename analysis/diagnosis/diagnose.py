"""From a trial's record and history to the cause of its failure."""

import math
from collections.abc import Iterable, Sequence

import numpy as np

from failmap.analysis.diagnosis.diagnosis import Diagnosis, Evidence, Rule, Suspicion
from failmap.analysis.diagnosis.rules import RULES
from failmap.analysis.diagnosis.training_curves import TrainingCurves
from failmap.run_folder.records import Evaluation, TrialRecord

#: How often nothing was wrong where no rule saw anything, on the tuning half: once a training has come away
#: from chance, and before.
_NONE_AWAY_FROM_CHANCE, _NONE_AT_CHANCE = 0.83, 0.5


def where_it_stands(course: TrainingCurves) -> tuple[Evidence, ...]:
    """The last evaluation in one sentence; nothing where none was made."""
    if not course.history:
        return ()
    one = course.history[-1]
    told = f"at update {one.update} the score is {one.score:.3g}"
    if math.isfinite(course.end_train_skill):
        told += f"; the training loss has come {course.end_train_skill:.0%} of the way from chance"
    return (Evidence(told, {"score": one.score}, None, one.update),)


def confidence_of_none(course: TrainingCurves) -> float:
    """How sure it is that nothing is wrong, of a training that is judged without its criterion."""
    return _NONE_AWAY_FROM_CHANCE if course.left_chance else _NONE_AT_CHANCE


def diagnose(record: TrialRecord, history: Sequence[Evaluation], *, blind: bool = False) -> Diagnosis | None:
    """The verdict on a trial; None where there is nothing to explain: a censored or an errored one.

    Args:
        record: of the trial. Without a summary, or with one that has no outcome, the training is looked at as
            it stands, blind to the criterion: `none` says that nothing looks wrong.
        history: every evaluation; empty where none was made.
        blind: look at a trial that has ended in the same way: its outcome and the criterion are not read;
            what chance gets, the floor of the loss and the configuration are.
    """
    outcome = None if record.summary is None else record.summary.outcome
    if outcome in ("censored", "errored"):
        return None
    is_blind = blind or outcome is None
    course = TrainingCurves(record, history, is_blind=is_blind, is_running=outcome is None)
    if outcome == "learned" and not blind:
        # It may have learned by a leak, which stands beside the verdict.
        leaks = _suspicions(course, [rule for rule in RULES if rule.is_certain and rule.cause == "leak"])
        return Diagnosis(Suspicion("none", 1.0, "criterion_met"), leaks)
    suspicions = _suspicions(course, RULES)
    if suspicions:
        return Diagnosis(suspicions[0], suspicions[1:])
    if is_blind:
        return Diagnosis(Suspicion("none", confidence_of_none(course), "nothing_wrong"))
    return Diagnosis(Suspicion("unknown", 0.0, "none_fired", where_it_stands(course)))


def _suspicions(course: TrainingCurves, rules: Iterable[Rule]) -> tuple[Suspicion, ...]:
    """What rules say, in their order, one a cause."""
    found: dict[str, Suspicion] = {}
    # Losses that explode may be so large that a square or a difference of them is infinite: so let it be.
    with np.errstate(over="ignore", invalid="ignore"):
        for rule in rules:
            suspicion = None if rule.cause in found else rule.suspicion(course)
            if suspicion is not None:
                found[rule.cause] = suspicion
    return tuple(found.values())
