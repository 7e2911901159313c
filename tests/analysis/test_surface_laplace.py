"""Laplace's approximation against scikit-learn's, which repeats a row for every trial."""

import numpy as np
import pytest
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, Kernel, Matern

from failmap.analysis.surface.laplace import Posterior, approximate, predict
from failmap.analysis.surface.mixture import chance_of_logit

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
    means, reduction = predict(mine, kernel(fresh, _POINTS)[None], np.zeros((1, len(fresh))))
    deviations = np.sqrt(kernel.diag(fresh) - (reduction[0] ** 2).sum(axis=0))
    # scikit-learn approximates the logistic integral to about 1e-4.
    np.testing.assert_allclose(
        chance_of_logit(means[0], deviations), peer.predict_proba(fresh)[:, 1], atol=1e-3
    )
    if hasattr(peer.base_estimator_, "latent_mean_and_variance"):
        mean, variance = peer.base_estimator_.latent_mean_and_variance(fresh)
        np.testing.assert_allclose(means[0], mean, atol=1e-5)
        np.testing.assert_allclose(deviations**2, variance, atol=1e-5)
