import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.diagnosis.intervals import Trial, cluster_interval, rate

trials = st.lists(st.builds(Trial, st.sampled_from("abcde"), st.booleans()), min_size=1, max_size=40)


def test_rate_has_wilsons_interval() -> None:
    found = rate([Trial("a", True)] * 5 + [Trial("b", False)] * 5)

    assert (found.num_hits, found.num_trials, found.share) == (5, 10, 0.5)
    # Closed form at a half: 1/2 +- z / (2 sqrt(n + z^2)).
    z = 1.959964
    assert found.wilson.low == pytest.approx(0.5 - z / (2 * (10 + z * z) ** 0.5), abs=1e-6)


def test_rate_without_trials() -> None:
    found = rate([])

    assert found.share is None
    assert found.wilson == found.by_family == (0.0, 1.0)


def test_seeds_of_a_family_are_not_independent() -> None:
    many_seeds = [Trial(family, family in "ab") for family in "abcd" for _ in range(100)]

    found = rate(many_seeds)

    # Two of four families hit: the bootstrap draws 0 to 4 of them, whatever the number of seeds.
    assert found.by_family == (0.0, 1.0)
    assert found.wilson.high - found.wilson.low < 0.1


def test_interval_of_independent_trainings_is_binomial() -> None:
    independent = [Trial(str(number), number < 50) for number in range(100)]

    low, high = cluster_interval(independent)

    # The standard error of a half over 100 is 0.05.
    assert low == pytest.approx(0.4, abs=0.02)
    assert high == pytest.approx(0.6, abs=0.02)


@given(trials)
def test_intervals_contain_the_share_and_are_reproducible(given: list[Trial]) -> None:
    found = rate(given)

    assert found.share is not None
    assert found.wilson.low <= found.share <= found.wilson.high
    assert 0 <= found.by_family.low <= found.by_family.high <= 1
    assert rate(given) == found
