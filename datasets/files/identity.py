"""Columns that say which sequence or row a value belongs to, instead of measuring something.

A network that sees them can look labels up: in a file sorted by class, the number of a row tells its class.
All functions take the values of a column with rows in order, sequence by sequence.
"""

from typing import Literal

import numpy as np
from jaxtyping import Bool, Float64, Int64, Shaped

#: A column of an unknown role: a counter of rows or steps; an id of each sequence; a number that several
#: sequences share.
Identity = Literal["counter", "id", "group"]

#: With fewer sequences, or rows, order is coincidence.
MIN_SEQUENCES, MIN_ROWS = 10, 10
#: Share of steps that must be equal in a counter: it may have gaps.
_REGULAR_SHARE = 0.8
#: Steps differ by less than this share of their median, if rounding of the values explains no more.
_STEP_TOLERANCE = 1e-3
_MAX_ROUNDING = 0.2
#: Fewer values cannot be split into three parts by group.
MIN_GROUPS = 3
#: A column with more distinct values than this share of the sequences tells each of them.
_ID_SHARE = 0.9
#: Values that tell so much of the way from chance to perfection identify the targets.
_IDENTIFYING_SKILL = 0.5
#: Lengths of equal runs of a calendar column, such as years in monthly rows, differ by at most this factor.
_MAX_RUN_RATIO = 1.2


def identity_of(
    values: Float64[np.ndarray, "rows"],
    codes: Int64[np.ndarray, "rows"],
    targets: Float64[np.ndarray, "sequences"] | None,
    *,
    is_class: bool,
) -> Identity | None:
    """Return what a column of sequences identifies, or None if it seems to measure something.

    - A counter grows by a constant in each step, or rises through all rows, sequence after sequence, or holds
      each whole number of a range once.
    - An id is constant within each sequence and tells them apart by whole numbers, or by rising in the file.
    - A group's number is constant within each sequence, and several sequences share it: whole numbers always
      count; other numbers only if they stand in blocks in the file or identify the targets, since a weight or
      a temperature may be the same twice.

    Args:
        values: Of each row; missing values allowed, then the answer is None.
        codes: The sequence of each row, 0, 0, ..., 1, ...
        targets: Of each sequence.
        is_class: Whether these are classes.
    """
    num_sequences = int(codes[-1]) + 1
    if num_sequences < MIN_SEQUENCES or len(values) < MIN_ROWS or not np.isfinite(values).all():
        return None
    if numbers_rows(values) or grows_regularly(values, codes) or _rises_through(values, codes):
        return "counter"
    firsts = np.flatnonzero(np.diff(codes, prepend=-1))
    if not is_constant(values, codes):
        return None
    ones = values[firsts]
    distinct = len(np.unique(ones))
    is_whole = bool((ones == np.round(ones)).all())
    if is_whole and distinct > _ID_SHARE * num_sequences:
        return "id"
    if len(set(np.sign(np.diff(ones)).tolist())) == 1 and distinct > 1:
        return "id"
    if distinct < MIN_GROUPS:
        return None
    if is_whole:
        return "group"
    is_shared = 2 * distinct <= num_sequences
    num_blocks = 1 + int((np.diff(ones) != 0).sum())
    is_identifying = targets is not None and _identifies(ones, targets, is_class=is_class)
    return "group" if is_shared and (num_blocks == distinct or is_identifying) else None


def identity_of_text(texts: Int64[np.ndarray, "rows"], codes: Int64[np.ndarray, "rows"]) -> Identity | None:
    """Return what a column of text, numbered from 0, says about sequences: an id, a group, or nothing."""
    num_texts, num_sequences = int(texts.max()) + 1, int(codes[-1]) + 1
    if texts.min() < 0 or not is_constant(texts, codes):
        return None
    if num_texts == num_sequences:
        return "id"
    return "group" if num_texts >= MIN_GROUPS else None


def is_constant(values: Shaped[np.ndarray, "rows"], codes: Int64[np.ndarray, "rows"]) -> bool:
    """Return whether a column never changes within a sequence; it must be able to in half of them."""
    firsts = np.flatnonzero(np.diff(codes, prepend=-1))
    is_long = np.bincount(codes) > 1
    return bool(2 * is_long.sum() >= len(firsts) and (values == values[firsts][codes]).all())


def numbers_rows(values: Float64[np.ndarray, "rows"]) -> bool:
    """Return whether a column holds each whole number of a range once, in any order."""
    if len(values) < MIN_ROWS or (values != np.round(values)).any():
        return False
    return bool(np.ptp(values) == len(values) - 1 and len(np.unique(values)) == len(values))


def grows_regularly(values: Float64[np.ndarray, "rows"], codes: Int64[np.ndarray, "rows"]) -> bool:
    """Return whether a column rises (or falls) in each step, nearly always by the same amount."""
    steps = np.diff(values)[np.diff(codes) == 0]
    if len(steps) < MIN_ROWS - 1 or not np.isfinite(steps).all():
        return False
    usual = float(np.median(steps))
    if usual == 0 or (np.sign(steps) != np.sign(usual)).any():
        return False
    tolerance = _STEP_TOLERANCE * abs(usual)
    resolution = _resolution(values)
    if resolution <= _MAX_ROUNDING * abs(usual):
        tolerance = max(tolerance, 1.01 * resolution)
    return bool((np.abs(steps - usual) <= tolerance).mean() >= _REGULAR_SHARE)


def climbs_stairs(values: Float64[np.ndarray, "rows"], codes: Int64[np.ndarray, "rows"]) -> bool:
    """Return whether whole numbers rise by one after runs of about the same length, as years of months do."""
    within = np.diff(codes) == 0
    steps = np.diff(values)[within]
    if (values != np.round(values)).any() or not np.isin(steps, (0, 1)).all() or codes[-1] > 0:
        return False
    runs = np.diff(np.flatnonzero(np.diff(values) != 0))
    return bool(len(runs) >= 2 and runs.max() <= _MAX_RUN_RATIO * runs.min())


def _resolution(values: Float64[np.ndarray, "rows"]) -> float:
    """Return the unit that all values are rounded to, from 1 to 1e-6, or 0."""
    for digits in range(7):
        if np.allclose(values, np.round(values, digits), rtol=0, atol=1e-9 * 10.0**-digits):
            return float(10.0**-digits)
    return 0.0


def _rises_through(values: Float64[np.ndarray, "rows"], codes: Int64[np.ndarray, "rows"]) -> bool:
    """Return whether a column rises (or falls) in each step, and no two sequences overlap in it."""
    steps = np.diff(values)[np.diff(codes) == 0]
    if len(steps) < MIN_ROWS or len(set(np.sign(steps).tolist())) != 1 or steps[0] == 0:
        return False
    firsts = np.flatnonzero(np.diff(codes, prepend=-1))
    lows, highs = np.minimum.reduceat(values, firsts), np.maximum.reduceat(values, firsts)
    order = np.argsort(lows)
    return bool((highs[order][:-1] < lows[order][1:]).all())


def _identifies(
    ones: Float64[np.ndarray, "sequences"], targets: Float64[np.ndarray, "sequences"], *, is_class: bool
) -> bool:
    """Return whether other sequences with the same value tell a sequence's target far better than chance."""
    _, groups, sizes = np.unique(ones, return_inverse=True, return_counts=True)
    is_shared: Bool[np.ndarray, "sequences"] = sizes[groups] > 1
    if not is_shared.any() or np.ptp(targets) == 0:
        return False
    if not is_class:
        means = np.bincount(groups, targets) / sizes
        others = (targets - means[groups])[is_shared] * (sizes / np.maximum(sizes - 1, 1))[groups][is_shared]
        return bool(1 - np.square(others).mean() / targets.var() >= _IDENTIFYING_SKILL)
    _, classes = np.unique(targets, return_inverse=True)
    counts = np.zeros((len(sizes), classes.max() + 1))
    np.add.at(counts, (groups, classes), 1)
    rows = np.arange(len(ones))
    left = counts[groups]
    own = left[rows, classes] - 1
    left[rows, classes] = -1
    accuracy = (own > left.max(axis=1))[is_shared].mean()
    chance = np.bincount(classes).max() / len(classes)
    return bool((accuracy - chance) / (1 - chance) >= _IDENTIFYING_SKILL)
