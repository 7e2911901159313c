"""Short ways to numbers for which numpy and scipy have longer ones."""

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from failmap.analysis.diagnosis.chance import SIGNIFICANCE, significant_metric, upper_tail
from failmap.analysis.diagnosis.series import curve, median, middle, number
from failmap.run_folder.records import Summary
from tests.analysis.diagnosis.records import record_of

RECORDED = st.one_of(
    st.none(), st.booleans(), st.text(max_size=2), st.integers(-(2**63), 2**63 - 1), st.floats(width=64)
)


@given(st.lists(st.floats(), min_size=1, max_size=60))
def test_median_is_that_of_numpy(values: list[float]) -> None:
    with np.errstate(over="ignore", invalid="ignore"):
        assert np.array_equal(median(np.array(values)), np.median(values), equal_nan=True)
        finite = [value for value in values if math.isfinite(value)]
        assert np.array_equal(middle(np.array(values)), np.median(finite or [math.nan]), equal_nan=True)


@given(st.lists(RECORDED, max_size=20))
def test_curve_holds_each_recorded_number(values: list[object]) -> None:
    expected = np.array([number(value) for value in values], dtype=np.float64)
    assert np.array_equal(curve(values), expected, equal_nan=True)


@given(st.integers(1, 2000), st.floats(1e-3, 0.999), st.integers(1, 100), st.data())
def test_tails_are_those_of_the_binomial_distribution(
    size: int, chance: float, num_evaluations: int, data: st.DataObject
) -> None:
    successes = data.draw(st.integers(0, size))
    tail = binom.sf(successes - 1, size, chance)
    assert math.isclose(upper_tail(successes, size, chance), tail, rel_tol=1e-9, abs_tol=1e-300)
    summary = Summary("failed", "", metric="accuracy", chance_metric=chance, validation_size=size)
    least = round(significant_metric(record_of({}, summary), num_evaluations) * size)
    wanted = SIGNIFICANCE / num_evaluations
    assert binom.sf(least - 1, size, chance) <= wanted * (1 + 1e-9)
    assert binom.sf(least - 2, size, chance) > wanted * (1 - 1e-9)
