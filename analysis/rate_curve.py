"""What is drawn of a learning-rate range test."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class RateCurve:
    """The loss while the learning rate grew from update to update.

    Attributes:
        title: of the picture.
        rates: the learning rate of each update.
        losses: the training loss of each update.
        smoothed: the same, smoothed; it ends where it is not finite any more.
        steepest: the rate at which it fell fastest; None if it never fell.
        suggested: the interval to try; None likewise.
    """

    title: str
    rates: Sequence[float]
    losses: Sequence[float]
    smoothed: Sequence[float]
    steepest: float | None
    suggested: tuple[float, float] | None
