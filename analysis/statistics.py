"""Confidence intervals of P(learn) and the test for a change in it.

scipy.stats takes most of a second to import. Modules that must start faster import this one, so each function
imports scipy itself.
"""

from functools import cache
from typing import NamedTuple


class Interval(NamedTuple):
    """A range of probabilities, both ends included."""

    low: float
    high: float


@cache  # A call of scipy takes 0.2 ms, and a search asks for the same few counts after every trial.
def wilson_interval(successes: int, trials: int) -> Interval:
    """Return Wilson's 95 % interval of a probability (Wilson 1927, JASA 22); 0 to 1 without any trial."""
    from scipy.stats import binomtest

    if trials == 0:
        return Interval(0.0, 1.0)
    interval = binomtest(successes, trials).proportion_ci(0.95, method="wilson")
    return Interval(float(interval.low), float(interval.high))


def censored_interval(learned: int, trials: int, censored: int) -> Interval:
    """Return a 95 % interval of P(learn) that holds whatever the censored trials would have become.

    Args:
        learned: Number of trials that learned.
        trials: Number of all trials that count, including the censored ones.
        censored: Number of trials whose outcome is unknown. The observed share of learned trials lies between
            learned / trials and (learned + censored) / trials.
    """
    assert learned + censored <= trials, f"{learned} + {censored} of {trials}"
    return Interval(wilson_interval(learned, trials).low, wilson_interval(learned + censored, trials).high)


def exact_paired_test(gained: int, lost: int) -> float:
    """Return the two-sided p-value of McNemar's test (1947) in its exact conditional form.

    Under the null hypothesis a pair that differs is as likely to have gained as to have lost: a sign test
    (Fagerland, Lydersen and Laake 2013, BMC Medical Research Methodology 13:91).

    Args:
        gained: Number of pairs that failed before and learned after.
        lost: Number of pairs that learned before and failed after.
    """
    from scipy.stats import binomtest

    return float(binomtest(gained, gained + lost).pvalue) if gained + lost else 1.0
