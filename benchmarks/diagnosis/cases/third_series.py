"""Data files of the third set: series to forecast, with and without a shift, or without a pattern."""

from collections.abc import Callable
from functools import partial

import numpy as np

from benchmarks.diagnosis.cases.data_files import Array, Arrays
from benchmarks.diagnosis.cases.series import (
    as_arrays,
    growth,
    is_late,
    jump,
    jumpy_walk,
    noise,
    shuffled,
    skewed_noise,
    swell,
    trend,
    walk,
)


def tides(pace: float = 1.0) -> Array:
    """Two tides and noise. The last part's periods are shorter by `pace`."""
    num = 1600
    generator = np.random.default_rng(41)
    clock = np.cumsum(np.where(is_late(num), pace, 1.0))
    rest = generator.normal(scale=0.15, size=num)
    return np.sin(2 * np.pi * clock / 12.4) + 0.6 * np.sin(2 * np.pi * clock / 25.8) + rest


def seasons() -> Array:
    """A year of 12 steps, whose strength changes slowly, and noise."""
    num = 960
    generator = np.random.default_rng(42)
    pattern = np.array([0.2, -0.4, -1.0, -1.2, -0.3, 0.9, 1.6, 1.1, 0.4, -0.1, -0.9, -0.3])
    strength = 1 + 0.3 * np.sin(2 * np.pi * np.arange(num) / 170)
    return pattern[np.arange(num) % 12] * strength + generator.normal(scale=0.25, size=num)


def swings(turn: float = 9.0, late_turn: float = 9.0) -> Array:
    """A noisy linear oscillator. Its period is `turn` steps, `late_turn` in the last part."""
    num, damping = 1500, 0.985
    generator = np.random.default_rng(43)
    shocks = generator.normal(size=num)
    late = is_late(num)
    values = np.zeros(num)
    for step in range(2, num):
        period = late_turn if late[step] else turn
        first = 2 * damping * np.cos(2 * np.pi / period)
        values[step] = first * values[step - 1] - damping**2 * values[step - 2] + shocks[step]
    return values / 4


def maps(late_factor: float = 3.8) -> Array:
    """The logistic map, which is chaotic, in noise; another factor in the last part."""
    num = 1400
    generator = np.random.default_rng(44)
    late = is_late(num)
    values = np.zeros(num)
    state = 0.3
    for step in range(num):
        state = (late_factor if late[step] else 3.8) * state * (1 - state)
        values[step] = state
    return values + generator.normal(scale=0.02, size=num)


def delays(late_delay: int = 17) -> Array:
    """Mackey and Glass's equation, every third unit of time; another delay in the last part."""
    num, fine = 1300, 3
    total = num * fine
    late = np.repeat(is_late(num), fine)
    states = [1.2] * 40
    for step in range(total):
        lagged = states[-(late_delay if late[step] else 17)]
        square = lagged * lagged
        power = square * square * square * square * square
        states.append(states[-1] + 0.2 * lagged / (1 + power) - 0.1 * states[-1])
    return np.array(states[40:])[::fine]


_SERIES: dict[str, Callable[[], Array]] = {
    "tides": tides,
    "tides_trend_20": lambda: trend(tides(), 20.0),
    "tides_trend_10": lambda: trend(tides(), 10.0),
    "tides_jump_3": lambda: jump(tides(), 3.0),
    "tides_jump_-5": lambda: jump(tides(), -5.0),
    "tides_growth_8": lambda: growth(tides(), 8.0),
    "tides_pace_2.3": partial(tides, 2.3),
    "tides_pace_0.3": partial(tides, 0.3),
    "seasons": seasons,
    "seasons_trend_6": lambda: trend(seasons(), 6.0),
    "seasons_trend_15": lambda: trend(seasons(), 15.0),
    "seasons_jump_4": lambda: jump(seasons(), 4.0),
    "seasons_growth_12": lambda: growth(seasons(), 12.0),
    "seasons_swell_6": lambda: swell(seasons(), 6.0),
    "swings": swings,
    "swings_jump_6": lambda: jump(swings(), 6.0),
    "swings_turn_3.5": partial(swings, 9.0, 3.5),
    "swings_jump_-4": lambda: jump(swings(), -4.0),
    "maps": maps,
    "maps_jump_3": lambda: jump(maps(), 3.0),
    "maps_swell_4": lambda: swell(maps(), 4.0),
    "delays": delays,
    "delays_trend_25": lambda: trend(delays(), 25.0),
    "delays_jump_4": lambda: jump(delays(), 4.0),
    "walk_1": partial(walk, 51),
    "walk_2": partial(walk, 52),
    "jumpy_walk": partial(jumpy_walk, 53),
    "noise": partial(noise, 54),
    "skewed_noise": partial(skewed_noise, 55),
    "tides_shuffled": lambda: shuffled(tides(), 56),
    "maps_shuffled": lambda: shuffled(maps(), 57),
}

#: Every file of a series, by name.
SERIES: dict[str, Callable[[], Arrays]] = {name: partial(as_arrays, make) for name, make in _SERIES.items()}
