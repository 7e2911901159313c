"""Contents of a file, whatever its format: sequences with targets, or series."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64, Shaped


@dataclass(frozen=True)
class Sequences:
    """Sequences and their targets.

    Attributes:
        inputs: Padded with zeros at their ends.
        targets: Of each sequence, or of each step, padded with zeros; as numbers, also where they are labels.
        lengths: Steps of each sequence, at least 1.
        groups: The group of each, numbered from 0.
        spans: Begin and end of each, on one clock for all.
        features: Names, or numbers from 0.
        notes: What was read, and how.
    """

    inputs: Float64[np.ndarray, "sequences time features"]
    targets: Float64[np.ndarray, "sequences *time"]
    lengths: Int64[np.ndarray, "sequences"]
    groups: Int64[np.ndarray, "sequences"] | None
    spans: Shaped[np.ndarray, "sequences 2"] | None
    features: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.inputs)

    @property
    def is_step(self) -> Shaped[np.ndarray, "sequences time"]:
        """Which steps belong to the sequence rather than its padding."""
        is_step: Shaped[np.ndarray, "sequences time"] = (
            np.arange(self.inputs.shape[1]) < self.lengths[:, None]
        )
        return is_step


@dataclass(frozen=True)
class Series:
    """One series of measurements in temporal order.

    Attributes:
        values: Features of each step; the target features come first.
        times: Time of each step, rising, on one clock for all series of the file.
        group: Number of what was measured, which pieces of a series with gaps share; None: nothing else.
    """

    values: Float64[np.ndarray, "time features"]
    times: Shaped[np.ndarray, "time"] | None
    group: int | None = None


@dataclass(frozen=True)
class SeriesSet:
    """All series of a file.

    Attributes:
        num_targets: Number of target features.
        features: Names, or numbers from 0, in the order of `Series.values`.
        notes: What was read, and how.
    """

    series: tuple[Series, ...]
    num_targets: int
    features: tuple[str, ...]
    notes: tuple[str, ...] = ()
