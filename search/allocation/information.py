"""Expected information about the edge: on which side of one half P(learn) lies in each cell."""

import numpy as np
from jaxtyping import Float
from scipy.special import log_ndtr, ndtr

from failmap.analysis.surface import Joint

#: The logistic function is close to a normal distribution function of this inverse variance (MacKay 1992).
_LOGISTIC = np.pi / 8
#: Components of less weight are left out.
_LEAST_WEIGHT = 0.01
#: Probability of a side from which on more of it counts as nothing. Beyond the 0.975 from which a cell is
#: inferred: one that barely is becomes open again by the next surprise beside it.
SETTLED = 0.99
#: Cells count by the probability that P(learn) is below 0.2 or above 0.8: hardly any number of trials would
#: decide those in between.
_CLEAR_LOGIT = np.log(0.8 / 0.2)


def information_gain(joint: Joint) -> Float[np.ndarray, " cells"]:
    """Return the information about the sides of all cells that one more trial of each cell gives, in nats.

    It is the expected decrease of the sum of the entropies of the sides, each weighted by the probability
    that its cell is clear: an expected reduction of the cells that are misclassified (Bect et al. 2012,
    Statistics and Computing 22:773), with an entropy in the place of their probability, which decreases only
    where a single trial can turn a cell. The distribution after a trial is taken as a normal one of the same
    moments (assumed density filtering; Rasmussen and Williams 2006, section 3.6).

    Args:
        joint: The log odds of learning in all cells.
    """
    kept = joint.weights >= min(_LEAST_WEIGHT, joint.weights.max())
    weights = joint.weights[kept] / joint.weights[kept].sum()
    mean, covariance = joint.means[kept], joint.covariances[kept]
    variance = np.maximum(np.einsum("hii->hi", covariance), 1e-12)
    deviation = np.sqrt(variance)
    is_clear = ndtr((mean - _CLEAR_LOGIT) / deviation) + ndtr((-_CLEAR_LOGIT - mean) / deviation)
    worth = weights @ is_clear
    before = _entropy(weights @ ndtr(mean / deviation)) @ worth
    scale = np.sqrt(1 + _LOGISTIC * variance)
    after = np.zeros(mean.shape[1])
    for outcome in (-1.0, 1.0):
        z = outcome * np.sqrt(_LOGISTIC) * mean / scale
        # First and second derivative of the log probability of the outcome, by the mean.
        density_ratio = np.exp(-(z**2) / 2 - log_ndtr(z)) / np.sqrt(2 * np.pi)
        slope = outcome * np.sqrt(_LOGISTIC) * density_ratio / scale
        curvature = -slope * (slope + _LOGISTIC * mean / scale**2)
        # Axes: component, cell that is tried, cell whose side is of interest.
        new_mean = mean[:, None, :] + covariance * slope[:, :, None]
        new_variance = np.maximum(variance[:, None, :] + covariance**2 * curvature[:, :, None], 1e-12)
        chances = weights[:, None] * ndtr(z)
        total = chances.sum(axis=0)
        sides = np.einsum("hc,hci->ci", chances / total, ndtr(new_mean / np.sqrt(new_variance)))
        after += total * (_entropy(sides) @ worth)
    gain: Float[np.ndarray, " cells"] = np.maximum(before - after, 0.0)
    return gain


def _entropy(probability: Float[np.ndarray, "*any"]) -> Float[np.ndarray, "*any"]:
    """Return the entropy of a yes or no, in nats, less that of a settled one."""
    inside = np.clip(probability, 1 - SETTLED, SETTLED)
    of_settled = -SETTLED * np.log(SETTLED) - (1 - SETTLED) * np.log1p(-SETTLED)
    entropy: Float[np.ndarray, "*any"] = (
        -inside * np.log(inside) - (1 - inside) * np.log1p(-inside) - of_settled
    )
    return entropy
