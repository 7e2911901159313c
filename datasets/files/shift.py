"""How far validation data lie outside of what training shows."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Shaped


class Shift(NamedTuple):
    """Shift from the training to the validation part of a file; 0 where there is none.

    Attributes:
        target: Share of validation targets outside the range of the training targets, by feature; of classes
            the share that training never shows.
        mean: Difference of the means of the targets in training standard deviations, of the feature that
            differs most; 0 for classes.
        input: Share of the entries of validation inputs outside the range of their feature in training.
    """

    target: float
    mean: float
    input: float

    @classmethod
    def between(
        cls,
        train_inputs: Float[np.ndarray, "steps features"],
        validation_inputs: Float[np.ndarray, "more features"],
        train_targets: Shaped[np.ndarray, "labels outputs"],
        validation_targets: Shaped[np.ndarray, "others outputs"],
    ) -> "Shift":
        """Measure the shift between two parts; whole numbers (int64) as targets are classes."""
        inputs = _share_outside(train_inputs, validation_inputs)
        if train_targets.dtype.kind == "i":
            is_unseen = ~np.isin(validation_targets, np.unique(train_targets))
            return cls(float(is_unseen.mean()), 0.0, inputs)
        known, asked = train_targets.astype(np.float64), validation_targets.astype(np.float64)
        deviation = known.std(axis=0)
        distance = np.abs(asked.mean(axis=0) - known.mean(axis=0))
        mean = np.divide(distance, deviation, out=np.zeros_like(distance), where=deviation > 0)
        return cls(_share_outside(known, asked), float(mean.max()), inputs)


def _share_outside(
    known: Float[np.ndarray, "items features"], asked: Float[np.ndarray, "others features"]
) -> float:
    is_outside = (asked < known.min(axis=0)) | (asked > known.max(axis=0))
    return float(is_outside.mean())
