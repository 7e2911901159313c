"""Faults of the third set that lie in the data: too few, shifted, without a pattern, or of another scale."""

from benchmarks.diagnosis.case import Case
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
from benchmarks.diagnosis.cases.third_files import THIRD_FILES

_OVERFITTED: list[Case] = [
    *TIDES.few("overfit", 12, range(2), 600),
    *TIDES.few("overfit", 20, range(2), 1000),
    *DELAYS.few("overfit", 8, range(3), 800),
    *SWINGS.few("overfit", 10, range(2), 600),
    *CHIRPS.few("overfit", 24, range(3), 600),
    *CHIRPS.few("overfit", 15, range(2), 300),
    *DECAYS.few("overfit", 6, range(3), 500),
    *LEVELS.few("overfit", 17, range(3), 1000),
    *PULSES.few("overfit", 10, range(3), 600),
    *LATCHES.few("overfit", 12, range(3), 1000),
    *LATCHES.few("overfit", 25, range(2), 1200),
    *MAJORITIES.few("overfit", 24, range(3), 2000),
    *ALARMS.few("overfit", 60, range(3), 800),
    *ALARMS.few("overfit", 45, range(2), 600),
    *ATTENTION.few("overfit", 14, range(3), 600),
    *COPYING.few("overfit", 9, range(2), 1200),
    *SUMS.few("overfit", 2, range(2), 1000),
    *DIGITS.few("overfit", 80, range(2), 300),
]
_TOO_FEW: list[Case] = [
    *MAPS.few("too_little_data", 6, range(2), 1200),
    *CHIRPS.few("too_little_data", 6, range(3), 400),
    *LEVELS.few("too_little_data", 8, range(2), 800),
    *ALARMS.few("too_little_data", 12, range(3), 600),
    *ADDING.few("too_little_data", 8, range(2), 1500),
    *ADDING.few("too_little_data", 20, range(3), 2000),
    *PARITY.few("too_little_data", 8, range(3), 600),
    *ATTENTION.few("too_little_data", 6, range(2), 500),
]
_SHIFTED: list[Case] = [
    *TIDES.on_file("distribution_shift", THIRD_FILES.path_of("tides_trend_20"), range(2)),
    *TIDES.on_file("distribution_shift", THIRD_FILES.path_of("tides_trend_10"), range(2)),
    *TIDES.on_file("distribution_shift", THIRD_FILES.path_of("tides_jump_3"), range(2)),
    *TIDES.on_file("distribution_shift", THIRD_FILES.path_of("tides_jump_-5"), range(2)),
    *TIDES.on_file("distribution_shift", THIRD_FILES.path_of("tides_growth_8"), range(2)),
    *TIDES.on_file("distribution_shift", THIRD_FILES.path_of("tides_pace_2.3"), range(2)),
    *TIDES.on_file("distribution_shift", THIRD_FILES.path_of("tides_pace_0.3"), range(1)),
    *SEASONS.on_file("distribution_shift", THIRD_FILES.path_of("seasons_trend_6"), range(2)),
    *SEASONS.on_file("distribution_shift", THIRD_FILES.path_of("seasons_trend_15"), range(2)),
    *SEASONS.on_file("distribution_shift", THIRD_FILES.path_of("seasons_jump_4"), range(2)),
    *SEASONS.on_file("distribution_shift", THIRD_FILES.path_of("seasons_growth_12"), range(2)),
    *SEASONS.on_file("distribution_shift", THIRD_FILES.path_of("seasons_swell_6"), range(1)),
    *SWINGS.on_file("distribution_shift", THIRD_FILES.path_of("swings_jump_6"), range(2)),
    *SWINGS.on_file("distribution_shift", THIRD_FILES.path_of("swings_turn_3.5"), range(2)),
    *SWINGS.on_file("distribution_shift", THIRD_FILES.path_of("swings_jump_-4"), range(2)),
    *MAPS.on_file("distribution_shift", THIRD_FILES.path_of("maps_jump_3"), range(2)),
    *MAPS.on_file("distribution_shift", THIRD_FILES.path_of("maps_swell_4"), range(2)),
    *DELAYS.on_file("distribution_shift", THIRD_FILES.path_of("delays_trend_25"), range(2)),
    *DELAYS.on_file("distribution_shift", THIRD_FILES.path_of("delays_jump_4"), range(2)),
    *CHIRPS.on_file("distribution_shift", THIRD_FILES.path_of("chirps_offset"), range(2)),
    *CHIRPS.on_file("distribution_shift", THIRD_FILES.path_of("chirps_gain"), range(2)),
    *CHIRPS.on_file("distribution_shift", THIRD_FILES.path_of("chirps_pitch"), range(2)),
    *ALARMS.on_file("distribution_shift", THIRD_FILES.path_of("alarms_drift"), range(2)),
]
_WITHOUT_PATTERN: list[Case] = [
    *TIDES.on_file("not_predictable", THIRD_FILES.path_of("walk_1"), range(2)),
    *TIDES.on_file("not_predictable", THIRD_FILES.path_of("noise"), range(1)),
    *TIDES.on_file("not_predictable", THIRD_FILES.path_of("tides_shuffled"), range(2)),
    *SEASONS.on_file("not_predictable", THIRD_FILES.path_of("walk_2"), range(1)),
    *SEASONS.on_file("not_predictable", THIRD_FILES.path_of("noise"), range(1)),
    *SWINGS.on_file("not_predictable", THIRD_FILES.path_of("walk_2"), range(2)),
    *SWINGS.on_file("not_predictable", THIRD_FILES.path_of("jumpy_walk"), range(2)),
    *MAPS.on_file("not_predictable", THIRD_FILES.path_of("maps_shuffled"), range(2)),
    *MAPS.on_file("not_predictable", THIRD_FILES.path_of("skewed_noise"), range(1)),
    *DELAYS.on_file("not_predictable", THIRD_FILES.path_of("walk_1"), range(2)),
    *DELAYS.on_file("not_predictable", THIRD_FILES.path_of("jumpy_walk"), range(1)),
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
