"""Confidence intervals of a share of trainings that are not independent."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from failmap.analysis.statistics import Interval, wilson_interval

NUM_DRAWS = 2000


class Trial(NamedTuple):
    """A scored training: its family, and whether it is a hit."""

    family: str
    is_hit: bool


@dataclass(frozen=True)
class Rate:
    """A share of trainings.

    Attributes:
        num_hits: Number of trainings that are hits.
        num_trials: Number of all trainings that count.
        wilson: 95 % interval, as if trainings were independent.
        by_family: 95 % interval from drawing whole families. It carries no information (both ends are equal)
            if every family has the same share.
    """

    num_hits: int
    num_trials: int
    wilson: Interval
    by_family: Interval

    @property
    def share(self) -> float | None:
        """Return hits / trials, or None without any trial."""
        return self.num_hits / self.num_trials if self.num_trials else None


def rate(trials: Iterable[Trial]) -> Rate:
    """Return the share of hits with both intervals."""
    counted = list(trials)
    num_hits = sum(trial.is_hit for trial in counted)
    return Rate(num_hits, len(counted), wilson_interval(num_hits, len(counted)), cluster_interval(counted))


def cluster_interval(
    trials: Iterable[Trial], confidence: float = 0.95, num_draws: int = NUM_DRAWS, seed: int = 0
) -> Interval:
    """Return the percentile interval of the share of hits by the cluster bootstrap; 0 to 1 without any trial.

    Seeds and severities of one family are not independent: whole families are drawn with replacement, as many
    as there are (Davison and Hinkley 1997, Bootstrap Methods and their Application, section 3.8).
    """
    by_family: dict[str, list[bool]] = {}
    for family, is_hit in trials:
        by_family.setdefault(family, []).append(is_hit)
    if not by_family:
        return Interval(0.0, 1.0)
    hits = np.array([sum(outcomes) for outcomes in by_family.values()])
    sizes = np.array([len(outcomes) for outcomes in by_family.values()])
    drawn = np.random.default_rng(seed).integers(len(sizes), size=(num_draws, len(sizes)))
    shares = hits[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
    low, high = np.quantile(shares, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(float(low), float(high))
