import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from failmap.analysis.statistics import censored_interval, exact_paired_test, wilson_interval


@st.composite
def counts(draw: st.DrawFn, parts: int = 2, most: int = 60) -> tuple[int, ...]:
    return tuple(draw(st.lists(st.integers(0, most), min_size=parts, max_size=parts)))


@given(counts(), st.sampled_from([0.5, 0.9, 0.95, 0.99]))
def test_the_wilson_interval_is_scipys(learned_failed: tuple[int, ...], confidence: float) -> None:
    learned, failed = learned_failed
    if learned + failed == 0:
        assert wilson_interval(0, 0, confidence) == (0, 1)
        return
    expected = binomtest(learned, learned + failed).proportion_ci(confidence, method="wilson")
    assert wilson_interval(learned, learned + failed, confidence) == pytest.approx(
        (expected.low, expected.high), abs=1e-12
    )


def test_four_of_four_is_the_least_that_decides() -> None:
    assert wilson_interval(3, 3).low < 0.5 < wilson_interval(4, 4).low
    assert wilson_interval(0, 4).high < 0.5 < wilson_interval(0, 3).high


@given(counts(parts=4, most=20))
def test_the_censored_interval_holds_however_censored_trials_end(split: tuple[int, ...]) -> None:
    learned, failed, would_learn, would_fail = split
    censored = would_learn + would_fail
    bounds = censored_interval(learned, learned + failed + censored, censored)
    ended = wilson_interval(learned + would_learn, learned + failed + censored)
    assert bounds.low <= ended.low <= ended.high <= bounds.high


def test_without_censoring_it_is_wilsons() -> None:
    assert censored_interval(3, 4, 0) == wilson_interval(3, 4)


@given(st.integers(0, 60), st.integers(0, 60))
def test_the_exact_paired_test_is_scipys_binomial_test(gained: int, lost: int) -> None:
    expected = binomtest(gained, gained + lost, 0.5).pvalue if gained + lost else 1.0
    assert exact_paired_test(gained, lost) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("gained", range(5))
@pytest.mark.parametrize("lost", range(5))
def test_the_exact_paired_test_counts_what_is_as_extreme(gained: int, lost: int) -> None:
    ways = list(itertools.product([True, False], repeat=gained + lost))
    as_extreme = [way for way in ways if abs(2 * sum(way) - len(way)) >= abs(gained - lost)]
    assert exact_paired_test(gained, lost) == len(as_extreme) / len(ways)


def test_five_of_five_gained_are_not_yet_one_in_twenty() -> None:
    assert exact_paired_test(5, 0) == 2 / 32
    assert exact_paired_test(6, 0) < 0.05
