"""The level that a trial reached: chance, above chance, its training set memorised, or its criterion."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np

from failmap.analysis.diagnosis.chance import SIGNIFICANCE, significant_metric, upper_tail, validation_size
from failmap.analysis.diagnosis.series import known
from failmap.analysis.diagnosis.training_curves import TrainingCurves
from failmap.analysis.statistics import wilson_interval
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

    A validation accuracy is tested as `task.test_size` / 2 sequences, each of which blind guessing gets right
    with the chance accuracy. Labels at every step are not counted one by one, since those of one sequence
    depend on each other. A squared error is compared with the 99 % bound of `significant_metric`.
    """
    curves = TrainingCurves(record, history, is_blind=False)
    summary = record.summary
    metrics = known(curves.metric)
    if summary is None or not metrics.size or not np.isfinite(significant_metric(record, len(history))):
        return None
    size, chance = validation_size(record), summary.chance_metric
    if summary.metric == "accuracy":
        best = float(metrics.max())
        num_right = round(best * size)
        interval = wilson_interval(num_right, size)
        tail = upper_tail(num_right, size, chance) if 0 < chance < 1 else 1.0
        p_value = min(1.0, len(history) * tail)
        is_above = p_value <= SIGNIFICANCE
        told = (
            f"accuracy {best:.3f} ({interval.low:.3f} to {interval.high:.3f}) on {size:,} sequences at the "
            f"best of {len(history)} evaluations; chance is {chance:.3f}, and guessing reaches this with "
            f"p = {p_value:.1g}"
        )
    else:
        best, bound = float(metrics.min()), significant_metric(record, 1)
        is_above = best < bound
        told = (
            f"mean squared error {best:.3g} on {size:,} sequences; chance is {chance:.3g}, and guessing "
            f"falls below {bound:.3g} once in 100 trainings"
        )
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
