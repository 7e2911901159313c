"""Data files of the third set: made sequences with a class or a number, some of which shift over time.

Values are rounded, so that the files are the same on machines whose sines differ in the last bits.
"""

from collections.abc import Callable

import numpy as np

from benchmarks.diagnosis.cases.data_files import Arrays, rounded


def chirps(shift: str = "") -> Arrays:
    """Classes: a tone that rises, falls, or stays; T=24, in noise; in order of time.

    Args:
        shift: what changes at the border of training: '', 'offset', 'gain' or 'pitch'.
    """
    generator = np.random.default_rng(31)
    num, steps = 1500, 24
    classes = generator.integers(3, size=num)
    begin = generator.uniform(0.08, 0.14, size=(num, 1))
    slope = (classes[:, None] - 1) * 0.0045
    late = np.arange(num)[:, None] >= int(0.7 * num)
    if shift == "pitch":
        begin = begin + 0.16 * late
    time = np.arange(steps)
    phase = generator.uniform(size=(num, 1)) + begin * time + slope * time**2 / 2
    values = np.sin(2 * np.pi * phase) + generator.normal(scale=0.15, size=(num, steps))
    if shift == "offset":
        values = values + 3.0 * late
    if shift == "gain":
        values = np.where(late, 0.12 * values + 0.9, values)
    return {"inputs": rounded(values)[:, :, None], "targets": classes, "times": np.arange(num)}


def decays() -> Arrays:
    """Numbers: how fast a noisy oscillation dies away; T=25."""
    generator = np.random.default_rng(32)
    num, steps = 1600, 25
    rates = generator.uniform(0.02, 0.25, size=num)
    time = np.arange(steps)
    turns = generator.uniform(0.1, 0.2, size=(num, 1)) * time + generator.uniform(size=(num, 1))
    values = np.exp(-rates[:, None] * time) * np.sin(2 * np.pi * turns)
    values = values + generator.normal(scale=0.05, size=(num, steps))
    return {"inputs": rounded(values)[:, :, None], "targets": rounded(rates)}


def levels(scale: float = 1.0, offset: float = 0.0) -> Arrays:
    """Numbers: a weighted mean of two sensors, which weighs later steps more; T=12.

    Args:
        scale: unit of the targets.
        offset: added to the targets.
    """
    generator = np.random.default_rng(33)
    num, steps = 1400, 12
    values = generator.normal(size=(num, steps, 2))
    weights = 0.85 ** np.arange(steps)[::-1]
    sums = (values[:, :, 0] - 0.6 * values[:, :, 1]) @ weights
    targets = sums / sums.std() + generator.normal(scale=0.1, size=num)
    return {"inputs": rounded(values), "targets": np.round(scale * targets + offset, 9)}


def pulses() -> Arrays:
    """Numbers: how many pulses are in a noisy line; T=30."""
    generator = np.random.default_rng(34)
    num, steps = 1600, 30
    shares = generator.uniform(0.02, 0.35, size=(num, 1))
    events = generator.uniform(size=(num, steps)) < shares
    values = events * generator.uniform(0.7, 1.3, size=(num, steps))
    values = values + generator.normal(scale=0.1, size=(num, steps))
    return {"inputs": rounded(values)[:, :, None], "targets": events.sum(axis=1).astype(np.float64)}


def filtered() -> Arrays:
    """Numbers at every step: a leaky integral of noise; T=36."""
    generator = np.random.default_rng(35)
    num, steps = 900, 36
    values = generator.normal(size=(num, steps))
    targets = np.zeros((num, steps))
    state = np.zeros(num)
    for step in range(steps):
        state = 0.9 * state + values[:, step]
        targets[:, step] = state
    return {"inputs": rounded(values)[:, :, None], "targets": rounded(targets)}


def latches(scale: float = 1.0, offset: float = 0.0) -> Arrays:
    """Classes at every step: which of three channels fired last; T=26.

    Args:
        scale: unit of the inputs.
        offset: added to the inputs.
    """
    generator = np.random.default_rng(36)
    num, steps = 1200, 26
    fired = generator.integers(3, size=(num, steps))
    is_event = generator.uniform(size=(num, steps)) < 0.15
    is_event[:, 0] = True
    values = generator.normal(scale=0.2, size=(num, steps, 3))
    targets = np.zeros((num, steps), dtype=np.int64)
    for step in range(steps):
        event = is_event[:, step]
        values[np.flatnonzero(event), step, fired[event, step]] += 1.0
        targets[:, step] = np.where(event, fired[:, step], targets[:, step - 1])
    return {"inputs": rounded(scale * values + offset), "targets": targets}


def majorities() -> Arrays:
    """Classes: the most frequent of three symbols, in sequences of 6 to 18 steps."""
    generator = np.random.default_rng(37)
    num, steps = 2400, 18
    lengths = generator.integers(6, steps + 1, size=num)
    symbols = generator.integers(3, size=(num, steps))
    favourite = generator.integers(3, size=(num, 1))
    symbols = np.where(generator.uniform(size=(num, steps)) < 0.3, favourite, symbols)
    inputs = np.eye(3)[symbols] * (np.arange(steps) < lengths[:, None])[:, :, None]
    counts = inputs.sum(axis=1)
    second, first = np.sort(counts, axis=1)[:, 1:].T
    is_clear = first > second
    return {
        "inputs": inputs[is_clear].astype(np.float32),
        "targets": counts.argmax(axis=1)[is_clear],
        "lengths": lengths[is_clear],
    }


def alarms(shift: str = "") -> Arrays:
    """Classes, one of them rare: whether two of four sensors peak together; T=16; in order of time.

    Args:
        shift: what changes at the border of training: '' or 'drift', by which all sensors rise.
    """
    generator = np.random.default_rng(38)
    num, steps = 2000, 16
    targets = (generator.uniform(size=num) < 0.25).astype(np.int64)
    values = generator.normal(scale=0.4, size=(num, steps, 4))
    rows = np.arange(num)
    first = generator.integers(steps, size=num)
    # Without an alarm the two peaks are apart: 2 to 14 steps.
    second = np.where(targets == 1, first, (first + generator.integers(2, steps - 1, size=num)) % steps)
    values[rows, first, generator.integers(2, size=num)] += 2.5
    values[rows, second, 2 + generator.integers(2, size=num)] += 2.5
    if shift == "drift":
        values = values + 6.0 * np.maximum(rows / num - 0.6, 0)[:, None, None] / 0.4
    return {"inputs": rounded(values), "targets": targets, "times": rows}


#: Every file of sequences, by name.
SEQUENCES: dict[str, Callable[[], Arrays]] = {
    "chirps": chirps,
    "chirps_offset": lambda: chirps("offset"),
    "chirps_gain": lambda: chirps("gain"),
    "chirps_pitch": lambda: chirps("pitch"),
    "decays": decays,
    "levels": levels,
    "levels_500000": lambda: levels(2e5, 5e5),
    "levels_plus_300": lambda: levels(5.0, 300.0),
    "levels_x3000": lambda: levels(3000.0),
    "levels_0.0001": lambda: levels(1e-4, 2e-4),
    "pulses": pulses,
    "filtered": filtered,
    "latches": latches,
    "latches_raw": lambda: latches(25.0, 400.0),
    "majorities": majorities,
    "alarms": alarms,
    "alarms_drift": lambda: alarms("drift"),
}
