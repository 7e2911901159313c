"""P(learn) as a surface over the numeric axes of a map."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from failmap.analysis.surface.axes import SurfaceAxis
from failmap.analysis.surface.laplace import Posterior, approximate, mode, predict
from failmap.analysis.surface.marginals import Marginals, logistic, marginals
from failmap.analysis.surface.priors import Priors, prior_grid

#: Priors whose weight lies this far below the best one's are dropped, in nats.
_PRUNE_BELOW = -5.0
#: Standard deviations of a logit from 0 beyond which its side needs no correction: 0.0013 are left.
_BEYOND_DOUBT = 3.0
_NUM_SAMPLES = 1000
_SAMPLE_SEED = 0
#: Share of the largest variance that is added to all of them, for numerical reasons.
_JITTER = 1e-6


class Beliefs(NamedTuple):
    """What is believed of P(learn) at points.

    Attributes:
        p: Mean of P(learn).
        low, high: Its 95 % interval.
        prob_above: Probability that P(learn) is above one half.
    """

    p: Float[np.ndarray, " points"]
    low: Float[np.ndarray, " points"]
    high: Float[np.ndarray, " points"]
    prob_above: Float[np.ndarray, " points"]


class Joint(NamedTuple):
    """A mixture of Gaussians: the logit of P(learn) at several points together.

    Attributes:
        weights: Weight of each component; their sum is 1.
        means: Mean of the logit.
        covariances: Covariance of the logit.
    """

    weights: Float[np.ndarray, " components"]
    means: Float[np.ndarray, "components points"]
    covariances: Float[np.ndarray, "components points points"]

    def sample(self, num_samples: int) -> Float[np.ndarray, "samples points"]:
        """Return logits drawn with a fixed seed: the same every time."""
        random = np.random.default_rng(_SAMPLE_SEED)
        # Evenly spaced quantiles of the components: their shares are right to one sample.
        ladder = (np.arange(num_samples) + 0.5) / num_samples
        chosen = np.searchsorted(np.cumsum(self.weights)[:-1], ladder, side="right")
        normal = random.standard_normal((num_samples, self.means.shape[1]))
        samples = np.empty_like(normal)
        for component in np.unique(chosen):
            mine = chosen == component
            covariance = self.covariances[component]
            # Points close together are all but the same: rounding would leave no Cholesky factor.
            jitter = _JITTER * (1 + np.diagonal(covariance).max()) * np.eye(len(covariance))
            samples[mine] = self.means[component] + normal[mine] @ np.linalg.cholesky(covariance + jitter).T
        return samples


class Sides(NamedTuple):
    """On which side of one half P(learn) lies at points.

    Attributes:
        p: Mean of P(learn).
        prob_above: Probability that P(learn) is above one half.
    """

    p: Float[np.ndarray, " points"]
    prob_above: Float[np.ndarray, " points"]


class Edge(NamedTuple):
    """Where learning ends along an axis, in the axis' own values.

    Attributes:
        middle: The value up to which it learns: as likely too high as too low.
        low, high: Its 95 % interval. -inf is below the first value, inf beyond the last one.
    """

    middle: float
    low: float
    high: float


@dataclass(frozen=True)
class Surface:
    """A Gaussian-process classifier of P(learn), averaged over a fixed grid of priors.

    It is a function of the counts alone: a search that is resumed decides the same.

    Attributes:
        axes: Axes of the points.
        priors: The priors that the data leave.
        weights: Weight of each.
        tried: Positions of the cells with trials, in units.
        trials: Number of trials of each of them.
        posterior: Latent values there.
    """

    axes: tuple[SurfaceAxis, ...]
    priors: Priors
    weights: Float[np.ndarray, " priors"]
    tried: Float[np.ndarray, "cells axes"]
    trials: Float[np.ndarray, " cells"]
    posterior: Posterior

    @classmethod
    def fit(
        cls,
        points: Float[np.ndarray, "cells axes"],
        learned: Float[np.ndarray, " cells"],
        trials: Float[np.ndarray, " cells"],
        axes: Sequence[SurfaceAxis],
    ) -> "Surface":
        """Fit a surface to counts.

        Args:
            points: All cells of the map in the axes' own values, tried or not.
            learned: Number of trials that learned; may be a fraction.
            trials: Number of trials; may be a fraction, and 0.
            axes: Axes of the points.
        """
        axes = tuple(axes)
        positions = _positions(axes, points)
        return _fitted(axes, prior_grid(axes, positions), positions, learned, trials)

    def refit(
        self,
        points: Float[np.ndarray, "cells axes"],
        learned: Float[np.ndarray, " cells"],
        trials: Float[np.ndarray, " cells"],
    ) -> "Surface":
        """Return the surface of other counts, by the priors that are left and starting from here.

        Args:
            points: All cells of the map in the axes' own values, as for `fit`.
            learned: Number of trials that learned.
            trials: Number of trials.
        """
        return _fitted(self.axes, self.priors, _positions(self.axes, points), learned, trials, self)

    def at(self, points: Float[np.ndarray, "points axes"]) -> Beliefs:
        """Return what is believed of P(learn) at points, which need not be cells."""
        latent = self._marginals(_positions(self.axes, points))[0]
        return Beliefs(
            p=latent.p,
            low=logistic(latent.quantile(0.025)),
            high=logistic(latent.quantile(0.975)),
            prob_above=1 - latent.below(np.zeros(len(points))),
        )

    def sides(self, points: Float[np.ndarray, "points axes"]) -> Sides:
        """Return what is believed of P(learn) at points, cheaply: without its interval.

        Where the side is beyond doubt by the normal approximation, it is not corrected.
        """
        latent = self._marginals(_positions(self.axes, points), _BEYOND_DOUBT)[0]
        return Sides(latent.p, 1 - latent.below(np.zeros(len(points))))

    def joint(self, points: Float[np.ndarray, "points axes"]) -> Joint:
        """Return the logit of P(learn) at points as a mixture of Gaussians, one for each prior."""
        positions = _positions(self.axes, points)
        latent, reduction = self._marginals(positions)
        covariance = self.priors.covariance(positions, positions) - reduction.transpose(0, 2, 1) @ reduction
        # Normal scores are correlated as under the normal approximation.
        stretch = latent.stretch
        return Joint(self.weights, latent.mean, covariance * stretch[:, :, None] * stretch[:, None, :])

    def edge(self, along: int, values: Float[np.ndarray, " values"], at: Float[np.ndarray, " axes"]) -> Edge:
        """Return the value of an axis up to which it learns, with its 95 % interval.

        It is the value that best divides a row into one part that learns and one that fails after it.

        Args:
            along: Index of the axis.
            values: Ascending values at which the surface is looked at; a few for each doubling are enough.
            at: The other coordinates of the row; that of the axis itself is not read.
        """
        points = np.tile(at, (len(values), 1))
        points[:, along] = values
        logits = self.joint(points).sample(_NUM_SAMPLES)
        axis = self.axes[along]
        positions = axis.position(values)
        edges = np.sort(last_learned(positions, logits))
        # A quantile between two samples would be halfway to infinity.
        low, middle, high = (edges[int(share * (len(edges) - 1))] for share in (0.025, 0.5, 0.975))
        return Edge(*(_edge_value(axis, position) for position in (middle, low, high)))

    def _marginals(
        self, positions: Float[np.ndarray, "points axes"], corrected_within: float = np.inf
    ) -> tuple[Marginals, Float[np.ndarray, "priors cells points"]]:
        """Return the logit at each position, and what reduces the prior covariance of all (see `predict`)."""
        predicted = predict(
            self.posterior, self.priors.covariance(positions, self.tried), self.priors.mean(positions)
        )
        variance = self.priors.variance[:, None] - (predicted.reduction**2).sum(axis=1)
        latent = marginals(
            self.weights,
            predicted.mean,
            # Rounding may leave less than nothing of a variance.
            np.maximum(variance, 1e-12),
            predicted.with_tried,
            self.posterior.latent,
            self.trials,
            corrected_within,
        )
        return latent, predicted.reduction


def _fitted(
    axes: tuple[SurfaceAxis, ...],
    priors: Priors,
    positions: Float[np.ndarray, "cells axes"],
    learned: Float[np.ndarray, " cells"],
    trials: Float[np.ndarray, " cells"],
    close: Surface | None = None,
) -> Surface:
    """Return the surface of counts; `close` has the same priors, and about the same modes."""
    assert (learned >= 0).all(), f"negative counts: {learned}"
    assert (learned <= trials).all(), f"more learned than were tried: {learned} of {trials}"
    # A cell without trials says nothing; one is enough for no special case without any.
    is_tried = trials > 0
    is_tried[0] |= not is_tried.any()
    tried = positions[is_tried]
    posterior = approximate(
        priors.covariance(tried, tried),
        priors.mean(tried),
        priors.log_weight,
        learned[is_tried],
        trials[is_tried],
        _PRUNE_BELOW,
        None
        if close is None
        else mode(close.posterior, priors.covariance(tried, close.tried), priors.mean(tried)),
    )
    priors = priors.subset(posterior.kept)
    weights = _normalized(posterior.log_evidence + priors.log_weight)
    return Surface(axes, priors, weights, tried, trials[is_tried], posterior)


def last_learned(
    positions: Float[np.ndarray, " positions"], logits: Float[np.ndarray, "samples positions"]
) -> Float[np.ndarray, " samples"]:
    """Return the position of the edge in each sampled row: where the logit crosses 0 downwards.

    Of several crossings it is the one that divides the row best: with most that learns before it, and most
    that fails after it. -inf if the row fails from its first position, inf if it learns at its last.
    """
    signs = np.sign(logits)
    gained = np.cumsum(signs, axis=1)
    best = np.argmax(gained, axis=1)
    rows = np.arange(len(logits))
    after = np.minimum(best + 1, len(positions) - 1)
    here, there = logits[rows, best], logits[rows, after]
    is_last = best == len(positions) - 1
    share = here / np.where(is_last, 1.0, here - there)
    crossing = positions[best] + share * (positions[after] - positions[best])
    return np.where(gained[rows, best] < 0, -np.inf, np.where(is_last, np.inf, crossing))


def _edge_value(axis: SurfaceAxis, position: float) -> float:
    return float(axis.value(np.array(position))) if np.isfinite(position) else float(position)


def _positions(
    axes: Sequence[SurfaceAxis], points: Float[np.ndarray, "points axes"]
) -> Float[np.ndarray, "points axes"]:
    return np.stack([axis.position(column) for axis, column in zip(axes, points.T, strict=True)], axis=1)


def _normalized(log_weights: Float[np.ndarray, " priors"]) -> Float[np.ndarray, " priors"]:
    weights: Float[np.ndarray, " priors"] = np.exp(log_weights - log_weights.max())
    weights /= weights.sum()
    return weights
