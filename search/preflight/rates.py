"""The learning-rate range test of a preflight: its cost, its curve as text, and its picture."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Literal

import torch

from failmap.analysis.rate_curve import RateCurve
from failmap.run_folder.storage import AnyPath
from failmap.search.cost import relative_cost
from failmap.search.preflight.finding import TimeLimitError, time_limit
from failmap.search.preflight.selection import Candidate
from failmap.search.trial.range_test import RangeTest, range_test

#: Seconds that a test may take; on a nominal core it is planned to take half of them.
MAX_SECONDS = 20.0
#: Updates of a test; with fewer the curve says nothing.
MIN_UPDATES, MAX_UPDATES = 40, 150
#: Points of the curve that are printed, and the width of the longest bar.
_NUM_ROWS, _BAR_WIDTH = 12, 30


@dataclass(frozen=True)
class RatesReport:
    """A range test of one trial.

    Attributes:
        name: the trial's.
        test: what was measured; None where it would take or took too long.
        picture: where it was saved.
    """

    name: str
    test: RangeTest | None
    picture: AnyPath | None

    def lines(self) -> Iterator[str]:
        """The curve as text, the conclusion, and where the picture is."""
        if self.test is None:
            yield f"not checked: learning rates of {self.name}: a test takes more than {MAX_SECONDS:.0f} s"
            return
        yield f"learning-rate range test of {self.name} (rate, smoothed loss)"
        yield from curve_lines(self.test.rates, self.test.smoothed, self.test.steepest)
        yield self.test.conclusion
        if self.picture is not None:
            yield f"picture: {self.picture}"


def try_rates(candidate: Candidate, picture: AnyPath) -> RatesReport:
    """Runs the test, and saves its picture."""
    per_update = relative_cost(candidate.config) / candidate.config.train.max_updates
    num_updates = min(MAX_UPDATES, int(MAX_SECONDS / 2 / per_update))
    if num_updates < MIN_UPDATES:
        return RatesReport(candidate.name, None, None)
    try:
        with time_limit(MAX_SECONDS), torch.random.fork_rng(devices=[]):
            test = range_test(candidate.config, torch.device("cpu"), num_updates=num_updates)
    except TimeLimitError:
        return RatesReport(candidate.name, None, None)
    # Here, not above: it brings matplotlib along, which nothing else of a preflight needs.
    from failmap.analysis.plots import write_range_test

    curve = RateCurve(candidate.name, test.rates, test.losses, test.smoothed, test.steepest, test.suggested)
    return RatesReport(candidate.name, test, write_range_test(curve, picture))


def curve_lines(rates: Sequence[float], smoothed: Sequence[float], steepest: float | None) -> Iterator[str]:
    """Some points of the curve: rate, loss, and a bar as long as the loss is high, up to the first one's."""
    count = min(_NUM_ROWS, len(smoothed))
    shown = {round(index * (len(smoothed) - 1) / max(count - 1, 1)) for index in range(count)}
    if steepest is not None:
        shown.add(min(rates.index(steepest), len(smoothed) - 1))
    for index in sorted(shown):
        share = smoothed[index] / smoothed[0] if smoothed[0] > 0 else 0.0
        bar = "#" * round(_BAR_WIDTH * min(share, 1.0)) + "+" * (share > 1.01)
        mark = "  <- steepest" * (rates[index] == steepest)
        yield f"  {rates[index]:8.2g}  {smoothed[index]:10.4g}  {bar}{mark}"


Kind = Literal[
    "overfitted",
    "explodes",
    "goes up",
    "falling",
    "oscillates",
    "flat",
    "flat at chance",
    "at the floor",
    "too few",
]
#: Fewer updates are too few to tell anything but an explosion.
MIN_LOSSES = 30
#: Share of the way from a blind guess to the floor that may be left in what counts as overfitted.
LEFT_SHARE = 0.1
#: A loss that ends above this many times its beginning goes up.
_RISEN = 1.5
#: It still falls if a fifth of the updates takes this share off what is left above the floor.
_FALL_SHARE = 0.03
#: It oscillates if the last fifth spreads over this share of its median, and turns at every fourth update.
_SPREAD_SHARE, _TURN_SHARE = 0.25, 0.25
#: Within this share of a level it stands at that level.
_NEAR = 0.05


@dataclass(frozen=True)
class Course:
    """What happened, and the loss at the end: the median of the last fifth of the updates."""

    kind: Kind
    last: float


def target_loss(blind: float, floor: float) -> float:
    """The loss from which on a batch counts as overfitted."""
    return floor + LEFT_SHARE * (blind - floor)


def course(losses: Sequence[float], blind: float, floor: float) -> Course:
    """Classifies a curve.

    Args:
        losses: by update, one or more.
        blind: what the best constant output gets on that batch.
        floor: what no network can get below.
    """
    if not all(map(math.isfinite, losses)):
        return Course("explodes", math.nan)
    fifth = max(1, len(losses) // 5)
    last = median(losses[-fifth:])
    if min(losses[-fifth:]) <= target_loss(blind, floor):
        return Course("overfitted", min(losses[-fifth:]))
    if len(losses) < MIN_LOSSES:
        return Course("too few", last)
    if last > _RISEN * max(median(losses[:3]), blind):
        return Course("goes up", last)
    before = median(losses[-2 * fifth : -fifth])
    earlier = median(losses[-3 * fifth : -2 * fifth])
    if last - floor < (1 - _FALL_SHARE) * (before - floor) and before < earlier:
        return Course("falling", last)
    if _oscillates(losses[-fifth:]):
        return Course("oscillates", last)
    if abs(last - blind) <= _NEAR * abs(blind):
        return Course("flat at chance", last)
    if last - floor <= _NEAR * abs(blind):
        return Course("at the floor", last)
    return Course("flat", last)


def _oscillates(losses: Sequence[float]) -> bool:
    """Whether a stretch goes up and down, and far."""
    steps = [after - before for before, after in pairwise(losses)]
    turns = sum(one * other < 0 for one, other in pairwise(steps))
    ranked = sorted(losses)
    low, high = ranked[len(ranked) // 10], ranked[-1 - len(ranked) // 10]
    return high - low > _SPREAD_SHARE * abs(median(losses)) and turns >= _TURN_SHARE * max(len(steps) - 1, 1)
