"""Data files of the fourth set: made sequences with a class or a number, some of which shift over time."""

from collections.abc import Callable
from functools import partial

import numpy as np

from benchmarks.diagnosis.cases.data_files import Arrays, rounded
from benchmarks.diagnosis.cases.series import is_late


def echoes(shift: str = "") -> Arrays:
    """Classes: whether an echo follows its pulse after 2, 5 or 8 steps; T=22; in order of time.

    Args:
        shift: what changes at the border of training: '', 'hiss' (noise), or 'offset'.
    """
    generator = np.random.default_rng(81)
    num, steps = 1500, 22
    rows = np.arange(num)
    classes = generator.integers(3, size=num)
    first = generator.integers(steps - 9, size=num)
    values = generator.normal(scale=0.25, size=(num, steps, 2))
    values[rows, first, 0] += 2.0
    values[rows, first + np.array([2, 5, 8])[classes], 1] += 2.0
    late = is_late(num)[:, None, None]
    if shift == "hiss":
        values = np.where(late, values + generator.normal(scale=2.5, size=values.shape), values)
    if shift == "offset":
        values = values - 4.0 * late
    return {"inputs": rounded(values), "targets": classes, "times": rows}


def textures(shift: str = "") -> Arrays:
    """Classes: noise whose steps alternate, are independent, or persist; T=28; in order of time.

    Args:
        shift: what changes at the border of training: '', 'faint' (gain), or 'hum' (a tone is added).
    """
    generator = np.random.default_rng(82)
    num, steps = 1500, 28
    classes = generator.integers(3, size=num)
    memory = np.array([-0.75, 0.0, 0.75])[classes]
    shocks = generator.normal(size=(num, steps)) * np.sqrt(1 - memory**2)[:, None]
    values = np.zeros((num, steps))
    values[:, 0] = generator.normal(size=num)
    for step in range(1, steps):
        values[:, step] = memory * values[:, step - 1] + shocks[:, step]
    late = is_late(num)[:, None]
    if shift == "faint":
        values = np.where(late, 0.05 * values, values)
    if shift == "hum":
        phases = generator.uniform(size=(num, 1))
        values = values + 4.0 * late * np.sin(2 * np.pi * (phases + 0.31 * np.arange(steps)))
    return {"inputs": rounded(values)[:, :, None], "targets": classes, "times": np.arange(num)}


def slopes(scale: float = 1.0, offset: float = 0.0, late: float = 0.0) -> Arrays:
    """Numbers: how steeply a noisy line of any height rises; T=15; in order of time.

    Args:
        scale: unit of the targets.
        offset: added to the targets.
        late: added to every slope in the last part, and to the lines.
    """
    generator = np.random.default_rng(83)
    num, steps = 1400, 15
    rises = generator.normal(size=num) + late * is_late(num)
    heights = generator.normal(scale=1.0, size=(num, 1))
    time = np.linspace(-1, 1, steps)
    values = heights + rises[:, None] * time + generator.normal(scale=0.3, size=(num, steps))
    targets = np.round(scale * rises + offset, 9)
    return {"inputs": rounded(values)[:, :, None], "targets": targets, "times": np.arange(num)}


def products(scale: float = 1.0, offset: float = 0.0) -> Arrays:
    """Numbers: the mean product of two sensors; T=6.

    Args:
        scale: unit of the targets.
        offset: added to the targets.
    """
    generator = np.random.default_rng(84)
    num, steps = 2400, 6
    values = generator.uniform(-1.7, 1.7, size=(num, steps, 2))
    sums = values.prod(axis=2).sum(axis=1) / np.sqrt(steps)
    return {"inputs": rounded(values), "targets": np.round(scale * sums + offset, 9)}


def motifs() -> Arrays:
    """Classes: which of three short shapes is hidden in noise; T=20."""
    generator = np.random.default_rng(85)
    num, steps = 1600, 20
    shapes = np.array([[1.5, 1.5, -1.5, -1.5], [1.5, -1.5, 1.5, -1.5], [-1.5, -1.5, 1.5, 1.5]])
    classes = generator.integers(3, size=num)
    begin = generator.integers(steps - 3, size=num)
    values = generator.normal(scale=0.3, size=(num, steps))
    for place in range(4):
        values[np.arange(num), begin + place] += shapes[classes, place]
    return {"inputs": rounded(values)[:, :, None], "targets": classes}


def dials(scale: float = 1.0, offset: float = 0.0) -> Arrays:
    """Classes at every step: a dial of three places, turned to either side, left, or reset; T=15.

    Args:
        scale: unit of the inputs.
        offset: added to the inputs.
    """
    generator = np.random.default_rng(86)
    num, steps = 1500, 15
    moves = generator.choice(4, size=(num, steps), p=[0.25, 0.25, 0.2, 0.3])
    places = np.zeros(num, dtype=np.int64)
    targets = np.zeros((num, steps), dtype=np.int64)
    for step in range(steps):
        move = moves[:, step]
        places = np.where(move == 3, 0, (places + np.array([1, -1, 0, 0])[move]) % 3)
        targets[:, step] = places
    return {"inputs": rounded(scale * np.eye(4)[moves] + offset), "targets": targets}


def waits() -> Arrays:
    """Numbers at every step: how long ago the last pulse was; T=18."""
    generator = np.random.default_rng(87)
    num, steps = 1200, 18
    events = generator.uniform(size=(num, steps)) < 0.22
    events[:, 0] = True
    age = np.zeros(num)
    targets = np.zeros((num, steps))
    for step in range(steps):
        age = np.where(events[:, step], 0.0, age + 1)
        targets[:, step] = age
    values = events + generator.normal(scale=0.08, size=(num, steps))
    return {"inputs": rounded(values)[:, :, None], "targets": rounded(targets)}


def maxima() -> Arrays:
    """Numbers at every step: the largest value so far; T=14."""
    generator = np.random.default_rng(88)
    values = generator.normal(size=(1200, 14))
    return {"inputs": rounded(values)[:, :, None], "targets": rounded(np.maximum.accumulate(values, axis=1))}


def brackets() -> Arrays:
    """Numbers: how many brackets are open after 6 to 16 of them, among other signs."""
    generator = np.random.default_rng(89)
    num, steps = 1600, 16
    lengths = generator.integers(6, steps + 1, size=num)
    depth = np.zeros(num)
    inputs = np.zeros((num, steps, 3))
    for step in range(steps):
        drawn = generator.uniform(size=num)
        signs = np.where(drawn < 0.4, 0, np.where((drawn < 0.75) & (depth > 0), 1, 2))
        is_shown = step < lengths
        inputs[np.flatnonzero(is_shown), step, signs[is_shown]] = 1.0
        depth = depth + is_shown * np.array([1, -1, 0])[signs]
    return {"inputs": inputs.astype(np.float32), "targets": depth, "lengths": lengths}


def firsts() -> Arrays:
    """Classes: which of four channels bumps first; all do, once; T=18."""
    generator = np.random.default_rng(90)
    num, steps, channels = 1800, 18, 4
    rows = np.arange(num)[:, None]
    # Different steps for the four channels, at least one step apart.
    places = 2 * np.argsort(generator.uniform(size=(num, steps // 2)), axis=1)[:, :channels]
    values = generator.normal(scale=0.2, size=(num, steps, channels))
    values[rows, places, np.arange(channels)] += 1.5
    return {"inputs": rounded(values), "targets": places.argmin(axis=1)}


#: Every file of sequences, by name.
SEQUENCES: dict[str, Callable[[], Arrays]] = {
    "echoes": echoes,
    "echoes_hiss": partial(echoes, "hiss"),
    "echoes_offset": partial(echoes, "offset"),
    "textures": textures,
    "textures_faint": partial(textures, "faint"),
    "textures_hum": partial(textures, "hum"),
    "slopes": slopes,
    "slopes_steeper": partial(slopes, late=7.0),
    "slopes_80000": partial(slopes, 2e4, 8e4),
    "slopes_0.00005": partial(slopes, 2e-5, 5e-5),
    "products": products,
    "products_minus_900": partial(products, 20.0, -900.0),
    "products_x6000": partial(products, 6000.0, 0.0),
    "motifs": motifs,
    "dials": dials,
    "dials_raw": partial(dials, 40.0, -700.0),
    "waits": waits,
    "maxima": maxima,
    "brackets": brackets,
    "firsts": firsts,
}
