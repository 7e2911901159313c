import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from failmap.analysis.statistics import censored_interval, exact_paired_test, wilson_interval


@given(st.integers(0, 3000), st.integers(0, 3000))
def test_wilson_interval_is_scipys(successes: int, failures: int) -> None:
    trials = successes + failures
    expected = binomtest(successes, trials).proportion_ci(0.95, method="wilson") if trials else (0, 1)
    assert wilson_interval(successes, trials) == pytest.approx(tuple(expected), abs=1e-12)


def test_four_of_four_is_the_least_that_decides() -> None:
    assert wilson_interval(3, 3).low < 0.5 < wilson_interval(4, 4).low
    assert wilson_interval(0, 4).high < 0.5 < wilson_interval(0, 3).high


@given(*[st.integers(0, 20)] * 4)
def test_censored_interval_holds_for_every_outcome(
    learned: int, failed: int, would_learn: int, would_fail: int
) -> None:
    censored = would_learn + would_fail
    bounds = censored_interval(learned, learned + failed + censored, censored)
    ended = wilson_interval(learned + would_learn, learned + failed + censored)
    assert bounds.low <= ended.low <= ended.high <= bounds.high
    assert bounds == ended or censored


@pytest.mark.parametrize("gained", range(5))
@pytest.mark.parametrize("lost", range(5))
def test_exact_paired_test_counts_all_outcomes_as_extreme(gained: int, lost: int) -> None:
    ways = list(itertools.product([True, False], repeat=gained + lost))
    as_extreme = [way for way in ways if abs(2 * sum(way) - len(way)) >= abs(gained - lost)]
    assert exact_paired_test(gained, lost) == pytest.approx(len(as_extreme) / len(ways), rel=1e-9)


def test_exact_paired_test_needs_six_pairs() -> None:
    assert exact_paired_test(5, 0) == pytest.approx(2 / 32)
    assert exact_paired_test(6, 0) < 0.05
