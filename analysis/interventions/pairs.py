"""Trials before and after a change, paired by their seeds."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from failmap.analysis.records import Outcome, TrialRecord
from failmap.analysis.statistics import exact_paired_test
from failmap.analysis.verdict import Tally

#: Where a seed was tried twice, what tells most counts.
_TELLING: tuple[Outcome | None, ...] = ("learned", "failed", "censored", None, "errored")


@dataclass(frozen=True)
class Pairs:
    """What a change did on the seeds that were tried both without it and with it.

    Attributes:
        before, after: counts of the same seeds: those of which both trials ended, and neither errored.
        gained: seeds that failed before and learned after. A pair with a censored trial is in neither.
        lost: seeds that learned before and failed after.
        num_unfinished: seeds tried with the change, of which one of the two has not ended, or not begun.
        num_errored: seeds of which one of the two errored: no evidence.
    """

    before: Tally
    after: Tally
    gained: int = 0
    lost: int = 0
    num_unfinished: int = 0
    num_errored: int = 0

    @property
    def p_value(self) -> float:
        """Of the exact paired test, two-sided."""
        return exact_paired_test(self.gained, self.lost)


def pair(before: Iterable[TrialRecord], after: Iterable[TrialRecord]) -> Pairs:
    """Pairs trials by seed. Seeds that were not tried with the change are left out.

    Args:
        before: trials of one configuration, of any seeds.
        after: trials of the same configuration with one thing changed.
    """
    was, became = _outcomes(before), _outcomes(after)
    ends = Counter((was.get(seed), outcome) for seed, outcome in became.items())
    errored = Counter({pair: count for pair, count in ends.items() if "errored" in pair})
    unfinished = Counter({pair: count for pair, count in (ends - errored).items() if None in pair})
    counted = ends - errored - unfinished
    return Pairs(
        before=_tally(first for first, _ in counted.elements()),
        after=_tally(second for _, second in counted.elements()),
        gained=counted["failed", "learned"],
        lost=counted["learned", "failed"],
        num_unfinished=unfinished.total(),
        num_errored=errored.total(),
    )


def _outcomes(trials: Iterable[TrialRecord]) -> dict[int, Outcome | None]:
    """One outcome for each seed."""
    outcomes: dict[int, Outcome | None] = {}
    for trial in trials:
        outcome = trial.summary.outcome if trial.summary else None
        known = outcomes.get(trial.seed, outcome)
        outcomes[trial.seed] = min(known, outcome, key=_TELLING.index)
    return outcomes


def _tally(outcomes: Iterable[Outcome | None]) -> Tally:
    counts = Counter(outcomes)
    return Tally(counts["learned"], counts.total(), counts["censored"])
