"""The scores that blind guessing may reach by luck."""

import math
from bisect import bisect_left
from functools import lru_cache
from statistics import NormalDist

from failmap.run_folder.metrics import is_larger_better
from failmap.run_folder.records import TrialRecord

#: Probability that a blind guesser passes as better than chance, over all evaluations of a trial.
SIGNIFICANCE = 0.01
#: Score that counts as better than guessing where chance, or the number of sequences, is unknown.
_UNKNOWN_SCORE = 0.1


def validation_size(record: TrialRecord) -> int | None:
    """Return the number of validation sequences, or None if the record does not contain it.

    Records of older versions lack it: then it is half of the configured test set.
    """
    if record.summary is not None and record.summary.validation_size:
        return record.summary.validation_size
    test_size = record.config.get("task", {}).get("test_size")
    return test_size // 2 if isinstance(test_size, int) and test_size >= 2 else None


def significant_metric(record: TrialRecord, num_evaluations: int) -> float:
    """Return the metric that blind guessing passes in one of 100 trainings.

    It is NaN if chance or the number of validation sequences is unknown, and for metrics such as F1, whose
    distribution depends on how the classes are guessed.

    For an accuracy it is k / n with the least k whose binomial tail under the chance rate is at most
    SIGNIFICANCE divided by the number of evaluations (Bonferroni), since the best of them counts. Sequences
    are counted, not labels: the labels of one sequence are not independent, so with a label at every step
    this errs on the side of chance.

    For a mean squared error it is chance minus z standard errors of the mean of n squared normal numbers,
    each sqrt(2 / n) of chance. All evaluations use the same sequences, so a guesser has one try.
    """
    summary, size = record.summary, validation_size(record)
    if summary is None or size is None or not math.isfinite(summary.chance_metric):
        return math.nan
    chance = summary.chance_metric
    if summary.metric == "accuracy" and 0 < chance < 1:
        return _least_significant(size, chance, SIGNIFICANCE / max(num_evaluations, 1)) / size
    if is_larger_better(summary.metric):
        return math.nan
    return chance * (1 - NormalDist().inv_cdf(1 - SIGNIFICANCE) * math.sqrt(2 / size))


def significant_score(record: TrialRecord, num_evaluations: int) -> float:
    """Return `significant_metric` as a score; a tenth of the way to perfection if that is unknown."""
    metric, summary = significant_metric(record, num_evaluations), record.summary
    if summary is None or math.isnan(metric):
        return _UNKNOWN_SCORE
    room = (1.0 if is_larger_better(summary.metric) else 0.0) - summary.chance_metric
    return (metric - summary.chance_metric) / room if room else _UNKNOWN_SCORE


@lru_cache(maxsize=1024)
def upper_tail(successes: int, trials: int, chance: float) -> float:
    """Return P(X >= successes) for X ~ Binomial(trials, chance)."""
    # Not imported above, because the start of a search does not need it. scipy.stats has the same function
    # under a plainer name, but takes a second to import, in each process that reads trials.
    from scipy.special import bdtrc

    return float(bdtrc(successes - 1, trials, chance))


@lru_cache(maxsize=1024)
def _least_significant(size: int, chance: float, significance: float) -> int:
    """Return the least number of successes whose upper tail is at most `significance`."""
    from scipy.special import bdtrc

    return 1 + bisect_left(range(size), -significance, key=lambda most: -float(bdtrc(most, size, chance)))
