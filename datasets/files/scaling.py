"""Normalisation by the training part."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float64


class Scaling(NamedTuple):
    """A shift and a scale for each feature.

    Attributes:
        mean: The shift.
        deviation: The scale, 1 for a feature that never changes.
    """

    mean: Float64[np.ndarray, "features"]
    deviation: Float64[np.ndarray, "features"]

    @classmethod
    def of(cls, values: Float64[np.ndarray, "items features"], *, is_on: bool) -> "Scaling":
        """Return the scaling by mean and deviation of training values, or the identity if it is off."""
        if not is_on:
            return cls(np.zeros(values.shape[1]), np.ones(values.shape[1]))
        mean, deviation = values.mean(axis=0), values.std(axis=0)
        # By rounding a constant has a deviation of about 1e-16 of its size.
        is_constant = deviation <= 1e-12 * np.abs(mean)
        return cls(mean, np.where(is_constant, 1.0, deviation))

    def apply(self, values: Float64[np.ndarray, "*items features"]) -> Float64[np.ndarray, "*items features"]:
        """Return the values shifted and scaled."""
        scaled: Float64[np.ndarray, "*items features"] = (values - self.mean) / self.deviation
        return scaled

    def leaving(self, is_code: Bool[np.ndarray, "features"]) -> "Scaling":
        """Return the scaling that leaves some features as they are."""
        return Scaling(np.where(is_code, 0.0, self.mean), np.where(is_code, 1.0, self.deviation))
