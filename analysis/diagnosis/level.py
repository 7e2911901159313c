"""The level that a trial reached: chance, above chance, its training set memorised, or its criterion."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np

from failmap.analysis.diagnosis.chance import (
    SIGNIFICANCE,
    significant_metric,
    upper_tail,
    validation_size,
)
from failmap.analysis.diagnosis.series import Curve, known, largest
from failmap.analysis.diagnosis.training_curves import TrainingCurves
from failmap.analysis.statistics import wilson_interval
from failmap.run_folder.metrics import is_larger_better
from failmap.run_folder.records import Evaluation, TrialRecord

LevelName = Literal["at chance", "above chance", "memorised", "learned"]

#: Skill of the training loss from which on a training set counts as memorised.
MEMORISED_SKILL = 0.9


class Level(NamedTuple):
    """The level that a trial reached.

    Attributes:
        name: 'learned': the criterion was met. 'memorised': it was not, and the loss on a finite training set
            came within a tenth of its minimum. 'above chance': neither, and blind guessing reaches the best
            metric of all evaluations in fewer than one of 100 trainings. 'at chance': none of these.
        told: One sentence with the numbers behind it: of an accuracy the Wilson 95 % interval at the best
            evaluation, and the exact binomial probability that guessing reaches it, times the number of
            evaluations (Bonferroni).
    """

    name: LevelName
    told: str


def reached(record: TrialRecord, history: Sequence[Evaluation]) -> Level | None:
    """Return the level that a trial reached, or None if no evaluation has a metric or chance is unknown.

    A validation accuracy is tested as that many sequences, each of which blind guessing gets right with the
    chance accuracy. Labels at every step are not counted one by one, since those of one sequence depend on
    each other. A squared error is compared with the 99 % bound of `significant_metric`, and any other metric,
    or one on an unknown number of sequences, with the score that `significant_score` asks for.
    """
    curves = TrainingCurves(record, history, is_blind=False)
    summary = record.summary
    metrics = known(curves.metric)
    if summary is None or not metrics.size or not np.isfinite(summary.chance_metric):
        return None
    is_above, told = _above_chance(curves, metrics)
    name: LevelName = "above chance" if is_above else "at chance"
    if summary.outcome == "learned":
        name, told = "learned", f"the criterion was met; {told}"
    elif curves.is_data_finite and curves.end_train_skill >= MEMORISED_SKILL:
        name = "memorised"
        skill = curves.end_train_skill
        told = f"the training loss came {skill:.0%} of the way from chance to its minimum; {told}"
    if summary.has_every_input:
        told += "; validation contains every distinct input, including those of training"
    return Level(name, told)


def _above_chance(curves: TrainingCurves, metrics: Curve) -> tuple[bool, str]:
    """Return whether the best metric is better than guessing, and the sentence about it."""
    record, summary, size = curves.record, curves.summary, validation_size(curves.record)
    chance, count = summary.chance_metric, len(curves.history)
    best = float(metrics.max() if is_larger_better(summary.metric) else metrics.min())
    name = summary.metric.replace("_", " ")
    if size is not None and summary.metric == "accuracy":
        num_right = round(best * size)
        interval = wilson_interval(num_right, size)
        tail = upper_tail(num_right, size, chance) if 0 < chance < 1 else 1.0
        p_value = min(1.0, count * tail)
        told = (
            f"accuracy {best:.3f} ({interval.low:.3f} to {interval.high:.3f}) on {size:,} sequences at the "
            f"best of {count} evaluations; chance is {chance:.3f}, and guessing reaches this with "
            f"p = {p_value:.1g}"
        )
        return p_value <= SIGNIFICANCE, told
    if size is not None and summary.metric == "mean_squared_error":
        bound = significant_metric(record, 1)
        told = (
            f"{name} {best:.3g} on {size:,} sequences; chance is {chance:.3g}, and guessing falls below "
            f"{bound:.3g} once in 100 trainings"
        )
        return best < bound, told
    on = "" if size is None else f" on {size:,} sequences"
    told = f"{name} {best:.3g}{on} at the best of {count} evaluations; chance is {chance:.3g}"
    return largest(curves.score) > curves.chance_score, told
