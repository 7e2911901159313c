"""Faults of the fourth set that lie in the data: too few, shifted, without a pattern, or of another scale."""

from collections.abc import Iterable

from benchmarks.diagnosis.case import Case
from benchmarks.diagnosis.cases.family import Family
from benchmarks.diagnosis.cases.fourth_families import (
    ADDING,
    BEATS,
    BRACKETS,
    CONVECTIONS,
    COPYING,
    DIALS,
    DIGITS,
    ECHOES,
    ENVELOPES,
    FIRSTS,
    HARES,
    HIGH_SLOPES,
    LOW_PRODUCTS,
    MAXIMA,
    MOTIFS,
    ORBITS,
    ORDER,
    PRODUCTS,
    RELAXATIONS,
    SLOPES,
    SMALL_SLOPES,
    TEXTURES,
    WAITS,
    WEEKS,
    WIDE_PRODUCTS,
    XOR,
)
from benchmarks.diagnosis.cases.fourth_files import FOURTH_FILES
from failmap.analysis.diagnosis import Cause


def _on(family: Family, label: Cause, name: str, seeds: Iterable[int]) -> list[Case]:
    return family.on_file(label, FOURTH_FILES.path_of(name), seeds)


_OVERFITTED: list[Case] = [
    *BEATS.few("overfit", 30, range(2), 500),
    *ORBITS.few("overfit", 8, range(2), 600),
    *HARES.few("overfit", 6, range(2), 500),
    *RELAXATIONS.few("overfit", 8, range(2), 600),
    *TEXTURES.few("overfit", 30, range(3), 400),
    *SLOPES.few("overfit", 10, range(2), 700),
    *PRODUCTS.few("overfit", 40, range(3), 500),
    *MOTIFS.few("overfit", 14, range(2), 400),
    *DIALS.few("overfit", 10, range(2), 700),
    *WAITS.few("overfit", 3, range(2), 700),
    *MAXIMA.few("overfit", 5, range(2), 500),
    *BRACKETS.few("overfit", 12, range(2), 600),
    *FIRSTS.few("overfit", 110, range(3), 400),
    *ORDER.few("overfit", 12, range(2), 400),
    *ADDING.few("overfit", 10, range(2), 800),
    *COPYING.few("overfit", 8, range(2), 600),
    *DIGITS.few("overfit", 100, range(2), 300),
]
_TOO_FEW: list[Case] = [
    *ORBITS.few("too_little_data", 4, range(2), 500),
    *ECHOES.few("too_little_data", 6, range(2), 400),
    *TEXTURES.few("too_little_data", 5, range(2), 400),
    *PRODUCTS.few("too_little_data", 3, range(3), 500),
    *MOTIFS.few("too_little_data", 6, range(2), 400),
    *FIRSTS.few("too_little_data", 6, range(2), 400),
    *ORDER.few("too_little_data", 5, range(2), 400),
    *XOR.few("too_little_data", 6, range(2), 600),
]
_SHIFTED: list[Case] = [
    *_on(HARES, "distribution_shift", "hares_pace_3", range(2)),
    *_on(HARES, "distribution_shift", "hares_jump_5", range(2)),
    *_on(HARES, "distribution_shift", "hares_growth_10", range(2)),
    *_on(RELAXATIONS, "distribution_shift", "relaxations_stiffness_0.1", range(2)),
    *_on(RELAXATIONS, "distribution_shift", "relaxations_jump_-4", range(2)),
    *_on(RELAXATIONS, "distribution_shift", "relaxations_trend_-14", range(2)),
    *_on(ORBITS, "distribution_shift", "orbits_fold_0.9", range(2)),
    *_on(ORBITS, "distribution_shift", "orbits_jump_2.5", range(2)),
    *_on(ORBITS, "distribution_shift", "orbits_swell_5", range(2)),
    *_on(BEATS, "distribution_shift", "beats_rate_2", range(2)),
    *_on(BEATS, "distribution_shift", "beats_rate_0.45", range(2)),
    *_on(BEATS, "distribution_shift", "beats_swell_-1", range(2)),
    *_on(ENVELOPES, "distribution_shift", "envelopes_pace_2.3", range(2)),
    *_on(ENVELOPES, "distribution_shift", "envelopes_jump_6", range(2)),
    *_on(ENVELOPES, "distribution_shift", "envelopes_trend_25", range(2)),
    *_on(WEEKS, "distribution_shift", "weeks_reversed", range(2)),
    *_on(WEEKS, "distribution_shift", "weeks_jump_6", range(2)),
    *_on(WEEKS, "distribution_shift", "weeks_growth_10", range(2)),
    *_on(CONVECTIONS, "distribution_shift", "convections_jump_7", range(2)),
    *_on(CONVECTIONS, "distribution_shift", "convections_trend_12", range(2)),
    *_on(ECHOES, "distribution_shift", "echoes_hiss", range(2)),
    *_on(ECHOES, "distribution_shift", "echoes_offset", range(2)),
    *_on(TEXTURES, "distribution_shift", "textures_faint", range(2)),
    *_on(TEXTURES, "distribution_shift", "textures_hum", range(2)),
    *_on(SLOPES, "distribution_shift", "slopes_steeper", range(2)),
]
_WITHOUT_PATTERN: list[Case] = [
    *_on(HARES, "not_predictable", "noise_of_two", range(2)),
    *_on(RELAXATIONS, "not_predictable", "white_noise", range(1)),
    *_on(RELAXATIONS, "not_predictable", "relaxations_shuffled", range(2)),
    *_on(ORBITS, "not_predictable", "coins", range(2)),
    *_on(ORBITS, "not_predictable", "waiting_times", range(1)),
    *_on(BEATS, "not_predictable", "beats_shuffled", range(1)),
    *_on(BEATS, "not_predictable", "heavy_noise", range(1)),
    *_on(ENVELOPES, "not_predictable", "heavy_noise", range(1)),
    *_on(ENVELOPES, "not_predictable", "waiting_times", range(1)),
    *_on(CONVECTIONS, "not_predictable", "white_noise", range(1)),
    *_on(WEEKS, "not_predictable", "coins", range(1)),
]
_SCALED: list[Case] = [
    case
    for family in (HIGH_SLOPES, SMALL_SLOPES, LOW_PRODUCTS, WIDE_PRODUCTS)
    for case in (
        *family.plain(3),
        *family.configured("target_scale", "not normalised", range(3), {"task.normalise": False}),
    )
]

DATA_FAULTS: list[Case] = [*_OVERFITTED, *_TOO_FEW, *_SHIFTED, *_WITHOUT_PATTERN, *_SCALED]
