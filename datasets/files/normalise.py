"""Features and targets, shifted and scaled by what training knows."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float64


class Scaling(NamedTuple):
    """A shift and a scale for each feature.

    Attributes:
        mean: what is subtracted.
        deviation: what is divided by, 1 for a feature that never changes.
    """

    mean: Float64[np.ndarray, "features"]
    deviation: Float64[np.ndarray, "features"]

    @classmethod
    def of(cls, values: Float64[np.ndarray, "items features"], *, is_on: bool) -> "Scaling":
        """Mean and standard deviation of training values; the identity where scaling is off."""
        if not is_on:
            num_features = values.shape[1]
            return cls(np.zeros(num_features), np.ones(num_features))
        mean, deviation = values.mean(axis=0), values.std(axis=0)
        # Rounding leaves a constant a deviation of about 1e-16 of its size.
        is_constant = deviation <= 1e-12 * np.abs(mean)
        return cls(mean, np.where(is_constant, 1.0, deviation))

    def apply(self, values: Float64[np.ndarray, "*items features"]) -> Float64[np.ndarray, "*items features"]:
        """The values shifted and scaled."""
        scaled: Float64[np.ndarray, "*items features"] = (values - self.mean) / self.deviation
        return scaled
