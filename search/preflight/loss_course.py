"""What a curve of losses did: fell, explodes, goes up, oscillates, or stays flat. Knows no torch."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Literal

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
MIN_UPDATES = 30
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
    if len(losses) < MIN_UPDATES:
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
