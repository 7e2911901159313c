"""Data files of the fourth set: series to forecast, with and without a shift, or without a pattern."""

from collections.abc import Callable
from functools import partial

import numpy as np

from benchmarks.diagnosis.cases.data_files import Array, Arrays
from benchmarks.diagnosis.cases.series import (
    as_arrays,
    growth,
    is_late,
    jump,
    noise,
    shuffled,
    skewed_noise,
    swell,
    trend,
)


def hares(late_pace: float = 1.0) -> Array:
    """Lotka and Volterra's prey and predators, counted with errors; two features.

    Args:
        late_pace: how much faster both live in the last part.
    """
    num, fine, unit = 1200, 40, 0.5
    prey, predators = 1.8, 0.6
    values = np.zeros((num, 2))
    for step, late in enumerate(is_late(num)):
        size = unit / fine * (late_pace if late else 1.0)
        for _ in range(fine):
            prey += size * prey * (1 - predators)
            predators += size * predators * (prey - 1)
        values[step] = prey, predators
    return values + np.random.default_rng(61).normal(scale=0.08, size=(num, 2))


def relaxations(late_stiffness: float = 3.0) -> Array:
    """Van der Pol's oscillator, which jumps between two branches, in noise.

    Args:
        late_stiffness: stiffness in the last part, at which small values are nearly a sine.
    """
    num, fine, unit = 1300, 40, 0.5
    value, speed = 1.0, 0.0
    values = np.zeros(num)
    for step, late in enumerate(is_late(num)):
        stiffness = late_stiffness if late else 3.0
        for _ in range(fine):
            pull = stiffness * (1 - value * value) * speed - value
            value, speed = value + unit / fine * speed, speed + unit / fine * pull
        values[step] = value
    return values + np.random.default_rng(62).normal(scale=0.1, size=num)


def orbits(late_fold: float = 1.4) -> Array:
    """Hénon's map, which is chaotic, in noise.

    Args:
        late_fold: its first parameter in the last part; below 1 it settles on few points.
    """
    num = 1300
    value, former = 0.1, 0.1
    values = np.zeros(num)
    for step, late in enumerate(is_late(num)):
        fold = late_fold if late else 1.4
        value, former = 1 - fold * value * value + 0.3 * former, value
        values[step] = value
    return values + np.random.default_rng(63).normal(scale=0.02, size=num)


def beats(late_rate: float = 1.0) -> Array:
    """A pulse: a sharp beat and a slower wave, at a rate that breathes.

    Args:
        late_rate: factor of the rate in the last part.
    """
    num = 1400
    time = np.arange(num)
    rate = (1 + 0.12 * np.sin(2 * np.pi * time / 75)) / 11.3 * np.where(is_late(num), late_rate, 1.0)
    phase = np.cumsum(rate) % 1
    beat = np.exp(-(((phase - 0.3) / 0.07) ** 2)) + 0.35 * np.exp(-(((phase - 0.65) / 0.12) ** 2))
    return beat + np.random.default_rng(64).normal(scale=0.05, size=num)


def envelopes(late_pace: float = 1.0) -> Array:
    """A carrier whose strength swells and fades.

    Args:
        late_pace: factor of the carrier's frequency in the last part.
    """
    num = 1200
    time = np.arange(num)
    strength = 1 + 0.7 * np.sin(2 * np.pi * time / 83)
    rest = np.random.default_rng(65).normal(scale=0.12, size=num)
    turns = np.cumsum(np.where(is_late(num), late_pace, 1.0)) / 6.7
    return strength * np.sin(2 * np.pi * turns) + rest


def weeks(late_order: int = 1) -> Array:
    """A week of seven days, and a level that wanders back.

    Args:
        late_order: -1 to reverse the week in the last part.
    """
    num = 1050
    generator = np.random.default_rng(66)
    pattern = np.array([0.9, 0.4, 0.1, 0.3, 1.2, -1.9, -1.0])
    days = np.arange(num) * np.where(is_late(num), late_order, 1)
    level = np.zeros(num)
    shocks = generator.normal(scale=0.2, size=num)
    for step in range(1, num):
        level[step] = 0.7 * level[step - 1] + shocks[step]
    return pattern[days % 7] + level


def convections() -> Array:
    """The first coordinate of Lorenz's convection."""
    num, fine, size = 1300, 10, 0.008
    x, y, z = 1.0, 1.0, 20.0
    values = np.zeros(num)
    for step in range(-50, num):
        for _ in range(fine):
            slopes = 10 * (y - x), x * (28 - z) - y, x * y - 8 / 3 * z
            x, y, z = (value + size * slope for value, slope in zip((x, y, z), slopes, strict=True))
        values[max(step, 0)] = x
    return values / 8 + np.random.default_rng(67).normal(scale=0.03, size=num)


def heavy_noise(seed: int, num: int = 1300) -> Array:
    """White noise with many outliers (Student's t of 3 degrees of freedom), as returns have."""
    return np.random.default_rng(seed).standard_t(3, size=num)


def coins(seed: int, num: int = 1300) -> Array:
    """Fair coins: 0 or 1."""
    return np.random.default_rng(seed).integers(2, size=num).astype(np.float64)


def each(change: Callable[[Array], Array], values: Array) -> Array:
    """Change every feature of a series."""
    return np.column_stack([change(feature) for feature in values.T])


_SERIES: dict[str, Callable[[], Array]] = {
    "hares": hares,
    "hares_pace_3": partial(hares, 3.0),
    "hares_jump_5": lambda: each(lambda values: jump(values, 5.0), hares()),
    "hares_growth_10": lambda: each(lambda values: growth(values, 10.0), hares()),
    "relaxations": relaxations,
    "relaxations_stiffness_0.1": partial(relaxations, 0.1),
    "relaxations_jump_-4": lambda: jump(relaxations(), -4.0),
    "relaxations_trend_-14": lambda: trend(relaxations(), -14.0),
    "orbits": orbits,
    "orbits_fold_0.9": partial(orbits, 0.9),
    "orbits_jump_2.5": lambda: jump(orbits(), 2.5),
    "orbits_swell_5": lambda: swell(orbits(), 5.0),
    "beats": beats,
    "beats_rate_2": partial(beats, 2.0),
    "beats_rate_0.45": partial(beats, 0.45),
    "beats_swell_-1": lambda: swell(beats(), -1.0),
    "envelopes": envelopes,
    "envelopes_pace_2.3": partial(envelopes, 2.3),
    "envelopes_jump_6": lambda: jump(envelopes(), 6.0),
    "envelopes_trend_25": lambda: trend(envelopes(), 25.0),
    "weeks": weeks,
    "weeks_reversed": partial(weeks, -1),
    "weeks_jump_6": lambda: jump(weeks(), 6.0),
    "weeks_growth_10": lambda: growth(weeks(), 10.0),
    "convections": convections,
    "convections_jump_7": lambda: jump(convections(), 7.0),
    "convections_trend_12": lambda: trend(convections(), 12.0),
    "white_noise": partial(noise, 71, 1300),
    "waiting_times": partial(skewed_noise, 72, 1300),
    "heavy_noise": partial(heavy_noise, 73),
    "coins": partial(coins, 74),
    "relaxations_shuffled": lambda: shuffled(relaxations(), 75),
    "beats_shuffled": lambda: shuffled(beats(), 76),
    "noise_of_two": lambda: np.column_stack([noise(77, 1200), skewed_noise(78, 1200)]),
}

#: Every file of a series, by name.
SERIES: dict[str, Callable[[], Arrays]] = {name: partial(as_arrays, make) for name, make in _SERIES.items()}
