"""Faults of the third set that lie in the data: too few, shifted, without a pattern, or of another scale."""

from collections.abc import Iterable

from benchmarks.diagnosis.case import Case
from benchmarks.diagnosis.cases.family import Family
from benchmarks.diagnosis.cases.third_families import (
    ADDING,
    ALARMS,
    ATTENTION,
    CHIRPS,
    COPYING,
    DECAYS,
    DELAYS,
    DIGITS,
    HIGH_LEVELS,
    LARGE_LEVELS,
    LATCHES,
    LEVELS,
    MAJORITIES,
    MAPS,
    PARITY,
    PULSES,
    SEASONS,
    SMALL_LEVELS,
    SUMS,
    SWINGS,
    TIDES,
    WIDE_LEVELS,
)
from benchmarks.diagnosis.cases.third_files import path_of
from failmap.analysis.diagnosis import Cause


def _few(family: Family, label: Cause, size: int, seeds: Iterable[int], max_updates: int) -> list[Case]:
    """Return cases with few sequences and enough updates to go on for long after they are memorised."""
    changes = {"task.train_size": size, "train.max_updates": max_updates}
    return family.configured(label, f"{size} sequences", seeds, changes)


def _on(family: Family, label: Cause, name: str, seeds: Iterable[int]) -> list[Case]:
    """Return cases on another file."""
    return family.configured(label, name.replace("_", " "), seeds, {"task.path": path_of(name)})


_OVERFITTED: list[Case] = [
    *_few(TIDES, "overfit", 12, range(2), 600),
    *_few(TIDES, "overfit", 20, range(2), 1000),
    *_few(DELAYS, "overfit", 8, range(3), 800),
    *_few(SWINGS, "overfit", 10, range(2), 600),
    *_few(CHIRPS, "overfit", 24, range(3), 600),
    *_few(CHIRPS, "overfit", 15, range(2), 300),
    *_few(DECAYS, "overfit", 6, range(3), 500),
    *_few(LEVELS, "overfit", 17, range(3), 1000),
    *_few(PULSES, "overfit", 10, range(3), 600),
    *_few(LATCHES, "overfit", 12, range(3), 1000),
    *_few(LATCHES, "overfit", 25, range(2), 1200),
    *_few(MAJORITIES, "overfit", 24, range(3), 2000),
    *_few(ALARMS, "overfit", 60, range(3), 800),
    *_few(ALARMS, "overfit", 45, range(2), 600),
    *_few(ATTENTION, "overfit", 14, range(3), 600),
    *_few(COPYING, "overfit", 9, range(2), 1200),
    *_few(SUMS, "overfit", 2, range(2), 1000),
    *_few(DIGITS, "overfit", 80, range(2), 300),
]
_TOO_FEW: list[Case] = [
    *_few(MAPS, "too_little_data", 6, range(2), 1200),
    *_few(CHIRPS, "too_little_data", 6, range(3), 400),
    *_few(LEVELS, "too_little_data", 8, range(2), 800),
    *_few(ALARMS, "too_little_data", 12, range(3), 600),
    *_few(ADDING, "too_little_data", 8, range(2), 1500),
    *_few(ADDING, "too_little_data", 20, range(3), 2000),
    *_few(PARITY, "too_little_data", 8, range(3), 600),
    *_few(ATTENTION, "too_little_data", 6, range(2), 500),
]
_SHIFTED: list[Case] = [
    *_on(TIDES, "distribution_shift", "tides_trend_20", range(2)),
    *_on(TIDES, "distribution_shift", "tides_trend_10", range(2)),
    *_on(TIDES, "distribution_shift", "tides_jump_3", range(2)),
    *_on(TIDES, "distribution_shift", "tides_jump_-5", range(2)),
    *_on(TIDES, "distribution_shift", "tides_growth_8", range(2)),
    *_on(TIDES, "distribution_shift", "tides_pace_2.3", range(2)),
    *_on(TIDES, "distribution_shift", "tides_pace_0.3", range(1)),
    *_on(SEASONS, "distribution_shift", "seasons_trend_6", range(2)),
    *_on(SEASONS, "distribution_shift", "seasons_trend_15", range(2)),
    *_on(SEASONS, "distribution_shift", "seasons_jump_4", range(2)),
    *_on(SEASONS, "distribution_shift", "seasons_growth_12", range(2)),
    *_on(SEASONS, "distribution_shift", "seasons_swell_6", range(1)),
    *_on(SWINGS, "distribution_shift", "swings_jump_6", range(2)),
    *_on(SWINGS, "distribution_shift", "swings_turn_3.5", range(2)),
    *_on(SWINGS, "distribution_shift", "swings_jump_-4", range(2)),
    *_on(MAPS, "distribution_shift", "maps_jump_3", range(2)),
    *_on(MAPS, "distribution_shift", "maps_swell_4", range(2)),
    *_on(DELAYS, "distribution_shift", "delays_trend_25", range(2)),
    *_on(DELAYS, "distribution_shift", "delays_jump_4", range(2)),
    *_on(CHIRPS, "distribution_shift", "chirps_offset", range(2)),
    *_on(CHIRPS, "distribution_shift", "chirps_gain", range(2)),
    *_on(CHIRPS, "distribution_shift", "chirps_pitch", range(2)),
    *_on(ALARMS, "distribution_shift", "alarms_drift", range(2)),
]
_WITHOUT_PATTERN: list[Case] = [
    *_on(TIDES, "not_predictable", "walk_1", range(2)),
    *_on(TIDES, "not_predictable", "noise", range(1)),
    *_on(TIDES, "not_predictable", "tides_shuffled", range(2)),
    *_on(SEASONS, "not_predictable", "walk_2", range(1)),
    *_on(SEASONS, "not_predictable", "noise", range(1)),
    *_on(SWINGS, "not_predictable", "walk_2", range(2)),
    *_on(SWINGS, "not_predictable", "jumpy_walk", range(2)),
    *_on(MAPS, "not_predictable", "maps_shuffled", range(2)),
    *_on(MAPS, "not_predictable", "skewed_noise", range(1)),
    *_on(DELAYS, "not_predictable", "walk_1", range(2)),
    *_on(DELAYS, "not_predictable", "jumpy_walk", range(1)),
]
_SCALED: list[Case] = [
    case
    for family in (LARGE_LEVELS, HIGH_LEVELS, WIDE_LEVELS, SMALL_LEVELS)
    for case in (
        *family.plain(3),
        *family.configured("target_scale", "not normalised", range(3), {"task.normalise": False}),
    )
]

DATA_FAULTS: list[Case] = [*_OVERFITTED, *_TOO_FEW, *_SHIFTED, *_WITHOUT_PATTERN, *_SCALED]
