"""Laplace's approximation against scikit-learn's, which repeats a row for every trial."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, Kernel, Matern

from failmap.analysis.surface import SurfaceAxis
from failmap.analysis.surface.laplace import Posterior, approximate, predict
from failmap.analysis.surface.priors import prior_grid

_POINTS = np.array([[x, y] for x in (2.3, 3.3, 4.3, 5.6, 6.6) for y in (1.0, 2.0, 3.0)])
_KERNELS = {
    "matern": ConstantKernel(4.0) * Matern([1.5, 2.0], nu=2.5) + ConstantKernel(9.0),
    "rbf": ConstantKernel(25.0) * RBF([2.0, 4.0]) + ConstantKernel(1.0),
}


def counts(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    trials = random.integers(1, 6, len(_POINTS)).astype(float)
    return random.binomial(trials.astype(int), 1 / (1 + np.exp(_POINTS[:, 0] - 4.5))).astype(float), trials


def posterior(kernel: Kernel, learned: np.ndarray, trials: np.ndarray) -> Posterior:
    one = kernel(_POINTS)[None]
    return approximate(one, np.zeros((1, len(_POINTS))), np.zeros(1), learned, trials)


@pytest.fixture(params=_KERNELS)
def kernel(request: pytest.FixtureRequest) -> Kernel:
    return _KERNELS[request.param]


def test_mode_evidence_and_predictions_are_those_of_scikit_learn_with_repeated_rows(kernel: Kernel) -> None:
    learned, trials = counts()
    rows, labels = [], []
    for point, k, n in zip(_POINTS, learned.astype(int), trials.astype(int), strict=True):
        rows += [point] * n
        labels += [1] * k + [0] * (n - k)
    peer = GaussianProcessClassifier(kernel, optimizer=None, max_iter_predict=1000).fit(
        np.array(rows), np.array(labels)
    )
    mine = posterior(kernel, learned, trials)
    assert mine.log_evidence[0] == pytest.approx(peer.log_marginal_likelihood_value_, abs=1e-6)

    fresh = np.array([[1.0, 1.0], [4.0, 2.5], [9.0, 7.0], *_POINTS])
    means, reduction, with_tried = predict(mine, kernel(fresh, _POINTS)[None], np.zeros((1, len(fresh))))
    covariance = kernel(fresh) - reduction[0].T @ reduction[0]
    np.testing.assert_allclose(with_tried[0], covariance[:, -len(_POINTS) :], atol=1e-9)
    deviations = np.sqrt(np.diagonal(covariance))
    mean, variance = peer.latent_mean_and_variance(fresh)
    np.testing.assert_allclose(means[0], mean, atol=1e-6)
    np.testing.assert_allclose(deviations**2, variance, atol=1e-6)
    # scikit-learn approximates the integral of the logistic function.
    normal = np.linspace(-8, 8, 1601)
    weights = np.exp(-(normal**2) / 2) / np.exp(-(normal**2) / 2).sum()
    chance = 1 / (1 + np.exp(-means[0][:, None] - deviations[:, None] * normal)) @ weights
    np.testing.assert_allclose(chance, peer.predict_proba(fresh)[:, 1], atol=1e-3)


def test_priors_are_approximated_alike_alone_or_together() -> None:
    learned, trials = counts(1)
    kernels = np.stack([kernel(_POINTS) for kernel in _KERNELS.values()])
    means = np.zeros((2, len(_POINTS)))
    both = approximate(kernels, means, np.zeros(2), learned, trials)
    for index, kernel in enumerate(_KERNELS.values()):
        alone = posterior(kernel, learned, trials)
        np.testing.assert_allclose(both.latent[index], alone.latent[0], atol=1e-6)
        assert both.log_evidence[index] == pytest.approx(alone.log_evidence[0], abs=1e-6)


def test_priors_of_little_evidence_are_dropped() -> None:
    learned, trials = counts(1)
    kernels = np.stack([_KERNELS["rbf"](_POINTS)] * 3)
    means = np.array([0.0, 60.0, 0.1])[:, None] * np.ones(len(_POINTS))
    kept = approximate(kernels, means, np.zeros(3), learned, trials, prune_below=-10.0).kept
    np.testing.assert_array_equal(kept, [0, 2])


def test_pruning_on_the_way_drops_no_prior_that_counts() -> None:
    """With many trials a cell the evidence of the first steps is far off."""
    axes = (SurfaceAxis(is_log=True, may_fall=True), SurfaceAxis(is_log=False))
    lengths = 2 ** (3 + np.arange(25) / 4)
    points = np.array([[np.log2(length), depth] for length in lengths for depth in range(1, 7)])
    steps = np.array([index - 14 + 2 * depth for index in range(25) for depth in range(1, 7)])
    random = np.random.default_rng(0)
    trials = np.where(np.abs(steps) <= 2, 60.0, 6.0)
    learned = random.binomial(trials.astype(int), 1 / (1 + np.exp(2.0 * steps))).astype(float)
    priors = prior_grid(axes, points)
    mean, covariance = priors.mean(points), priors.covariance(points, points)
    whole = approximate(covariance, mean, priors.log_weight, learned, trials)
    kept = approximate(covariance, mean, priors.log_weight, learned, trials, prune_below=-5.0)
    weight = whole.log_evidence + priors.log_weight
    expected = np.flatnonzero(weight >= weight.max() - 5)
    assert 1 < len(expected) < len(weight) / 2
    np.testing.assert_array_equal(kept.kept, expected)
    np.testing.assert_allclose(kept.log_evidence, whole.log_evidence[expected], atol=1e-5)


def test_the_mode_is_found_from_far_away() -> None:
    """Newton's full step overshoots where the likelihood is flat."""
    trials = np.full(len(_POINTS), 1000.0)
    learned = np.where(_POINTS[:, 0] < 4, 1000.0, 0.0)
    covariance = (ConstantKernel(9.0) * RBF([10.0, 10.0]))(_POINTS)[None]
    mean = np.where(_POINTS[:, 1] > 1.5, 60.0, -60.0)[None]
    found = approximate(covariance, mean, np.zeros(1), learned, trials)
    # At the mode f = m + K d log p / d f (equation 3.17).
    np.testing.assert_allclose(found.latent, mean + found.slope @ covariance[0], atol=1e-4)


@given(st.floats(0, 3), st.floats(0, 3))
def test_a_single_cell_is_at_its_mode(learned: float, failed: float) -> None:
    trials = np.array([learned + failed + 0.01])
    found = approximate(
        np.full((1, 1, 1), 9.0), np.zeros((1, 1)), np.zeros(1), np.array([learned]), trials
    ).latent[0, 0]
    grid = np.linspace(-12, 12, 24001)
    log_posterior = learned * grid - trials[0] * np.logaddexp(0, grid) - grid**2 / 18
    assert found == pytest.approx(grid[np.argmax(log_posterior)], abs=2e-3)
