"""Properties of a file's features that suggest another reading: padding without lengths, and codes."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Shaped

from failmap.datasets.files.contents import Sequences, SeriesSet
from failmap.datasets.files.transforms import unpadded_lengths

#: Sequences that end in padding lose at least so many rows.
_LEAST_ROWS = 2
#: A share of sequences that end so by chance is below this many times what the rows before let expect.
_AGAINST_CHANCE = 3.0
#: Distinct values of a feature that holds codes.
_LEAST_CODES, _MAX_CODES = 3, 30
#: Mean distance of consecutive values over that of any two: values without an order in time have 1.
_LEAST_JUMP = 0.8
#: Counts and rounded measurements are rarer the farther they lie from the median; codes need not be.
_LEAST_CORRELATION = -0.7
#: Rows that are looked at.
_MAX_ROWS = 100_000


class Tails(NamedTuple):
    """Unchanging rows at the ends of sequences.

    Attributes:
        sequences: Share of the sequences that end in such rows; 0 if they could be steps like others.
        steps: Share of all steps that they are.
    """

    sequences: float
    steps: float


def unchanging_tails(sequences: Sequences) -> Tails:
    """Measure the padding at the ends of sequences that are all equally long."""
    lengths = sequences.lengths
    if (lengths != lengths[0]).any():
        return Tails(0.0, 0.0)
    num_cut = lengths - unpadded_lengths(sequences)
    share = float((num_cut >= _LEAST_ROWS).mean())
    is_same = (sequences.inputs[:, 1:] == sequences.inputs[:, :-1]).all(axis=2)
    is_before = np.arange(1, sequences.inputs.shape[1]) < (lengths - num_cut)[:, None]
    repeated = float(is_same[is_before].mean()) if is_before.any() else 1.0
    if share <= _AGAINST_CHANCE * repeated**_LEAST_ROWS:
        return Tails(0.0, 0.0)
    return Tails(share, float(num_cut.sum() / lengths.sum()))


def code_like_features(contents: Sequences | SeriesSet) -> tuple[str, ...]:
    """Return the features whose values are few whole numbers without an order, in time or by frequency.

    What a series is asked to forecast is left out.
    """
    if isinstance(contents, SeriesSet):
        values = np.concatenate([one.values for one in contents.series])
        owners = np.repeat(np.arange(len(contents.series)), [len(one.values) for one in contents.series])
        first = contents.num_targets
    else:
        values = contents.inputs[contents.is_step]
        owners = np.repeat(np.arange(len(contents)), contents.lengths)
        first = 0
    values, owners = values[:_MAX_ROWS], owners[:_MAX_ROWS]
    return tuple(
        name
        for name, column in zip(contents.features[first:], values.T[first:], strict=True)
        if _is_code_like(column, owners)
    )


def _is_code_like(values: Float64[np.ndarray, "rows"], owners: Shaped[np.ndarray, "rows"]) -> bool:
    if (values < 0).any() or (values != np.round(values)).any():
        return False
    distinct, counts = np.unique(values, return_counts=True)
    if not _LEAST_CODES <= len(distinct) <= _MAX_CODES:
        return False
    jumps = np.abs(np.diff(values))[np.diff(owners) == 0]
    shares = counts / counts.sum()
    distance = float(shares @ np.abs(distinct[:, None] - distinct) @ shares)
    if not len(jumps) or jumps.mean() < _LEAST_JUMP * distance:
        return False
    if counts.min() == counts.max():
        return True
    from_median = np.abs(distinct - np.median(values))
    # Three values have two distances from their median at most, which says little of an order.
    return len(distinct) <= 3 or bool(np.corrcoef(from_median, counts)[0, 1] > _LEAST_CORRELATION)
