"""How often inference errs: cells that were inferred, and were run all the same to test that."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from failmap.analysis.map.surface import Counts, Labels, map_beliefs
from failmap.analysis.statistics import Interval, wilson_interval
from failmap.run_folder.wording import quantity


@dataclass(frozen=True)
class Audit:
    """What came of the trials that tested inferred cells.

    A cell on the wrong side comes out otherwise in at least every second trial, and one on the right side in
    some as well: twice the share that came out otherwise bounds the share of cells on the wrong side.

    Attributes:
        num_trials: Trials in cells of which the surface is sure without those that were tested.
        num_against: Those that learned where the surface infers that it fails, or the other way round.
        num_expected: How many of these the surface expects.
    """

    num_trials: int
    num_against: int
    num_expected: float

    @property
    def interval(self) -> Interval:
        """Return the 95 % interval of the share of trials that come out otherwise."""
        return wilson_interval(self.num_against, self.num_trials)

    @property
    def words(self) -> str:
        """Return 'audit: 1 of 4 trials in inferred cells came out otherwise (0.1 expected; 95 %: ...)'."""
        low, high = (f"{100 * bound:.0f}" for bound in self.interval)
        trials = quantity(self.num_trials, "trial")
        return (
            f"audit: {self.num_against} of {trials} in inferred cells came out otherwise "
            f"({self.num_expected:.2g} expected; 95 %: {low} to {high} %)"
        )


def audit_inference(
    paths: Sequence[str],
    labels: Sequence[Sequence[Any]],
    counts: Counts,
    outcomes: Iterable[tuple[Labels, bool]],
) -> Audit:
    """Compare trials that tested the surface with what it says without their cells.

    They are held out together: a surprise in one of them must not make the surface less sure of the others.
    Where it is not sure without them, a cell is no test of it.

    Args:
        paths: Dotted paths of the map's axes x and y, and of its facet.
        labels: The labels of each of them.
        counts: Of the default recipe (see `default_counts`).
        outcomes: The cell of each ended trial whose purpose was 'audit', and whether it learned.
    """
    num_trials = num_against = 0
    num_expected = 0.0
    tested = list(outcomes)
    held_out = {cell for cell, _ in tested}
    others = {cell: counted for cell, counted in counts.items() if cell not in held_out}
    beliefs = map_beliefs(paths, labels, others) if tested else {}
    for cell, has_learned in tested:
        belief = beliefs.get(cell)
        if belief is None or belief.side is None:
            continue
        num_trials += 1
        num_against += has_learned is (belief.side == "fails")
        num_expected += belief.p if belief.side == "fails" else 1 - belief.p
    return Audit(num_trials, num_against, num_expected)
