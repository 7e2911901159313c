"""The distribution of the logit at each point alone, which Laplace's normal approximation gets too wide.

Where all of a few trials agree, the posterior has a long tail away from 0 and hardly any mass beyond 0: after
three failures under a wide prior, P(learn) > 1/2 has 1 % and not the 10 % of the normal approximation.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

#: Standardized logits at which the exact likelihood is compared with its approximation.
_COARSE = np.linspace(-6, 6, 25)
#: Those at which densities are integrated.
_REFINEMENT = 4
_FINE = np.linspace(-6, 6, _REFINEMENT * (len(_COARSE) - 1) + 1)
_TO_FINE = np.stack([np.interp(_FINE, _COARSE, unit) for unit in np.eye(len(_COARSE))])
#: A cell's likelihood is close to its approximation where trials * (logits per deviation)^3 is below this.
_NEGLIGIBLE = 0.01
_SMALLEST_TAIL = 1e-15
_NUM_BISECTIONS = 40


@dataclass(frozen=True)
class Marginals:
    """Mixtures of skewed distributions of the logit of P(learn), one for each point.

    Attributes:
        weights: Weight of each component.
        mode, scale: Of the normal approximation of each component.
        mean, deviation: Mean and standard deviation of the corrected one.
        chance: Mean of P(learn) of each component.
        probit: Normal score of the distribution function at mode + scale * _COARSE.
    """

    weights: Float[np.ndarray, " components"]
    mode: Float[np.ndarray, "components points"]
    scale: Float[np.ndarray, "components points"]
    mean: Float[np.ndarray, "components points"]
    deviation: Float[np.ndarray, "components points"]
    chance: Float[np.ndarray, "components points"]
    probit: Float[np.ndarray, "components points nodes"]

    def below(self, logits: Float[np.ndarray, " points"]) -> Float[np.ndarray, " points"]:
        """Return the probability that the logit at each point is below a value."""
        from scipy.special import ndtr

        step = _COARSE[1] - _COARSE[0]
        place = np.clip(((logits - self.mode) / self.scale - _COARSE[0]) / step, 0, len(_COARSE) - 1)
        index = np.minimum(place.astype(int), len(_COARSE) - 2)[..., None]
        left = np.take_along_axis(self.probit, index, axis=2)[..., 0]
        right = np.take_along_axis(self.probit, index + 1, axis=2)[..., 0]
        share: Float[np.ndarray, "components points"] = ndtr(left + (place - index[..., 0]) * (right - left))
        return self.weights @ share

    def quantile(self, share: float) -> Float[np.ndarray, " points"]:
        """Return a quantile of the logit at each point, by bisection."""
        low = (self.mode + _COARSE[0] * self.scale).min(axis=0)
        high = (self.mode + _COARSE[-1] * self.scale).max(axis=0)
        for _ in range(_NUM_BISECTIONS):
            middle = (low + high) / 2
            is_below = self.below(middle) < share
            low, high = np.where(is_below, middle, low), np.where(is_below, high, middle)
        return (low + high) / 2


def marginals(
    weights: Float[np.ndarray, " components"],
    mode: Float[np.ndarray, "components points"],
    variance: Float[np.ndarray, "components points"],
    with_tried: Float[np.ndarray, "components points cells"],
    latent: Float[np.ndarray, "components cells"],
    trials: Float[np.ndarray, " cells"],
) -> Marginals:
    """Correct normal approximations by the exact likelihood of the tried cells.

    The cells are taken to follow a point's logit as they do under the normal approximation (Rue, Martino and
    Chopin 2009, section 3.2.2). The determinant is left out: it makes untried points too sure.

    Args:
        weights: Weight of each component.
        mode: Mode of the logit at the points.
        variance: Posterior variance of the logit under the normal approximation.
        with_tried: Posterior covariance between points and tried cells.
        latent: Mode of the logit at the tried cells.
        trials: Number of trials, per tried cell.
    """
    from scipy.special import ndtri

    scale = np.sqrt(variance)
    excess = _likelihood_excess(with_tried / scale[:, :, None], latent, trials)
    log_density = excess @ _TO_FINE - _FINE**2 / 2
    density = np.exp(log_density - log_density.max(axis=2, keepdims=True))
    density /= density.sum(axis=2, keepdims=True)
    first = density @ _FINE
    second = density @ _FINE**2
    logits = mode[:, :, None] + scale[:, :, None] * _FINE
    # The trapezoid rule: half of each node's mass lies below it.
    below = np.cumsum(density, axis=2) - density / 2
    tail = np.clip(below[:, :, ::_REFINEMENT], _SMALLEST_TAIL, 1 - _SMALLEST_TAIL)
    return Marginals(
        weights=weights,
        mode=mode,
        scale=scale,
        mean=mode + scale * first,
        deviation=scale * np.sqrt(second - first**2),
        chance=(density * logistic(logits)).sum(axis=2),
        probit=ndtri(tail),
    )


def _likelihood_excess(
    pull: Float[np.ndarray, "components points cells"],
    latent: Float[np.ndarray, "components cells"],
    trials: Float[np.ndarray, " cells"],
) -> Float[np.ndarray, "components points nodes"]:
    """Return the log likelihood beyond its quadratic approximation, at each node.

    Args:
        pull: Logits that a tried cell moves by when the point moves by one standard deviation.
        latent: Mode of the logit at the tried cells.
        trials: Number of trials, per tried cell.
    """
    matters = trials * np.abs(pull) ** 3 > _NEGLIGIBLE
    component, point, cell = np.nonzero(matters)
    excess = np.zeros((*pull.shape[:2], len(_COARSE)))
    if not len(cell):
        return excess
    begin, count = latent[component, cell][:, None], trials[cell][:, None]
    moved = pull[matters][:, None] * _COARSE
    # Of the binomial log likelihood k f - n log(1 + e^f) only the second term is not linear.
    chance = logistic(begin)
    quadratic = chance * moved + chance * (1 - chance) * moved**2 / 2
    terms = count * (quadratic - np.logaddexp(0, begin + moved) + np.logaddexp(0, begin))
    row = component * pull.shape[1] + point
    starts = np.flatnonzero(np.diff(row, prepend=-1))
    excess.reshape(-1, len(_COARSE))[row[starts]] = np.add.reduceat(terms, starts, axis=0)
    return excess


def logistic(logits: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    """Return probabilities of logits."""
    return 0.5 * (1 + np.tanh(0.5 * logits))
