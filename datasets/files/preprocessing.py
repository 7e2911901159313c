"""How a file's values become what its networks see: the scaling, and the order of features and classes."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Float64, Shaped

from failmap.datasets.config import ArrayFileConfig


@dataclass(frozen=True)
class Preprocessing:
    """How values as they are in a file become inputs and targets of a network.

    Attributes:
        features: Names in the order of the inputs, or numbers from 0; a forecast's targets come first.
        input_mean, input_deviation: Of each feature in training: inputs are (value - mean) / deviation.
        classes: The label of each class, None for numbers.
        target_mean, target_deviation: The same for targets, of each target feature; None for classes.
        task: The task's settings, by which sequences and windows are cut.
    """

    features: list[str]
    input_mean: list[float]
    input_deviation: list[float]
    classes: list[int] | None
    target_mean: list[float] | None
    target_deviation: list[float] | None
    task: dict[str, Any]

    @classmethod
    def of(
        cls,
        config: ArrayFileConfig,
        features: tuple[str, ...],
        inputs: tuple[Float64[np.ndarray, "features"], Float64[np.ndarray, "features"]],
        *,
        classes: Shaped[np.ndarray, "classes"] | None = None,
        targets: tuple[Float64[np.ndarray, "targets"], Float64[np.ndarray, "targets"]] | None = None,
    ) -> "Preprocessing":
        """Collect the values, with mean and deviation of inputs, and of targets that are numbers."""
        mean, deviation = inputs
        target_mean, target_deviation = (None, None) if targets is None else (t.tolist() for t in targets)
        return cls(
            features=list(features),
            input_mean=mean.tolist(),
            input_deviation=deviation.tolist(),
            classes=None if classes is None else [int(label) for label in classes],
            target_mean=target_mean,
            target_deviation=target_deviation,
            task=config.model_dump(mode="json"),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the values by name, for JSON."""
        return asdict(self)
