"""What one more trial would tell about the edge: on which side of one half P(learn) lies in every cell."""

import numpy as np
from jaxtyping import Float
from scipy.special import log_ndtr, ndtr

from failmap.analysis.surface import Joint

#: The logistic function is close to a normal distribution's of this inverse variance (MacKay 1992).
_LOGISTIC = np.pi / 8
#: Hyperparameters of less weight are left out.
_LEAST_WEIGHT = 0.01
#: Entropy that a sure side (0.975) may keep, in nats: it counts as nothing.
_ENTROPY_OF_SURE = 0.117


def information_gain(
    belief: Joint, candidates: Float[np.ndarray, " candidates"]
) -> Float[np.ndarray, " candidates"]:
    """Return how much one more trial of each candidate is expected to tell about the side of all cells.

    That is the expected decrease of the sum of the entropies of the sides, in nats (an expected reduction of
    misclassified cells, as Bect et al. 2012, Statistics and Computing 22:773, with an entropy for the
    probability: that one is zero wherever a single trial cannot turn a cell). The distribution after a trial
    is a normal one of the same moments (assumed density filtering; Rasmussen and Williams 2006, section 3.6).

    Args:
        belief: The distribution of the log odds in the cells that matter.
        candidates: Indices of cells.
    """
    kept = belief.weights >= min(_LEAST_WEIGHT, belief.weights.max())
    weights = belief.weights[kept] / belief.weights[kept].sum()
    means, covariances = belief.means[kept], belief.covariances[kept]
    variances = np.maximum(np.einsum("hii->hi", covariances), 1e-12)
    now = _entropy(np.einsum("h,hi->i", weights, ndtr(means / np.sqrt(variances)))).sum()
    mean, variance = means[:, candidates], variances[:, candidates]
    shared = covariances[:, candidates, :]
    scale = np.sqrt(1 + _LOGISTIC * variance)
    after = np.zeros(len(candidates))
    for outcome in (-1.0, 1.0):
        z = outcome * np.sqrt(_LOGISTIC) * mean / scale
        # The first two derivatives of the log probability of the outcome by the mean.
        slope = outcome * np.sqrt(_LOGISTIC) * np.exp(-0.5 * z**2 - log_ndtr(z)) / np.sqrt(2 * np.pi) / scale
        curvature = -(slope**2) - _LOGISTIC * mean / scale**2 * slope
        new_mean = means[:, None, :] + shared * slope[:, :, None]
        new_variance = np.maximum(variances[:, None, :] + shared**2 * curvature[:, :, None], 1e-12)
        chances = weights[:, None] * ndtr(z)
        total = chances.sum(axis=0)
        sides = np.einsum("hc,hci->ci", chances / total, ndtr(new_mean / np.sqrt(new_variance)))
        after += total * _entropy(sides).sum(axis=1)
    gain: Float[np.ndarray, " candidates"] = np.maximum(now - after, 0.0)
    return gain


def _entropy(probability: Float[np.ndarray, "*any"]) -> Float[np.ndarray, "*any"]:
    """Return the entropy of a yes or no, in nats."""
    inside = np.clip(probability, 1e-12, 1 - 1e-12)
    entropy: Float[np.ndarray, "*any"] = -inside * np.log(inside) - (1 - inside) * np.log1p(-inside)
    return np.maximum(entropy - _ENTROPY_OF_SURE, 0.0)
