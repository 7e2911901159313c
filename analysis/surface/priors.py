"""The prior of a surface: what is believed of P(learn) before any trial."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from jaxtyping import Float

from failmap.analysis.surface.axes import SurfaceAxis

#: Length scales in units (doublings, layers): along axes that may fall, and along the others.
FALLING_SCALES = (1.0, 2.5, 6.0)
OTHER_SCALES = (1.5, 5.0)
#: Standard deviations of the smooth part, in logits.
AMPLITUDES = (5.0, 2.0)
#: Logits that are lost per unit along axes that may fall.
FALLS = (2.0, 0.0, 6.0)
#: Standard deviation of the level, in logits, apart from what a fall adds.
LEVEL = 4.0


@dataclass(frozen=True)
class Priors:
    """A fixed grid of Gaussian-process priors of the logit of P(learn) at positions in units.

    The logit is a level, minus a steady fall along the lengths, plus a smooth deviation with a Matern kernel
    (5/2). The level is as uncertain as a fall makes it, so that the edge may lie anywhere on the map.

    Attributes:
        scales: Length scale of the deviation along each axis, in units.
        amplitude: Standard deviation of the deviation, in logits.
        fall: Slope along each axis, in logits per unit.
        level: Standard deviation of the level, in logits.
        centre: Position at which the mean is even.
        log_weight: Log of the weight of each prior, in nats.
    """

    scales: Float[np.ndarray, "priors axes"]
    amplitude: Float[np.ndarray, " priors"]
    fall: Float[np.ndarray, "priors axes"]
    level: Float[np.ndarray, " priors"]
    centre: Float[np.ndarray, " axes"]
    log_weight: Float[np.ndarray, " priors"]

    def mean(self, positions: Float[np.ndarray, "points axes"]) -> Float[np.ndarray, "priors points"]:
        """Return the prior mean of the logit."""
        mean: Float[np.ndarray, "priors points"] = -self.fall @ (positions - self.centre).T
        return mean

    def covariance(
        self, left: Float[np.ndarray, "left axes"], right: Float[np.ndarray, "right axes"]
    ) -> Float[np.ndarray, "priors left right"]:
        """Return the prior covariance of the logit."""
        squares = (left[:, None] - right[None]) ** 2
        # Priors share their length scales: the costly exponential is taken once for each.
        scales, inverse = np.unique(self.scales, axis=0, return_inverse=True)
        distance = np.sqrt(5 * np.einsum("lra,sa->slr", squares, scales**-2.0))
        shape = (1 + distance + distance**2 / 3) * np.exp(-distance)
        covariance: Float[np.ndarray, "priors left right"] = shape[inverse.reshape(-1)]
        covariance *= self.amplitude[:, None, None] ** 2
        covariance += self.level[:, None, None] ** 2
        return covariance

    @property
    def variance(self) -> Float[np.ndarray, " priors"]:
        """Return the prior variance of the logit, the same everywhere."""
        variance: Float[np.ndarray, " priors"] = self.amplitude**2 + self.level**2
        return variance

    def subset(self, kept: np.ndarray) -> "Priors":
        """Return some of the priors."""
        return Priors(
            self.scales[kept], self.amplitude[kept], self.fall[kept], self.level[kept], self.centre,
            self.log_weight[kept],
        )  # fmt: skip


def prior_grid(axes: Sequence[SurfaceAxis], positions: Float[np.ndarray, "cells axes"]) -> Priors:
    """Return the priors of a map; the first follows the data most freely.

    Args:
        axes: Its axes.
        positions: All its cells in units, tried or not: they say where the map lies.
    """
    falls_along = np.array([axis.may_fall for axis in axes])
    low, high = positions.min(axis=0), positions.max(axis=0)
    grid = np.array(
        [
            (along, across, amplitude, fall)
            for along, across, amplitude, fall in product(
                FALLING_SCALES if falls_along.any() else (1.0,),
                OTHER_SCALES if not falls_along.all() else (1.0,),
                AMPLITUDES,
                FALLS if falls_along.any() else (0.0,),
            )
        ]
    )
    along, across, amplitude, fall = grid.T
    half = (falls_along * (high - low)).max(initial=0.0) / 2
    return Priors(
        scales=np.where(falls_along, along[:, None], across[:, None]),
        amplitude=amplitude,
        fall=falls_along * fall[:, None],
        level=np.sqrt(LEVEL**2 + (fall * half) ** 2),
        centre=(low + high) / 2,
        log_weight=np.full(len(grid), -np.log(len(grid))),
    )
