"""How well a number put the cells in order: the area under the receiver operating characteristic.

It is the share of all pairs of a training that learned and one that failed in which the one that learned has
the higher number, ties counting half (Hanley and McNeil 1982): 0.5 is guessing, 1 a perfect order.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from failmap.analysis.statistics import Interval

#: Resamples of a bootstrap interval: its ends are then known to about a hundredth of its width.
NUM_RESAMPLES = 2000


@dataclass(frozen=True)
class Measured:
    """What trainings made of some cells.

    Attributes:
        learned: by cell, how many trainings learned.
        trials: by cell, how many there were.
        strata: by cell; trainings of one stratum only are compared with each other. None: all with all.
        clusters: by cell; cells of one cluster are drawn together, for they are no independent evidence.
            None: each cell on its own.
    """

    learned: Sequence[int]
    trials: Sequence[int]
    strata: Sequence[Hashable] | None = None
    clusters: Sequence[Hashable] | None = None


@dataclass(frozen=True)
class Area:
    """An area with its bootstrap interval; NaN where no training learned, or none failed."""

    value: float
    interval: Interval


def auroc(scores: Sequence[float], measured: Measured) -> float:
    """The area under the curve of scores; NaN where no pair can be compared."""
    multiplicity = np.ones((1, len(scores)))
    return float(_areas(_order(scores, measured), measured, multiplicity)[0])


def areas(
    scores: Mapping[str, Sequence[float]], measured: Measured, *, seed: int = 0, confidence: float = 0.95
) -> dict[str, Area]:
    """The area of each named score, with a percentile interval from drawing clusters with replacement."""
    drawn = resampled(scores, measured, seed=seed)
    return {
        name: Area(auroc(values, measured), percentile_interval(drawn[name], confidence))
        for name, values in scores.items()
    }


def resampled(
    scores: Mapping[str, Sequence[float]], measured: Measured, *, seed: int = 0
) -> dict[str, NDArray[np.float64]]:
    """The area of each named score in every resample. All scores see the same ones, so that they pair."""
    num_cells = len(measured.trials)
    clusters = measured.clusters if measured.clusters is not None else range(num_cells)
    names = list(dict.fromkeys(clusters))
    index = np.array([names.index(cluster) for cluster in clusters], dtype=int)
    generator = np.random.default_rng(seed)
    counts = generator.multinomial(len(names), np.full(len(names), 1 / len(names)), size=NUM_RESAMPLES)
    multiplicity = counts[:, index].astype(float)
    return {name: _areas(_order(values, measured), measured, multiplicity) for name, values in scores.items()}


def percentile_interval(drawn: NDArray[np.float64], confidence: float = 0.95) -> Interval:
    """Where the middle share of the resamples lies; those in which nothing could be compared are left out."""
    known = drawn[np.isfinite(drawn)]
    if not len(known):
        return Interval(float("nan"), float("nan"))
    tail = (1 - confidence) / 2
    low, high = np.quantile(known, [tail, 1 - tail])
    return Interval(float(low), float(high))


def _order(scores: Sequence[float], measured: Measured) -> NDArray[np.float64]:
    """[i, j]: 1 where cell i has the higher score, one half at a tie; NaN where the two do not compare."""
    values = np.asarray(scores, dtype=float)
    assert np.isfinite(values).all(), "a score is not finite"
    order: NDArray[np.float64] = (np.sign(values[:, None] - values[None, :]) + 1) / 2
    if measured.strata is not None:
        names = list(dict.fromkeys(measured.strata))
        strata = np.array([names.index(stratum) for stratum in measured.strata])
        order[strata[:, None] != strata[None, :]] = np.nan
    return order


def _areas(
    order: NDArray[np.float64], measured: Measured, multiplicity: NDArray[np.float64]
) -> NDArray[np.float64]:
    """One area for each row of multiplicities, which say how often each cell counts."""
    learned = np.asarray(measured.learned, dtype=float)
    failed = np.asarray(measured.trials, dtype=float) - learned
    compares = np.isfinite(order)
    won = np.where(compares, order, 0.0)
    positive, negative = multiplicity * learned, multiplicity * failed
    pairs = np.einsum("ri,ij,rj->r", positive, compares.astype(float), negative, optimize=True)
    wins = np.einsum("ri,ij,rj->r", positive, won, negative, optimize=True)
    shares: NDArray[np.float64] = np.divide(wins, pairs, out=np.full(len(pairs), np.nan), where=pairs > 0)
    return shares
