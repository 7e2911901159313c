"""A file as three sets of examples, and the notes that all files have in common."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float64

from failmap.datasets.config import ArrayFileConfig
from failmap.datasets.criterion import few_test_sequences
from failmap.datasets.errors import TaskError
from failmap.datasets.files.examples import Examples
from failmap.datasets.files.forecast_levels import SimpleForecasts
from failmap.datasets.files.preprocessing import Preprocessing
from failmap.datasets.files.shift import Shift
from failmap.datasets.files.split import Parts


@dataclass(frozen=True)
class Prepared:
    """A file as sets of examples.

    Attributes:
        train: Training examples.
        validation: Validation examples.
        test: Test examples.
        input_size: Features of a step.
        output_size: Classes, or target features.
        num_steps: Steps of the longest input.
        notes: What a user should know.
        preprocessing: What new data need.
        shift: How far validation lies outside of training.
        season: Steps of a season of the target features in training; 0 if there is none.
        forecasts: What simple forecasts get on validation; None for other targets.
    """

    train: Examples
    validation: Examples
    test: Examples
    input_size: int
    output_size: int
    num_steps: int
    notes: tuple[str, ...]
    preprocessing: Preprocessing
    shift: Shift
    season: int = 0
    forecasts: SimpleForecasts | None = None


def shortened(parts: Parts, config: ArrayFileConfig, what: str) -> Parts:
    """Return the parts with as many training rows as the user wants, and notes on the sizes."""
    num_left = len(parts.train)
    if config.train_size is not None and config.train_size > num_left:
        raise TaskError(f"task.train_size={config.train_size}: {num_left} are left for training")
    train = parts.train[: config.train_size]
    num_validation, num_test = len(parts.validation), len(parts.test)
    sizes = f"{len(train):,} {what} to train, {num_validation:,} to validate, {num_test:,} to test"
    notes = (sizes, *parts.notes, *few_test_sequences(config, num_test))
    return replace(parts, train=train, notes=notes)


def constant_features(values: Float64[np.ndarray, "steps features"], features: tuple[str, ...]) -> list[str]:
    """Return a note on each feature that never changes in training."""
    constant = np.flatnonzero(values.min(axis=0) == values.max(axis=0))
    return [f"feature {features[index]} is always {values[0, index]:g} in training" for index in constant]
