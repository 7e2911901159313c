"""Laplace's approximation of Gaussian-process classification from counts, for many priors at once.

Equations and algorithms are numbered as in Rasmussen and Williams 2006, Gaussian Processes for Machine
Learning. A cell with k of n trials enters once, as a binomial, so that the cost depends on cells and not on
trials. Counts may be fractions.
"""

from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

#: Newton's iterations end when the log posterior gains less than this, in nats.
_TOLERANCE = 1e-7
_MAX_ITERATIONS = 100
_MAX_HALVINGS = 20
#: Priors of little evidence are dropped on the way, too: by what their evidence may still be wrong by after
#: the first, second and third iteration, in nats.
_SLACK = (6.0, 3.0, 1.0)


@dataclass(frozen=True)
class Posterior:
    """Gaussian approximations of the latent values at the tried cells, one for each prior that was kept.

    Attributes:
        kept: Indices of the priors.
        latent: Mode.
        slope: Slope of the log likelihood at the mode.
        root_curvature: Root of the negative second derivative of the log likelihood there.
        cholesky: Lower Cholesky factor of I + W^1/2 K W^1/2.
        log_evidence: Approximate log probability of the outcomes, in nats, without binomial coefficients.
    """

    kept: np.ndarray
    latent: Float[np.ndarray, "kept cells"]
    slope: Float[np.ndarray, "kept cells"]
    root_curvature: Float[np.ndarray, "kept cells"]
    cholesky: Float[np.ndarray, "kept cells cells"]
    log_evidence: Float[np.ndarray, " kept"]

    def subset(self, stays: Bool[np.ndarray, " kept"]) -> "Posterior":
        """Return those of some of the priors."""
        return Posterior(**{field.name: getattr(self, field.name)[stays] for field in fields(self)})


def approximate(
    covariance: Float[np.ndarray, "priors cells cells"],
    mean: Float[np.ndarray, "priors cells"],
    log_prior: Float[np.ndarray, " priors"],
    learned: Float[np.ndarray, " cells"],
    trials: Float[np.ndarray, " cells"],
    prune_below: float = -np.inf,
    start: Float[np.ndarray, "priors cells"] | None = None,
) -> Posterior:
    """Find the posterior modes by Newton's method (algorithm 3.1), with halved steps where one would lose.

    All of it is a function of the arguments: nothing is kept between calls.

    Args:
        covariance: Prior covariance of the latent values at the cells, for each prior.
        mean: Prior mean of the latent values.
        log_prior: Log weight of each prior, in nats.
        learned: Number of trials that learned, per cell.
        trials: Number of trials, per cell, above 0.
        prune_below: Priors whose weight lies this far below the best one's, in nats, are dropped.
        start: Latent values close to the modes. Else all start from the mode of the first prior, which should
            be free to follow the data.
    """
    is_of_others = start is not None
    if start is None:
        start = np.log((learned + 0.5) / (trials - learned + 0.5))[None]
        if len(mean) > 1:
            first = _posterior(covariance[:1], mean[:1], log_prior[:1], learned, trials, start, prune_below)
            start = first.latent
    found = _posterior(covariance, mean, log_prior, learned, trials, start, prune_below, is_of_others)
    stays = _stays(found.log_evidence + log_prior[found.kept], prune_below)
    return found if stays.all() else found.subset(stays)


def _posterior(
    covariance: Float[np.ndarray, "priors cells cells"],
    mean: Float[np.ndarray, "priors cells"],
    log_prior: Float[np.ndarray, " priors"],
    learned: Float[np.ndarray, " cells"],
    trials: Float[np.ndarray, " cells"],
    start: Float[np.ndarray, "starts cells"],
    prune_below: float,
    is_of_others: bool = False,
) -> Posterior:
    """Iterate from a start, of all priors or of each; see `approximate`.

    Args:
        is_of_others: Whether the start is the mode of other counts, and may be far from that of these.
    """
    kept = np.arange(len(mean))
    latent = np.broadcast_to(start, mean.shape)
    # K^-1 (f - mean): the a of algorithm 3.1.
    dual = np.zeros_like(mean)
    objective = np.full(len(mean), -np.inf)
    for iteration in range(_MAX_ITERATIONS):
        slope, root = _derivatives(latent, learned, trials)
        factor = _factor(covariance, root)
        target = root**2 * (latent - mean) + slope
        step = target - root * _solve(factor, root * _product(covariance, target)) - dual
        # The start has no dual coordinates: the first step leads away from the mean.
        begin = latent if iteration else mean
        dual, latent, better = _advance(covariance, mean, learned, trials, dual, begin, step, objective)
        gain = better - objective
        objective = better
        if gain.max() < _TOLERANCE:
            break
        if iteration < len(_SLACK):
            # What is still climbing may climb as far again. The first step from the mode of other counts may
            # even have led away: nothing is known of it yet.
            hope = gain if iteration else np.full(len(kept), np.inf if is_of_others else 0.0)
            log_weight = objective - _half_log_determinant(factor) + log_prior
            stays = log_weight + hope >= log_weight.max() + prune_below - _SLACK[iteration]
            if not stays.all():
                kept, covariance, mean, log_prior, dual, latent, objective = (
                    one[stays] for one in (kept, covariance, mean, log_prior, dual, latent, objective)
                )
    slope, root = _derivatives(latent, learned, trials)
    factor = _factor(covariance, root)
    return Posterior(kept, latent, slope, root, factor, objective - _half_log_determinant(factor))


def _stays(log_weight: Float[np.ndarray, " priors"], prune_below: float) -> Bool[np.ndarray, " priors"]:
    stays: Bool[np.ndarray, " priors"] = log_weight >= log_weight.max() + prune_below
    return stays


def _advance(
    covariance: Float[np.ndarray, "priors cells cells"],
    mean: Float[np.ndarray, "priors cells"],
    learned: Float[np.ndarray, " cells"],
    trials: Float[np.ndarray, " cells"],
    dual: Float[np.ndarray, "priors cells"],
    latent: Float[np.ndarray, "priors cells"],
    step: Float[np.ndarray, "priors cells"],
    objective: Float[np.ndarray, " priors"],
) -> tuple[
    Float[np.ndarray, "priors cells"], Float[np.ndarray, "priors cells"], Float[np.ndarray, " priors"]
]:
    """Return dual coordinates, latent values and log posterior after a step that does not lose."""
    change = _product(covariance, step)
    size = np.ones((len(mean), 1))
    for _ in range(_MAX_HALVINGS):
        new_dual, new_latent = dual + size * step, latent + size * change
        new = -0.5 * (new_dual * (new_latent - mean)).sum(axis=1) + _log_likelihood(
            new_latent, learned, trials
        )
        loses = new < objective
        if not loses.any():
            return new_dual, new_latent, new
        size[loses] /= 2
    # No step gains: rounding is all that is left.
    keep = loses[:, None]
    return np.where(keep, dual, new_dual), np.where(keep, latent, new_latent), np.maximum(new, objective)


class Prediction(NamedTuple):
    """The posterior of the latent values at points.

    Attributes:
        mean: Posterior mean, of the normal approximation.
        reduction: v, for which the posterior covariance is the prior's less v^T v.
        with_tried: Posterior covariance between the points and the tried cells.
    """

    mean: Float[np.ndarray, "kept points"]
    reduction: Float[np.ndarray, "kept cells points"]
    with_tried: Float[np.ndarray, "kept points cells"]


def predict(
    posterior: Posterior,
    between: Float[np.ndarray, "kept points cells"],
    mean: Float[np.ndarray, "kept points"],
) -> Prediction:
    """Predict the latent values at points (algorithm 3.2).

    Args:
        posterior: From `approximate`.
        between: Prior covariance between points and the tried cells.
        mean: Prior mean at the points.
    """
    from scipy.linalg import solve_triangular

    root = posterior.root_curvature
    reduction = root[:, :, None] * between.transpose(0, 2, 1)
    with_tried = np.empty_like(between)
    # K* - K* (K + W^-1)^-1 K = K* W^1/2 B^-1 W^-1/2. Any value will do without trials.
    inverse_root = 1 / np.maximum(root, np.finfo(float).tiny)
    for index, factor in enumerate(posterior.cholesky):
        reduction[index] = solve_triangular(factor, reduction[index], lower=True, check_finite=False)
        with_tried[index] = solve_triangular(
            factor, reduction[index], lower=True, trans="T", check_finite=False
        ).T
    with_tried *= inverse_root[:, None, :]
    return Prediction(mode(posterior, between, mean), reduction, with_tried)


def mode(
    posterior: Posterior,
    between: Float[np.ndarray, "kept points cells"],
    mean: Float[np.ndarray, "kept points"],
) -> Float[np.ndarray, "kept points"]:
    """Return the mode of the latent values at points (equation 3.21); arguments as of `predict`."""
    found: Float[np.ndarray, "kept points"] = mean + _product(between, posterior.slope)
    return found


def _derivatives(
    latent: Float[np.ndarray, "priors cells"],
    learned: Float[np.ndarray, " cells"],
    trials: Float[np.ndarray, " cells"],
) -> tuple[Float[np.ndarray, "priors cells"], Float[np.ndarray, "priors cells"]]:
    """Return slope and root of the negative curvature of the binomial log likelihood (equation 3.15)."""
    tail = np.exp(-np.abs(latent))
    chance = np.where(latent >= 0, 1, tail) / (1 + tail)
    return learned - trials * chance, np.sqrt(trials * tail) / (1 + tail)


def _log_likelihood(
    latent: Float[np.ndarray, "priors cells"],
    learned: Float[np.ndarray, " cells"],
    trials: Float[np.ndarray, " cells"],
) -> Float[np.ndarray, " priors"]:
    terms: Float[np.ndarray, "priors cells"] = learned * latent - trials * np.logaddexp(0, latent)
    sums: Float[np.ndarray, " priors"] = terms.sum(axis=1)
    return sums


def _factor(
    covariance: Float[np.ndarray, "priors cells cells"], root: Float[np.ndarray, "priors cells"]
) -> Float[np.ndarray, "priors cells cells"]:
    """Return the lower Cholesky factors of I + W^1/2 K W^1/2, whose eigenvalues are at least 1."""
    inner = covariance * root[:, :, None]
    inner *= root[:, None, :]
    diagonal = np.arange(root.shape[1])
    inner[:, diagonal, diagonal] += 1
    return np.linalg.cholesky(inner)


def _half_log_determinant(
    factor: Float[np.ndarray, "priors cells cells"],
) -> Float[np.ndarray, " priors"]:
    logs: Float[np.ndarray, "priors cells"] = np.log(np.diagonal(factor, axis1=1, axis2=2))
    halves: Float[np.ndarray, " priors"] = logs.sum(axis=1)
    return halves


def _solve(
    factor: Float[np.ndarray, "priors cells cells"], right: Float[np.ndarray, "priors cells"]
) -> Float[np.ndarray, "priors cells"]:
    """Return (L L^T)^-1 right."""
    from scipy.linalg.lapack import dpotrs

    # A row-major lower factor is a column-major upper one, which LAPACK reads without a copy.
    return np.stack([dpotrs(one.T, side, lower=0)[0] for one, side in zip(factor, right, strict=True)])


def _product(
    covariance: Float[np.ndarray, "priors points cells"], values: Float[np.ndarray, "priors cells"]
) -> Float[np.ndarray, "priors points"]:
    columns: Float[np.ndarray, "priors points 1"] = covariance @ values[:, :, None]
    return columns[:, :, 0]
