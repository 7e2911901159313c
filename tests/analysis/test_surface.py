"""The surface of P(learn): what it may be sure of, and what must not matter."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from failmap.analysis.surface import Surface, SurfaceAxis, numeric_axes
from failmap.analysis.surface.marginals import marginals

LENGTHS = np.array([5.0, 10, 20, 50, 100, 200])
DEPTHS = np.array([1.0, 2, 3, 4])
POINTS = np.array([(length, depth) for length in LENGTHS for depth in DEPTHS])
AXES = (SurfaceAxis(is_log=True, may_fall=True), SurfaceAxis(is_log=False))
NO_TREND = (SurfaceAxis(is_log=True), SurfaceAxis(is_log=False))


def fit(
    cells: dict[tuple[float, float], tuple[float, float]], axes: tuple[SurfaceAxis, ...] = AXES
) -> Surface:
    """Fit a surface to k of n trials by cell; all others have none."""
    counts = np.array([cells.get((length, depth), (0, 0)) for length, depth in POINTS], dtype=float)
    return Surface.fit(POINTS, counts[:, 0], counts[:, 1], AXES)


def prob_above(surface: Surface, length: float, depth: float) -> float:
    return float(surface.at(np.array([[length, depth]])).prob_above[0])


def counts() -> st.SearchStrategy[tuple[np.ndarray, np.ndarray]]:
    """Draw learned trials and trials, up to four in each cell."""
    cell = st.integers(0, 4).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
    return st.lists(cell, min_size=len(POINTS), max_size=len(POINTS)).map(
        lambda cells: tuple(np.array(cells, dtype=float).T)
    )


def test_without_trials_nothing_is_sure_and_short_is_likelier_to_learn() -> None:
    believed = fit({}).at(POINTS)
    assert believed.prob_above.min() > 0.1
    assert believed.prob_above.max() < 0.9
    assert (believed.low < 0.05).all()
    assert (believed.high > 0.95).all()
    assert (np.diff(believed.p.reshape(len(LENGTHS), -1), axis=0) < 0).all()


def test_a_few_trials_are_sure_near_them_and_beyond_them_in_the_falling_direction_only() -> None:
    failing = fit({(20, 2): (0, 3)})
    assert prob_above(failing, 20, 2) < 0.025
    assert prob_above(failing, 200, 2) < 0.15
    assert 0.1 < prob_above(failing, 5, 2) < 0.975
    learning = fit({(20, 2): (3, 3)})
    assert prob_above(learning, 20, 2) > 0.975
    assert prob_above(learning, 5, 2) > 0.9
    assert 0.025 < prob_above(learning, 200, 2) < 0.9


def test_data_override_the_fall_along_lengths() -> None:
    rising = fit({(5, depth): (0, 4) for depth in DEPTHS} | {(200, depth): (4, 4) for depth in DEPTHS})
    assert prob_above(rising, 5, 2) < 0.025
    assert prob_above(rising, 200, 2) > 0.975


def test_mixed_outcomes_are_not_sure() -> None:
    assert 0.2 < prob_above(fit({(20, 2): (2, 4)}), 20, 2) < 0.8


@given(counts())
@settings(max_examples=15)
def test_beliefs_are_probabilities_in_order(drawn: tuple[np.ndarray, np.ndarray]) -> None:
    surface = Surface.fit(POINTS, *drawn, AXES)
    p, low, high, above = surface.at(POINTS)
    assert (low >= 0).all()
    assert (high <= 1).all()
    assert (low <= p).all()
    assert (p <= high).all()
    # A side is sure exactly where the interval lies on it.
    assert (low[above > 0.976] > 0.5).all()
    assert (high[above < 0.024] < 0.5).all()
    assert (low[above < 0.974] < 0.5).all()
    joint = surface.joint(POINTS[::5])
    assert joint.weights.sum() == pytest.approx(1)
    assert np.linalg.eigvalsh(joint.covariances).min() > -1e-6


@given(counts(), st.permutations(range(len(POINTS))))
@settings(max_examples=10)
def test_the_order_of_cells_does_not_matter(drawn: tuple[np.ndarray, np.ndarray], order: list[int]) -> None:
    learned, trials = drawn
    one = Surface.fit(POINTS, learned, trials, AXES).at(POINTS)
    other = Surface.fit(POINTS[order], learned[order], trials[order], AXES).at(POINTS)
    np.testing.assert_allclose(one, other, atol=1e-5)


@given(counts())
@settings(max_examples=10)
def test_without_a_trend_learned_and_failed_are_symmetric(drawn: tuple[np.ndarray, np.ndarray]) -> None:
    learned, trials = drawn
    one = Surface.fit(POINTS, learned, trials, NO_TREND).at(POINTS)
    other = Surface.fit(POINTS, trials - learned, trials, NO_TREND).at(POINTS)
    np.testing.assert_allclose(one.p, 1 - other.p, atol=1e-5)
    np.testing.assert_allclose(one.low, 1 - other.high, atol=1e-5)
    np.testing.assert_allclose(one.prob_above, 1 - other.prob_above, atol=1e-5)


@given(counts(), st.integers(0, len(POINTS) - 1))
@settings(max_examples=15)
def test_one_more_learned_trial_raises_p_there(drawn: tuple[np.ndarray, np.ndarray], cell: int) -> None:
    learned, trials = drawn
    one = np.arange(len(POINTS)) == cell
    less = Surface.fit(POINTS, learned, trials + one, AXES).at(POINTS[[cell]])
    more = Surface.fit(POINTS, learned + one, trials + one, AXES).at(POINTS[[cell]])
    assert more.p[0] > less.p[0]
    assert more.prob_above[0] > less.prob_above[0]


def test_fractions_of_trials_lie_between() -> None:
    shares = [
        prob_above(fit({(20, 2): (1 + soft, 2 + soft), (50, 2): (0, 2)}), 20, 2) for soft in (0, 0.5, 1)
    ]
    assert shares[0] < shares[1] < shares[2]
    near = prob_above(fit({(20, 2): (1 + 1e-7, 2 + 1e-7), (50, 2): (0, 2)}), 20, 2)
    assert near == pytest.approx(shares[0], abs=1e-5)


def test_a_tiny_count_is_almost_none() -> None:
    almost = fit({(20, 2): (3, 3), (100, 3): (0, 1e-9)}).at(POINTS)
    np.testing.assert_allclose(almost, fit({(20, 2): (3, 3)}).at(POINTS), atol=1e-5)


def test_a_surface_is_the_same_every_time() -> None:
    cells = {(5.0, 1.0): (2.0, 3.0), (50.0, 3.0): (0.0, 2.0)}
    one, other = fit(cells), fit(cells)
    np.testing.assert_array_equal(one.at(POINTS), other.at(POINTS))
    row = np.array([1.0, 2.0])
    assert one.edge(0, LENGTHS, row) == other.edge(0, LENGTHS, row)


def test_units_of_a_linear_axis_do_not_matter() -> None:
    scaled = POINTS * [1.0, 0.1]
    learned, trials = np.where(POINTS[:, 0] < 30, 2.0, 0.0), np.full(len(POINTS), 2.0)
    axes = (AXES[0], SurfaceAxis(is_log=False, unit=0.1))
    np.testing.assert_allclose(
        Surface.fit(scaled, learned, trials, axes).at(scaled),
        Surface.fit(POINTS, learned, trials, AXES).at(POINTS),
        atol=1e-6,
    )


def test_the_edge_lies_between_what_learns_and_what_fails_and_narrows_with_trials() -> None:
    fine = np.geomspace(5, 200, 43)
    row = np.array([1.0, 2.0])

    def edge_of(trials: int) -> tuple[float, float, float]:
        return fit({(x, y): (trials * (x < 30), trials) for x, y in POINTS}).edge(0, fine, row)

    few, many = edge_of(1), edge_of(20)
    assert 20 < many[0] < 50
    assert few[1] < many[1] <= many[0] <= many[2] < few[2]


@pytest.mark.parametrize(("learned", "expected"), [(4, np.inf), (0, -np.inf)])
def test_the_edge_of_a_map_on_one_side_lies_outside(learned: int, expected: float) -> None:
    edge = fit(dict.fromkeys(map(tuple, POINTS), (learned, 4))).edge(0, LENGTHS, np.array([1.0, 2.0]))
    assert edge.middle == expected


def test_axes_are_numeric_logarithmic_or_falling_by_path_and_values() -> None:
    paths = ["task.sequence_length", "model.depth", "model.hidden_size", "model.name", "model.dropout", "a.b"]
    values = [[5, 10, 50], [1, 2, 8], [16, 32], ["lstm", "gru"], [0.0, 0.2, 0.4], [3, 3]]
    length, depth, width, name, dropout, constant = numeric_axes(paths, values)
    assert length == SurfaceAxis(is_log=True, may_fall=True)
    assert depth == SurfaceAxis(is_log=False)
    assert width == SurfaceAxis(is_log=True)
    assert name is None
    assert dropout == SurfaceAxis(is_log=False, unit=pytest.approx(0.2))
    assert constant is None


def test_importing_it_loads_neither_scipy_nor_torch() -> None:
    code = "import sys, failmap.analysis.surface; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {"torch", "ray", "optuna", "scipy", "pandas"} & set(loaded)


@given(counts())
@settings(max_examples=15)
def test_sides_are_the_beliefs_without_their_interval(drawn: tuple[np.ndarray, np.ndarray]) -> None:
    surface = Surface.fit(POINTS, *drawn, AXES)
    sides, beliefs = surface.sides(POINTS), surface.at(POINTS)
    np.testing.assert_allclose(sides.prob_above, beliefs.prob_above, atol=2e-3)
    np.testing.assert_allclose(sides.p, beliefs.p, atol=1e-2)


@given(counts(), counts())
@settings(max_examples=15)
def test_a_surface_of_more_counts_is_about_the_one_that_is_fitted_anew(
    before: tuple[np.ndarray, np.ndarray], added: tuple[np.ndarray, np.ndarray]
) -> None:
    learned, trials = np.array(before) + np.array(added)
    refitted = Surface.fit(POINTS, *before, AXES).refit(POINTS, learned, trials).at(POINTS)
    fitted = Surface.fit(POINTS, learned, trials, AXES).at(POINTS)
    # Priors that the counts before had ruled out may have come back.
    np.testing.assert_allclose(refitted.p, fitted.p, atol=0.1)


def test_the_first_trial_rules_out_no_prior() -> None:
    """One outcome cannot tell priors apart by much, however far Newton's first step leads."""
    none = np.zeros(len(POINTS))
    one = none.copy()
    one[-1] = 1
    before = Surface.fit(POINTS, none, none, AXES)
    refitted, fitted = before.refit(POINTS, one, one), Surface.fit(POINTS, one, one, AXES)
    assert len(refitted.weights) == len(fitted.weights) == len(before.weights)
    np.testing.assert_allclose(refitted.at(POINTS).p, fitted.at(POINTS).p, atol=1e-6)


@given(st.floats(-9, 9), st.integers(1, 200), st.floats(0.01, 3))
def test_the_correction_is_the_exact_likelihood_less_its_quadratic_part(
    f: float, n: int, pull: float
) -> None:
    """One point, one tried cell that follows it."""
    p = 1 / (1 + np.exp(-f))
    assume(n * p * (1 - p) * pull**2 <= 1)
    found = marginals(
        np.ones(1),
        np.zeros((1, 1)),
        np.ones((1, 1)),
        np.full((1, 1, 1), pull),
        np.array([[f]]),
        np.array([float(n)]),
    )
    z = np.linspace(-6, 6, found.density.shape[2])
    log = -n * (
        np.logaddexp(0, f + pull * z) - np.logaddexp(0, f) - p * pull * z - p * (1 - p) / 2 * (pull * z) ** 2
    )
    expected = np.exp(log - z**2 / 2 - (log - z**2 / 2).max())
    np.testing.assert_allclose(
        np.cumsum(found.density[0, 0]), np.cumsum(expected / expected.sum()), atol=0.01
    )
