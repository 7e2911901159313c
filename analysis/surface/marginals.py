"""The distribution of the logit at each point alone, which Laplace's normal approximation gets too wide.

Where all of a few trials agree, the posterior has a long tail away from 0 and hardly any mass beyond 0: after
three failures under a wide prior, P(learn) > 1/2 has 1 % and not the 10 % of the normal approximation.
"""

from dataclasses import dataclass
from functools import cached_property
from math import factorial

import numpy as np
from jaxtyping import Float

#: Standardized logits at which densities are integrated.
_NODES = np.linspace(-6, 6, 97)
#: Distribution functions are kept at every fourth.
_KEPT_EVERY = 4
_KEPT = _NODES[::_KEPT_EVERY]
#: Likelihoods are computed at every 8th, 4th, 2nd or every node and interpolated. If the logit changes by
#: this much at most from one to the next, distribution functions are off by 0.005 at most.
_STRIDES = (8, 4, 2, 1)
_LARGEST_CHANGE = 2.0
#: Likelihoods of cells that move by less, in logits per standard deviation of a point, are taken as their
#: Taylor series up to the sixth power: to 0.00002 nats per trial within three deviations.
_SMALL_PULL = 0.25
#: Of others, those do not matter for which trials * pull^3 is below this.
_NEGLIGIBLE = 0.03
#: The third to sixth powers of the nodes.
_POWERS = _NODES ** np.arange(3, 7)[:, None]
_SMALLEST_TAIL = 1e-15
_NUM_BISECTIONS = 24


def _spline_matrix(
    nodes: Float[np.ndarray, " nodes"], points: Float[np.ndarray, " points"]
) -> Float[np.ndarray, "nodes points"]:
    """Return the linear map from values at evenly spaced nodes to their natural cubic spline at points."""
    step = nodes[1] - nodes[0]
    size = len(nodes)
    second = np.eye(size, k=-1) - 2 * np.eye(size) + np.eye(size, k=1)
    # Curvatures at the inner nodes; none at the ends.
    curvature = np.zeros((size, size))
    curvature[1:-1] = np.linalg.solve((6 * np.eye(size) + second)[1:-1, 1:-1], 6 / step**2 * second[1:-1])
    index = np.minimum(((points - nodes[0]) / step).astype(int), size - 2)
    right = ((points - nodes[index]) / step)[:, None]
    left = 1 - right
    unit = np.eye(size)
    line = left * unit[index] + right * unit[index + 1]
    bend = (left**3 - left) * curvature[index] + (right**3 - right) * curvature[index + 1]
    matrix: Float[np.ndarray, "nodes points"] = (line + step**2 / 6 * bend).T
    return matrix


_SPLINES = {stride: _spline_matrix(_NODES[::stride], _NODES) for stride in _STRIDES}


@dataclass(frozen=True)
class Marginals:
    """Mixtures of skewed distributions of the logit of P(learn), one for each point.

    Attributes:
        weights: Weight of each component.
        mode, scale: Of the normal approximation of each component.
        density: Weight of the logit mode + scale * _NODES; their sum is 1.
    """

    weights: Float[np.ndarray, " components"]
    mode: Float[np.ndarray, "components points"]
    scale: Float[np.ndarray, "components points"]
    density: Float[np.ndarray, "components points nodes"]

    @property
    def mean(self) -> Float[np.ndarray, "components points"]:
        """Return the mean of each component."""
        mean: Float[np.ndarray, "components points"] = self.mode + self.scale * (self.density @ _NODES)
        return mean

    @property
    def stretch(self) -> Float[np.ndarray, "components points"]:
        """Return the standard deviation of each component, divided by that of its normal approximation."""
        variance = self.density @ _NODES**2 - (self.density @ _NODES) ** 2
        stretch: Float[np.ndarray, "components points"] = np.sqrt(variance)
        return stretch

    @property
    def p(self) -> Float[np.ndarray, " points"]:
        """Return the mean of P(learn) at each point."""
        chance = logistic(self.mode[:, :, None] + self.scale[:, :, None] * _NODES)
        p: Float[np.ndarray, " points"] = self.weights @ np.einsum("cpn,cpn->cp", self.density, chance)
        return p

    @cached_property
    def _probit(self) -> Float[np.ndarray, "components points kept"]:
        """Normal score of the distribution function at mode + scale * _KEPT."""
        from scipy.special import ndtri

        # The trapezoid rule: half of each node's mass lies below it.
        below = np.cumsum(self.density, axis=2) - self.density / 2
        tail = np.clip(below[:, :, ::_KEPT_EVERY], _SMALLEST_TAIL, 1 - _SMALLEST_TAIL)
        probit: Float[np.ndarray, "components points kept"] = ndtri(tail)
        return probit

    def below(self, logits: Float[np.ndarray, " points"]) -> Float[np.ndarray, " points"]:
        """Return the probability that the logit at each point is below a value."""
        from scipy.special import ndtr

        step = _KEPT[1] - _KEPT[0]
        place = np.clip(((logits - self.mode) / self.scale - _KEPT[0]) / step, 0, len(_KEPT) - 1)
        node = np.minimum(place.astype(int), len(_KEPT) - 2)
        flat = node + len(_KEPT) * np.arange(node.size).reshape(node.shape)
        left, right = self._probit.take(flat), self._probit.take(flat + 1)
        share: Float[np.ndarray, "components points"] = ndtr(left + (place - node) * (right - left))
        mixed: Float[np.ndarray, " points"] = self.weights @ share
        return mixed

    def quantile(self, share: float) -> Float[np.ndarray, " points"]:
        """Return a quantile of the logit at each point, by bisection."""
        low: Float[np.ndarray, " points"] = (self.mode + _KEPT[0] * self.scale).min(axis=0)
        high: Float[np.ndarray, " points"] = (self.mode + _KEPT[-1] * self.scale).max(axis=0)
        for _ in range(_NUM_BISECTIONS):
            middle = (low + high) / 2
            is_below = self.below(middle) < share
            low, high = np.where(is_below, middle, low), np.where(is_below, high, middle)
        return low


def marginals(
    weights: Float[np.ndarray, " components"],
    mode: Float[np.ndarray, "components points"],
    variance: Float[np.ndarray, "components points"],
    with_tried: Float[np.ndarray, "components points cells"],
    latent: Float[np.ndarray, "components cells"],
    trials: Float[np.ndarray, " cells"],
    corrected_within: float = np.inf,
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
        corrected_within: Where the mode is farther from 0 than this, in standard deviations, the
            approximation stays.
    """
    scale = np.sqrt(variance)
    is_near = np.abs(mode) <= corrected_within * scale
    pull = np.where(is_near[:, :, None], with_tried / scale[:, :, None], 0.0)
    excess = _likelihood_excess(pull, latent, trials)
    log_density = excess - _NODES**2 / 2
    density = np.exp(log_density - log_density.max(axis=2, keepdims=True))
    density /= density.sum(axis=2, keepdims=True)
    return Marginals(weights, mode, scale, density)


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
    is_small = np.abs(pull) < _SMALL_PULL
    excess = _series(np.where(is_small, pull, 0.0), latent, trials) @ _POWERS
    # One component after the other: their terms stay in the processor's cache.
    for component, pulls in enumerate(pull):
        matters = ~is_small[component] & (trials * np.abs(pulls) ** 3 > _NEGLIGIBLE)
        point, cell = np.nonzero(matters)
        if not len(cell):
            continue
        pulled, number = pulls[matters], trials[cell]
        change = np.abs(pulled).max() * (_NODES[1] - _NODES[0])
        stride = next((stride for stride in _STRIDES if stride * change <= _LARGEST_CHANGE), 1)
        nodes = _NODES[::stride]
        # Of the binomial log likelihood k f - n log(1 + e^f) only the second term is not linear.
        begin = latent[component, cell]
        terms = begin[:, None] + pulled[:, None] * nodes
        np.log1p(np.exp(terms, out=terms), out=terms)
        terms *= -number[:, None]
        starts = np.flatnonzero(np.diff(point, prepend=-1))
        mine = np.add.reduceat(terms, starts, axis=0)
        # Its quadratic approximation is taken off.
        chance = logistic(begin)
        quadratic = np.stack(
            [np.log1p(np.exp(begin)), chance * pulled, chance * (1 - chance) / 2 * pulled**2]
        )
        mine += np.add.reduceat(number * quadratic, starts, axis=1).T @ nodes ** np.arange(3)[:, None]
        excess[component, point[starts]] += mine @ _SPLINES[stride]
    return excess


def _series(
    pull: Float[np.ndarray, "components points cells"],
    latent: Float[np.ndarray, "components cells"],
    trials: Float[np.ndarray, " cells"],
) -> Float[np.ndarray, "components points 4"]:
    """Return the coefficients of the third to sixth power of a node in the log likelihood of all cells."""
    chance = logistic(latent)
    variance, lean = chance * (1 - chance), 1 - 2 * chance
    # Derivatives of log(1 + e^f).
    derivatives = (
        variance * lean,
        variance * (1 - 6 * variance),
        variance * lean * (1 - 12 * variance),
        variance * (1 - 30 * variance + 120 * variance**2),
    )
    sums = []
    power = pull**2
    for order, derivative in enumerate(derivatives, start=3):
        power = power * pull
        sums.append(power @ (-trials / factorial(order) * derivative)[:, :, None])
    coefficients: Float[np.ndarray, "components points 4"] = np.concatenate(sums, axis=2)
    return coefficients


def logistic(logits: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    """Return probabilities of logits."""
    return 0.5 * (1 + np.tanh(0.5 * logits))
