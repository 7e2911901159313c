"""What blind guessing may reach by luck, and whether a trial is above it."""

import math
from functools import lru_cache
from statistics import NormalDist

import numpy as np
from jaxtyping import Float64

from failmap.run_folder.records import TrialRecord

#: How rarely a blind guesser may pass for one who knows something, over all evaluations of a trial.
SIGNIFICANCE = 0.01
#: Where a record does not tell how many sequences validation holds, it is taken for this many.
_NOMINAL_VALIDATION_SIZE = 500
#: A score that counts as more than guessing where no chance level is known: a tenth of the way to perfection.
_UNKNOWN_SCORE = 0.1


def validation_size(record: TrialRecord) -> int:
    """Validation sequences: half of the test set, as tasks are configured."""
    test_size = record.config.get("task", {}).get("test_size")
    return test_size // 2 if isinstance(test_size, int) and test_size >= 2 else _NOMINAL_VALIDATION_SIZE


def significant_metric(record: TrialRecord, num_evaluations: int) -> float:
    """The metric that blind guessing passes in one of 100 trainings; NaN where no chance level is known.

    An accuracy: the least k of n whose binomial tail under the chance rate is at most SIGNIFICANCE divided by
    the number of evaluations (Bonferroni), for the best of them is what counts. Sequences count, not labels:
    those of one sequence are not independent, so at every step this errs on the side of chance.

    A mean squared error: chance less z standard errors of the mean of n squares of normal numbers, which is
    sqrt(2 / n) of it. Evaluations share their sequences, so a guesser has one try.
    """
    summary = record.summary
    if summary is None or not math.isfinite(summary.chance_metric):
        return math.nan
    size, chance = validation_size(record), summary.chance_metric
    if summary.metric == "accuracy" and 0 < chance < 1:
        return _least_significant(size, chance, SIGNIFICANCE / max(num_evaluations, 1)) / size
    return chance * (1 - NormalDist().inv_cdf(1 - SIGNIFICANCE) * math.sqrt(2 / size))


def significant_score(record: TrialRecord, num_evaluations: int) -> float:
    """The same as a score; a tenth of the way to perfection where no chance level is known."""
    metric, summary = significant_metric(record, num_evaluations), record.summary
    if summary is None or math.isnan(metric):
        return _UNKNOWN_SCORE
    room = (1.0 if summary.metric == "accuracy" else 0.0) - summary.chance_metric
    return (metric - summary.chance_metric) / room if room else _UNKNOWN_SCORE


def tails(trials: int, chance: float) -> Float64[np.ndarray, "successes"]:
    """P(X >= k) of a binomial X for k = 0 .. trials: exact, from logarithms, summed from the smallest up."""
    k = np.arange(trials)
    log_ratios = np.log((trials - k) / (k + 1)) + math.log(chance / (1 - chance))
    log_probabilities = trials * math.log1p(-chance) + np.concatenate(([0.0], np.cumsum(log_ratios)))
    summed: Float64[np.ndarray, "successes"] = np.cumsum(np.exp(log_probabilities)[::-1])[::-1]
    return summed


@lru_cache(maxsize=1024)
def _least_significant(size: int, chance: float, significance: float) -> int:
    """The least number of right ones whose tail is at most so likely; `size + 1` where none is."""
    return int(np.count_nonzero(tails(size, chance) > significance))
