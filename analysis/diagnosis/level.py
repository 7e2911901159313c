"""What a trial reached: nothing, something, its training set by heart, or its criterion."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from failmap.analysis.diagnosis.chance import SIGNIFICANCE, significant_metric, tails, validation_size
from failmap.analysis.diagnosis.series import known
from failmap.analysis.diagnosis.training_curves import TrainingCurves
from failmap.analysis.statistics import Interval, wilson_interval
from failmap.run_folder.records import Evaluation, TrialRecord

LevelName = Literal["at chance", "above chance", "memorised", "learned"]

#: A training set is known by heart once its loss has come nine tenths of the way from chance to its least.
MEMORISED_SKILL = 0.9


@dataclass(frozen=True)
class Level:
    """How far a trial came.

    Attributes:
        name: 'learned': its criterion was met. 'memorised': it was not, and the loss on a finite training set
            has come within a tenth of its least. 'above chance': neither, and blind guessing reaches the best
            metric of all evaluations in fewer than one of 100 trainings. 'at chance': none of these.
        told: one sentence with the numbers that it rests on.
        best_metric: the best of all evaluations.
        interval: of an accuracy: Wilson, 95 %, of that evaluation alone; None for other metrics.
        p_value: of an accuracy: the exact binomial probability that guessing reaches it, times the number of
            evaluations (Bonferroni); None for other metrics.
        is_seen: validation holds every distinct input, those that were trained on included, so that what is
            above chance there may be known by heart.
    """

    name: LevelName
    told: str
    best_metric: float
    interval: Interval | None = None
    p_value: float | None = None
    is_seen: bool = False


def reached(record: TrialRecord, history: list[Evaluation] | tuple[Evaluation, ...]) -> Level | None:
    """What a trial reached; None where no evaluation has a metric, or nobody knows what chance is.

    What is tested is the validation accuracy: `task.test_size` / 2 sequences, each taken as one trial that
    blind guessing wins with the chance accuracy. Labels at every step are not counted one by one, for those
    of one sequence hang together. A squared error is compared with the 99 % bound of `significant_metric`.
    """
    course = TrainingCurves(record, history, is_blind=False)
    summary = record.summary
    metrics = known(course.metric)
    if summary is None or not metrics.size or not np.isfinite(significant_metric(record, len(history))):
        return None
    is_accuracy = summary.metric == "accuracy"
    best = float(metrics.max() if is_accuracy else metrics.min())
    told, interval, p_value = (
        _tested(record, best, len(history)) if is_accuracy else (*_compared(record, best), None)
    )
    is_above = p_value <= SIGNIFICANCE if p_value is not None else best < significant_metric(record, 1)
    name: LevelName = "above chance" if is_above else "at chance"
    if summary.outcome == "learned":
        name, told = "learned", f"the criterion was met; {told}"
    elif course.is_data_finite and course.end_train_skill >= MEMORISED_SKILL:
        name = "memorised"
        skill = course.end_train_skill
        told = f"the training loss has come {skill:.0%} of the way from chance to its least; {told}"
    if summary.has_every_input:
        told += "; validation holds every distinct input, those that were trained on included"
    return Level(name, told, best, interval, p_value, summary.has_every_input)


def _tested(record: TrialRecord, best: float, num_evaluations: int) -> tuple[str, Interval, float]:
    assert record.summary is not None
    size, chance = validation_size(record), record.summary.chance_metric
    right = round(best * size)
    interval = wilson_interval(right, size)
    p_value = min(1.0, num_evaluations * float(tails(size, chance)[right])) if 0 < chance < 1 else 1.0
    told = (
        f"accuracy {best:.3f} ({interval.low:.3f} to {interval.high:.3f}) on {size:,} sequences at the best "
        f"of {num_evaluations} evaluations, chance {chance:.3f}: guessing gets there with p = {p_value:.1g}"
    )
    return told, interval, p_value


def _compared(record: TrialRecord, best: float) -> tuple[str, None]:
    assert record.summary is not None
    size, chance = validation_size(record), record.summary.chance_metric
    bound = significant_metric(record, 1)
    return (
        f"mean squared error {best:.3g} on {size:,} sequences, chance {chance:.3g}, which guessing "
        f"undercuts to {bound:.3g} in one of 100",
        None,
    )
