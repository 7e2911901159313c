"""Integrals and quantiles of normal distributions and their mixtures."""

import numpy as np
from jaxtyping import Float

#: The logistic function as a mixture of normal distribution functions: weights and inverse widths
#: (Monahan and Stefanski 1989, in Balakrishnan, Handbook of the Logistic Distribution, table 8.7.1).
_WEIGHTS = np.array(
    [
        0.003246343272134, 0.051517477033972, 0.195077912673858, 0.315569823632818,
        0.274149576158423, 0.131076880695470, 0.027912418727972, 0.001449567805354,
    ]
)  # fmt: skip
_INVERSE_WIDTHS = np.array(
    [
        1.365340806296348, 1.059523971016916, 0.830791313765644, 0.650732166639391,
        0.508135425366489, 0.396313345166341, 0.308904252267995, 0.238212616409306,
    ]
)  # fmt: skip
_NUM_BISECTIONS = 40


def normal_cdf(values: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    """Return the distribution function of a standard normal."""
    from scipy.special import ndtr

    result: Float[np.ndarray, "*shape"] = ndtr(values)
    return result


def chance_of_logit(
    means: Float[np.ndarray, "*shape"], deviations: Float[np.ndarray, "*shape"]
) -> Float[np.ndarray, "*shape"]:
    """Return the mean of the logistic function of a normal variable, to 1e-6."""
    widths = np.sqrt(1 + (_INVERSE_WIDTHS * deviations[..., None]) ** 2)
    return normal_cdf(_INVERSE_WIDTHS * means[..., None] / widths) @ _WEIGHTS


def mixture_quantile(
    share: float,
    weights: Float[np.ndarray, " components"],
    means: Float[np.ndarray, "components points"],
    deviations: Float[np.ndarray, "components points"],
) -> Float[np.ndarray, " points"]:
    """Return a quantile of mixtures of normal distributions, by bisection."""
    low = (means - 8 * deviations).min(axis=0)
    high = (means + 8 * deviations).max(axis=0)
    for _ in range(_NUM_BISECTIONS):
        middle = (low + high) / 2
        is_below = weights @ normal_cdf((middle - means) / deviations) < share
        low, high = np.where(is_below, middle, low), np.where(is_below, high, middle)
    return (low + high) / 2
