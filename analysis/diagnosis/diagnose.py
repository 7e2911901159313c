"""The diagnosis of one trial from its record and its history."""

import math
from collections.abc import Iterable, Sequence

import numpy as np

from failmap.analysis.diagnosis.course import COURSES, GAP, WORSE, CourseName, course
from failmap.analysis.diagnosis.diagnosis import Diagnosis, Evidence, Rule, Suspicion
from failmap.analysis.diagnosis.rules import RULES
from failmap.analysis.diagnosis.training_curves import TrainingCurves
from failmap.run_folder.records import Evaluation, TrialRecord

#: Share of trainings without a fault among those in which no rule observed anything, on the tuning half of
#: the benchmark: of those that left chance, and of those that did not.
_NONE_AWAY_FROM_CHANCE, _NONE_AT_CHANCE = 0.83, 0.5
#: Courses of a training that has learned nothing, which is no health even if nobody told what counts as
#: learned.
_NOWHERE: frozenset[CourseName] = frozenset({"at_chance", "worse_than_chance", "fell_back", "fitted"})
#: Steps of a watched loop below which only faults of its code are judged. Adam at its default rate of 0.001
#: moves a weight by about 0.1 in as many, which is the range of torch's initial weights of 100 units: in
#: fewer, a sound network is still near its start, and looks like one that learns nothing.
LEAST_STEPS = 100


def diagnose(record: TrialRecord, history: Sequence[Evaluation], *, blind: bool = False) -> Diagnosis | None:
    """Return the diagnosis of a trial, or None for a censored or errored one, or one stopped as hopeless.

    That a training is hopeless may show early; why it fails often shows late.

    Args:
        record: Record of the trial. If it has no summary or no outcome, the unfinished training is judged
            without its criterion, and the cause `none` means that nothing looks wrong.
        history: Every evaluation, possibly none.
        blind: Judge a finished trial in the same way: without its outcome and criterion, but with the chance
            level, the floor of the loss and the configuration. Watched trainings are always judged so; one
            that ended at chance is `unknown` where nothing looks wrong.
    """
    outcome = record.summary.outcome if record.summary else None
    is_watched = record.purpose == "watched"
    if outcome == "errored" or (outcome == "censored" and not is_watched) or record.p_learn:
        return None
    is_blind = blind or outcome is None or is_watched
    curves = TrainingCurves(record, history, is_blind=is_blind, is_running=outcome is None)
    with np.errstate(over="ignore", invalid="ignore"):  # Losses that explode may overflow.
        name = course(curves).name
    if outcome == "learned" and not is_blind:
        # A trial that learned may have learned by a leak, which is reported beside the verdict.
        leaks = _suspicions(
            curves, name, [rule for rule in RULES if rule.is_certain and rule.cause == "leak"]
        )
        return Diagnosis(Suspicion("none", 1.0, "criterion_met"), leaks)
    is_short = is_watched and _num_steps(curves) < LEAST_STEPS and not curves.is_getting_somewhere
    suspicions = _suspicions(curves, name, filter(_sees_the_code, RULES) if is_short else RULES)
    if suspicions:
        return Diagnosis(suspicions[0], suspicions[1:])
    if is_short:
        told = f"whether it learns (only {_num_steps(curves)} steps, fewer than {LEAST_STEPS})"
        evidence = Evidence(told, {"steps": float(_num_steps(curves))})
        return Diagnosis(Suspicion("none", 0.0, "too_few_steps", (evidence,)))
    if is_watched and outcome is not None and _is_nowhere(curves, name):
        return Diagnosis(Suspicion("unknown", 0.0, "none_fired", _last_evaluation(curves)))
    if is_blind:
        confidence = _NONE_AWAY_FROM_CHANCE if curves.left_chance else _NONE_AT_CHANCE
        return Diagnosis(Suspicion("none", confidence, "nothing_wrong"))
    return Diagnosis(Suspicion("unknown", 0.0, "none_fired", _last_evaluation(curves)))


def _sees_the_code(rule: Rule) -> bool:
    """Return whether a rule observes a fault itself, whatever the curves do."""
    return rule.is_certain and rule.courses == frozenset(COURSES)


def _num_steps(curves: TrainingCurves) -> int:
    return max(curves.summary.updates, *curves.updates, 0)


def _is_nowhere(curves: TrainingCurves, course_name: CourseName) -> bool:
    """Return whether a training ended at chance, below and too slowly on its way there, or far ahead."""
    if course_name == "fitted" and curves.end_train_skill - curves.end_validation_skill > GAP:
        return True
    is_far = course_name == "creeping" and curves.end_validation_skill < WORSE
    return (is_far or course_name in _NOWHERE) and not curves.ends_away_from_chance


def _suspicions(
    curves: TrainingCurves, course_name: CourseName, rules: Iterable[Rule]
) -> tuple[Suspicion, ...]:
    """Return the suspicions of rules in their order, one per cause."""
    found: dict[str, Suspicion] = {}
    # Squares and differences of losses that explode may overflow.
    with np.errstate(over="ignore", invalid="ignore"):
        for rule in rules:
            suspicion = None if rule.cause in found else rule.suspicion(curves, course_name)
            if suspicion is not None:
                found[rule.cause] = suspicion
    return tuple(found.values())


def _last_evaluation(curves: TrainingCurves) -> tuple[Evidence, ...]:
    """Return the last evaluation as evidence, or nothing if there was none."""
    if not curves.history:
        return ()
    last = curves.history[-1]
    told = f"at update {last.update} the score is {last.score:.3g}"
    if math.isfinite(curves.end_train_skill):
        told += f"; the training loss came {curves.end_train_skill:.0%} of the way from chance to its minimum"
    return (Evidence(told, {"score": last.score}, None, last.update),)
