"""Trainings of the third set that learn: also with noise, late, on few data, or with jumps."""

from benchmarks.diagnosis.case import Case
from benchmarks.diagnosis.cases.third_families import (
    ADDING,
    ALARMS,
    ATTENTION,
    CHIRPS,
    COPYING,
    DECAYS,
    DEEP_LEVELS,
    DEEP_TIDES,
    DELAYS,
    DIGITS,
    FILTERED,
    LATCHES,
    LEVELS,
    MAJORITIES,
    MAPS,
    PARITY,
    PULSES,
    RECALL,
    SEASONS,
    SUMS,
    SWINGS,
    TIDES,
    XOR,
)

_PLAIN: list[Case] = [
    *TIDES.plain(5),
    *SEASONS.plain(4),
    *SWINGS.plain(5),
    *MAPS.plain(4),
    *DELAYS.plain(5),
    *CHIRPS.plain(4),
    *DECAYS.plain(3),
    *LEVELS.plain(4),
    *PULSES.plain(3),
    *FILTERED.plain(3),
    *LATCHES.plain(3),
    *MAJORITIES.plain(4),
    *ALARMS.plain(4, "plateau_then_jump"),
    *ADDING.plain(3),
    *ATTENTION.plain(3),
    *COPYING.plain(3),
    *PARITY.plain(3, "plateau_then_jump"),
    *XOR.plain(3),
    *RECALL.plain(4, "plateau_then_jump"),
    *DIGITS.plain(3),
    *SUMS.plain(4),
    *DEEP_TIDES.plain(3),
    *DEEP_LEVELS.plain(3),
]
_NOISY: list[Case] = [
    *TIDES.healthy("noisy", "batch 3", (0, 1), {"train.batch_size": 3, "train.max_updates": 900}),
    *MAPS.healthy("noisy", "batch 4", (0, 1), {"train.batch_size": 4, "train.max_updates": 1200}),
    *DELAYS.healthy("noisy", "batch 3", (0, 1), {"train.batch_size": 3, "train.max_updates": 800}),
    *CHIRPS.healthy("noisy", "batch 3", (0, 1), {"train.batch_size": 3, "train.max_updates": 1500}),
    *LEVELS.healthy("noisy", "batch 2", (0, 1), {"train.batch_size": 2, "train.max_updates": 1500}),
    *LATCHES.healthy("noisy", "batch 6", (0, 1), {"train.batch_size": 6, "train.max_updates": 1600}),
    *ALARMS.healthy("noisy", "batch 4", (0, 1), {"train.batch_size": 4, "train.max_updates": 1800}),
    *SUMS.healthy("noisy", "batch 3", (0, 1), {"train.batch_size": 3, "train.max_updates": 2000}),
    *RECALL.healthy("noisy", "batch 4", (0, 1), {"train.batch_size": 4, "train.max_updates": 900}),
]
#: Rates at which the loss jumps now and then, and dropout, by which validation is better than training.
_JUMPING: list[Case] = [
    *TIDES.healthy("noisy", "rate x8", range(3), {"train.learning_rate": 0.04}),
    *SWINGS.healthy("noisy", "rate x8", range(2), {"train.learning_rate": 0.04}),
    *CHIRPS.healthy("noisy", "rate x4", range(2), {"train.learning_rate": 0.04}),
    *DECAYS.healthy("noisy", "rate x4", range(2), {"train.learning_rate": 0.04}),
    *PULSES.healthy("noisy", "rate x10", range(2), {"train.learning_rate": 0.05}),
    *SUMS.healthy("noisy", "rate x4", range(2), {"train.learning_rate": 0.04}),
    *RECALL.healthy("noisy", "rate x6", range(2), {"train.learning_rate": 0.03}),
    *SWINGS.healthy("noisy", "dropout 0.4", range(2), {"model.dropout": 0.4, "train.max_updates": 600}),
    *DECAYS.healthy("noisy", "dropout 0.5", range(2), {"model.dropout": 0.5}),
    *LATCHES.healthy("noisy", "dropout 0.2", range(2), {"model.dropout": 0.2, "train.max_updates": 1500}),
]
#: Few data, of which training knows more than validation does, and which still suffice.
_FEW: list[Case] = [
    *TIDES.healthy("plain", "80 windows", range(2), {"task.train_size": 80}),
    *SEASONS.healthy("plain", "60 windows", range(2), {"task.train_size": 60}),
    *CHIRPS.healthy("plain", "120 sequences", range(2), {"task.train_size": 120}),
    *DECAYS.healthy("plain", "100 sequences", range(2), {"task.train_size": 100}),
    *LEVELS.healthy("plain", "60 sequences", range(2), {"task.train_size": 60}),
    *ALARMS.healthy("plain", "250 sequences", range(2), {"task.train_size": 250}),
    *PULSES.healthy("plain", "90 sequences", range(2), {"task.train_size": 90}),
    *MAJORITIES.healthy("plain", "150 sequences", range(2), {"task.train_size": 150}),
]

HEALTHY: list[Case] = [*_PLAIN, *_NOISY, *_JUMPING, *_FEW]
