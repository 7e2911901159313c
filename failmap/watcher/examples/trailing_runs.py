"""Padding at the ends of sequences, seen in the inputs alone."""

from typing import NamedTuple

import numpy as np

from failmap.watcher.examples.host_batch import Array, as_features


class TrailingRuns(NamedTuple):
    """Runs of one constant step at the ends of sequences.

    Attributes:
        rows: Share of the sequences that end in at least two equal steps.
        share: Mean share of the steps that are such an end.
        lengths: Number of different lengths of these ends.
        blank: Share of the other steps that are equal to the step at the ends.
    """

    rows: float
    share: float
    lengths: int
    blank: float


def trailing_runs(inputs: Array) -> TrailingRuns | None:
    """Measure the runs of the most frequent last step, or return None without at least 4 steps."""
    if inputs.shape[1] < 4:
        return None
    steps = as_features(inputs)
    ends, counts = np.unique(steps[:, -1], axis=0, return_counts=True)
    is_end = (steps == ends[int(counts.argmax())]).all(axis=2)
    runs = np.logical_and.accumulate(is_end[:, ::-1], axis=1).sum(axis=1)
    others = is_end.sum() - runs.sum()
    num_others = is_end.size - runs.sum()
    return TrailingRuns(
        float((runs >= 2).mean()),
        float(runs.mean() / steps.shape[1]),
        len(np.unique(runs)),
        float(others / num_others) if num_others else 1.0,
    )
