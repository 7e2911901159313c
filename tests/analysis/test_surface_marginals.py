"""The marginals of the logit against exact integrals."""

import numpy as np
import pytest

from failmap.analysis.surface.laplace import approximate, predict
from failmap.analysis.surface.marginals import Marginals, marginals


def one_cell(prior_variance: float, learned: float, trials: float) -> Marginals:
    """Return the marginal of the only cell."""
    counts = np.array([learned]), np.array([trials])
    kernel = np.full((1, 1, 1), prior_variance)
    posterior = approximate(kernel, np.zeros((1, 1)), np.zeros(1), *counts)
    mode, reduction, with_tried = predict(posterior, kernel, np.zeros((1, 1)))
    variance = prior_variance - (reduction**2).sum(axis=1)
    return marginals(np.ones(1), mode, variance, with_tried, posterior.latent, counts[1])


@pytest.mark.parametrize("prior_variance", [1.0, 9.0, 100.0])
@pytest.mark.parametrize(("learned", "trials"), [(0, 0), (0, 1), (0, 3), (1, 3), (4, 4), (2.5, 3), (40, 60)])
def test_the_marginal_of_a_single_cell_is_exact(prior_variance: float, learned: float, trials: float) -> None:
    grid = np.linspace(-80, 80, 160_001)
    log_density = learned * grid - trials * np.logaddexp(0, grid) - grid**2 / (2 * prior_variance)
    density = np.exp(log_density - log_density.max())
    density /= density.sum()
    below = np.cumsum(density)
    mine = one_cell(prior_variance, learned, trials)
    assert mine.below(np.zeros(1))[0] == pytest.approx(below[len(grid) // 2], abs=0.004)
    assert mine.p[0] == pytest.approx(density @ (1 / (1 + np.exp(-grid))), abs=0.004)
    assert mine.mean[0, 0] == pytest.approx(density @ grid, abs=0.02 * prior_variance**0.5)
    for share in (0.025, 0.5, 0.975):
        assert below[np.searchsorted(grid, mine.quantile(share)[0])] == pytest.approx(share, abs=0.006)


def test_quantiles_of_a_mixture_invert_its_distribution() -> None:
    mine = marginals(
        np.array([0.3, 0.7]),
        np.array([[0.0, 4.0], [-2.0, 9.0]]),
        np.array([[1.0, 0.25], [9.0, 4.0]]),
        np.zeros((2, 2, 1)),
        np.zeros((2, 1)),
        np.ones(1),
    )
    for share in (0.025, 0.4, 0.975):
        np.testing.assert_allclose(mine.below(mine.quantile(share)), share, atol=1e-5)
