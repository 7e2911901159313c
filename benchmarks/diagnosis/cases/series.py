"""What makes a series shift or lose its pattern; shared by the sets with forecasts."""

from collections.abc import Callable

import numpy as np

from benchmarks.diagnosis.cases.data_files import Array, Arrays

#: Share of a series that is for training, in a split by time with test_share=0.2.
TRAIN_SHARE = 0.7


def trend(values: Array, rise: float) -> Array:
    """Add a line that rises by so many deviations from the begin to the end."""
    return values + rise * values.std() * np.linspace(0, 1, len(values))


def jump(values: Array, height: float) -> Array:
    """Raise the last part by so many deviations."""
    return values + height * values.std() * is_late(len(values))


def swell(values: Array, factor: float) -> Array:
    """Scale the last part around the mean."""
    middle = values.mean()
    return np.where(is_late(len(values)), middle + factor * (values - middle), values)


def growth(values: Array, factor: float) -> Array:
    """Let level and strength grow exponentially, by a factor from the begin to the end."""
    raised = values - values.min() + values.std()
    return raised * factor ** np.linspace(0, 1, len(values))


def walk(seed: int, num: int = 1500) -> Array:
    """A random walk."""
    return np.cumsum(np.random.default_rng(seed).normal(size=num))


def jumpy_walk(seed: int, num: int = 1500) -> Array:
    """A random walk with rare long steps, as prices have."""
    generator = np.random.default_rng(seed)
    return np.cumsum(generator.normal(size=num) * np.where(generator.uniform(size=num) < 0.05, 5.0, 0.6))


def noise(seed: int, num: int = 1500) -> Array:
    """White noise."""
    return np.random.default_rng(seed).normal(size=num)


def skewed_noise(seed: int, num: int = 1500) -> Array:
    """White noise of a skewed distribution, as waiting times have."""
    return np.random.default_rng(seed).exponential(size=num)


def shuffled(values: Array, seed: int) -> Array:
    """Return a series in an order without any pattern."""
    return np.random.default_rng(seed).permutation(values)


def is_late(num: int) -> Array:
    """Return which steps come after the training part."""
    return np.arange(num) >= int(TRAIN_SHARE * num)


def as_arrays(make: Callable[[], Array]) -> Arrays:
    """Return the arrays of a file; values are rounded (see third_arrays)."""
    return {"series": np.round(make(), 4)}
