"""P(learn) as a logistic function of a few numbers, some of which may only help and some only harm."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit

#: Strength of the ridge penalty on the weights of standardised numbers: a prior N(0, 1) on each.
PENALTY = 1.0


@dataclass(frozen=True)
class Logistic:
    """P(learn) = 1 / (1 + exp(-(intercept + sum of weight x (number - mean) / scale))).

    Attributes:
        names: of the numbers.
        means, scales: of each over the cells it was fitted on; a number that did not vary there has scale 1.
        weights: of each, after standardising.
        intercept: log odds at the means.
    """

    names: tuple[str, ...]
    means: tuple[float, ...]
    scales: tuple[float, ...]
    weights: tuple[float, ...]
    intercept: float

    @classmethod
    def fit(
        cls,
        rows: Sequence[Mapping[str, float]],
        learned: Sequence[int],
        trials: Sequence[int],
        signs: Mapping[str, int],
        levels: Sequence[Sequence[Hashable]] = (),
    ) -> "Logistic":
        """The binomial maximum likelihood under a ridge penalty.

        Args:
            rows: the numbers of each cell, by name.
            learned, trials: how many trainings of each cell learned, and how many there were.
            signs: the numbers to use, each with the sign that its weight may have: 1, -1, or 0 for either.
                What theory says of a sign is kept even where few cells say otherwise.
            levels: what makes cells easier or harder as a whole, such as their tasks: for each such grouping
                the group of each cell. Every group gets log odds of its own, under the same penalty, so that
                weights tell what happens within groups; of a group not seen before they are not known, and
                the fit leaves them out.
        """
        names = tuple(signs)
        values = np.array([[row[name] for name in names] for row in rows], dtype=float)
        means, scales = values.mean(axis=0), values.std(axis=0)
        scales[scales == 0] = 1.0
        memberships = [
            np.equal.outer(np.array([names_of.index(group) for group in grouping]), np.arange(len(names_of)))
            for grouping in levels
            for names_of in [list(dict.fromkeys(grouping))]
        ]
        standardised = np.hstack([(values - means) / scales, *memberships])
        successes = np.asarray(learned, dtype=float)
        failures = np.asarray(trials, dtype=float) - successes

        def objective(point: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
            weights = point[1:]
            odds = point[0] + standardised @ weights
            loss = successes @ np.logaddexp(0, -odds) + failures @ np.logaddexp(0, odds)
            slope = (successes + failures) * expit(odds) - successes
            gradient = np.concatenate([[slope.sum()], standardised.T @ slope + PENALTY * weights])
            return float(loss + PENALTY / 2 * weights @ weights), gradient

        num_weights = standardised.shape[1]
        bounds = [_BOUNDS[0], *(_BOUNDS[signs[name]] for name in names)]
        bounds += [_BOUNDS[0]] * (num_weights - len(names))
        found = minimize(objective, np.zeros(1 + num_weights), jac=True, bounds=bounds, method="L-BFGS-B")
        assert found.success, found.message
        intercept, *weights = found.x.tolist()
        return cls(
            names, tuple(means.tolist()), tuple(scales.tolist()), tuple(weights[: len(names)]), intercept
        )

    def log_odds(self, row: Mapping[str, float]) -> float:
        """The logarithm of P(learn) / P(fail)."""
        terms = zip(self.names, self.means, self.scales, self.weights, strict=True)
        return self.intercept + sum(
            weight * (row[name] - mean) / scale for name, mean, scale, weight in terms
        )

    def probability(self, row: Mapping[str, float]) -> float:
        """P(learn)."""
        return float(expit(self.log_odds(row)))

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Logistic":
        """The inverse of `dataclasses.asdict`, also behind JSON. Raises KeyError where one is missing."""
        return cls(
            names=tuple(values["names"]),
            means=tuple(values["means"]),
            scales=tuple(values["scales"]),
            weights=tuple(values["weights"]),
            intercept=values["intercept"],
        )


_BOUNDS = {1: (0.0, None), -1: (None, 0.0), 0: (None, None)}
