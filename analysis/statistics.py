"""How sure a few seeds make us of P(learn), and of a change in it."""

from math import comb, sqrt
from statistics import NormalDist
from typing import NamedTuple


class Interval(NamedTuple):
    """A range of probabilities, both ends included."""

    low: float
    high: float


def wilson_interval(successes: int, trials: int, confidence: float = 0.95) -> Interval:
    """Wilson's score interval of a probability (Wilson 1927, JASA 22, equation in the text of section 2).

    With no trial at all it is 0 to 1.
    """
    assert 0 <= successes <= trials, f"{successes} of {trials}"
    if trials == 0:
        return Interval(0.0, 1.0)
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    failures = trials - successes
    middle = (successes + z * z / 2) / (trials + z * z)
    half_width = z / (trials + z * z) * sqrt(successes * failures / trials + z * z / 4)
    return Interval(
        0.0 if successes == 0 else max(0.0, middle - half_width),
        1.0 if failures == 0 else min(1.0, middle + half_width),
    )


def censored_interval(learned: int, trials: int, censored: int, confidence: float = 0.95) -> Interval:
    """The interval that holds, however the censored trials would have ended.

    Args:
        learned: trials that learned.
        trials: all that count, the censored ones among them.
        censored: trials whose end is not known: P(learn) was seen between learned / trials and
            (learned + censored) / trials.
        confidence: of each of the two Wilson intervals whose outer ends are taken.
    """
    assert learned + censored <= trials, f"{learned} + {censored} of {trials}"
    return Interval(
        wilson_interval(learned, trials, confidence).low,
        wilson_interval(learned + censored, trials, confidence).high,
    )


def exact_paired_test(gained: int, lost: int) -> float:
    """Two-sided p-value of McNemar's test (1947) in its exact conditional form.

    As in Fagerland, Lydersen and Laake (2013), BMC Medical Research Methodology 13:91.

    Of pairs that differ, each is as likely to have gained as to have lost if the change does nothing:
    p = 2 P(X <= min(gained, lost)) for X ~ Binomial(gained + lost, 1/2), and at most 1.

    Args:
        gained: pairs that failed before and learned after.
        lost: pairs that learned before and failed after.
    """
    assert gained >= 0 <= lost, f"{gained} gained, {lost} lost"
    differing = gained + lost
    tail = sum(comb(differing, fewer) for fewer in range(min(gained, lost) + 1))
    return min(1.0, 2 * tail / (1 << differing))
