"""Confidence intervals of P(learn) and the test for a change in it."""

from math import sqrt
from statistics import NormalDist
from typing import NamedTuple

_Z = NormalDist().inv_cdf(0.975)


class Interval(NamedTuple):
    """A range of probabilities, both ends included."""

    low: float
    high: float

    @property
    def is_above_half(self) -> bool:
        """Whether all of it lies above one half."""
        return self.low > 0.5

    @property
    def is_below_half(self) -> bool:
        """Whether all of it lies below one half."""
        return self.high < 0.5


def wilson_interval(successes: int, trials: int) -> Interval:
    """Return Wilson's 95 % interval of a probability (Wilson 1927, JASA 22); 0 to 1 without any trial.

    The closed form, because scipy's binomtest also computes a p-value: 1 ms, after every trial of a search.
    """
    if trials == 0:
        return Interval(0.0, 1.0)
    middle = (successes + _Z**2 / 2) / (trials + _Z**2)
    half = _Z / (trials + _Z**2) * sqrt(successes * (trials - successes) / trials + _Z**2 / 4)
    return Interval(
        0.0 if successes == 0 else middle - half,
        1.0 if successes == trials else middle + half,
    )


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
    # Not imported above: scipy.stats takes most of a second, and a search's start does not need it.
    from scipy.stats import binomtest

    return float(binomtest(gained, gained + lost).pvalue) if gained + lost else 1.0
